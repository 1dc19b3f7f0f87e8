// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"errors"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
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
	var writes []reservation
	for _, i := range p.instances {
		gang := gangs[i.name()]
		if i.node == "" || i.state == terminating {
			gang = ""
		}
		was := i.reserved
		switch {
		case gang == "":
			i.reserved = batchmeta.Reservation{}
			if i.node != "" && waiting[was.Gang] && now.Before(was.Until) { // else what was said means nothing any more
				writes = append(writes, reservation{i, i.node, ""})
			}
		case was.Gang != gang || was.Until.Sub(now) < reservedFor/2:
			i.reserved = batchmeta.Reservation{Gang: gang, Until: now.Add(reservedFor)}
			writes = append(writes, reservation{i, i.node, i.reserved.String()})
		}
	}
	if len(writes) > 0 {
		p.work.Go(func() { p.writeReservations(writes) })
	}
}

// reservation is what an instance's node is to say of itself.
type reservation struct {
	instance    *instance
	node, value string
}

// reservationOf is what a node says when it is first seen: a former leader had it say so, and who leads now goes on from there
// as long as that lasts.
func reservationOf(n *corev1.Node, now time.Time) batchmeta.Reservation {
	r, ok := batchmeta.ReservationOf(n.Annotations[batchmeta.Reserved])
	if !ok || !now.Before(r.Until) {
		return batchmeta.Reservation{}
	}
	return r
}

// writeReservations writes to nodes what each is kept for. One that cannot be told is told again.
func (p *Provider) writeReservations(writes []reservation) {
	p.reserving.Lock() // what was wanted later is written later
	defer p.reserving.Unlock()
	ctx, cancel := context.WithTimeoutCause(p.base, listTimeout, errors.New("the API server did not answer in time"))
	defer cancel()
	logger := klog.FromContext(ctx)
	slots := make(chan struct{}, reservers)
	var work sync.WaitGroup
	for _, w := range writes {
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			if err := p.cluster.ReserveNode(ctx, w.node, w.value); err != nil {
				logger.Error(err, "Cannot tell what a node is kept for", "node", klog.KRef("", w.node))
				p.mu.Lock()
				w.instance.reserved = batchmeta.Reservation{}
				p.mu.Unlock()
			}
		})
	}
	work.Wait()
}
