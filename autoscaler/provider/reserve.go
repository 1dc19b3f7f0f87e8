// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const (
	// reservedFor is how long a node is kept for a gang unless that is said again: as long as we may be gone, or a gang take
	// to start, before others have the node.
	reservedFor = time.Minute
	// reservers is how many nodes are written to at once.
	reservers = 8
)

// Reserve tells the scheduler for which gangs nodes are kept: those that were bought, and have come or are about to. Without
// that any other pod may be put there first, and the rest of the gang's nodes stand idle until another has come for it. gangs
// are by the Name of a Member; waiting are the gangs that have yet to start. Nodes are written to in the background.
func (p *Provider) Reserve(gangs map[string]string, waiting map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.cfg.Clock.Now()
	wanted, writes := map[string]bool{}, map[string]string{}
	for _, i := range p.instances {
		gang := gangs[i.name()]
		if i.node == "" || gang == "" || i.state == terminating {
			continue
		}
		wanted[i.node] = true
		if r := p.reserved[i.node]; r.Gang != gang || r.Until.Sub(now) < reservedFor/2 {
			r = batchmeta.Reservation{Gang: gang, Until: now.Add(reservedFor)}
			p.reserved[i.node], writes[i.node] = r, r.String()
		}
	}
	for node, r := range p.reserved {
		if !wanted[node] {
			delete(p.reserved, node)
			if waiting[r.Gang] && now.Before(r.Until) { // else it means nothing any more
				writes[node] = ""
			}
		}
	}
	if len(writes) > 0 {
		p.work.Go(func() { p.writeReservations(writes) })
	}
}

// writeReservations writes to nodes what each is kept for. One that cannot be told is told again.
func (p *Provider) writeReservations(writes map[string]string) {
	p.reserving.Lock() // what was wanted later is written later
	defer p.reserving.Unlock()
	ctx, cancel := context.WithTimeoutCause(p.base, listTimeout, errors.New("the API server did not answer in time"))
	defer cancel()
	logger := klog.FromContext(ctx)
	slots := make(chan struct{}, reservers)
	var work sync.WaitGroup
	for node, value := range writes {
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			if err := p.cluster.ReserveNode(ctx, node, value); err != nil {
				logger.Error(err, "Cannot tell what a node is kept for", "node", klog.KRef("", node))
				p.mu.Lock()
				delete(p.reserved, node)
				p.mu.Unlock()
			}
		})
	}
	work.Wait()
}
