// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/crashpoint"
)

// GiveBack ends up to n instances of the group that are on their way and that nobody wants any more, the youngest first, as
// those are the furthest from being of use. Instances that have become nodes are left to scale-down, and what minvCpus asks
// for stays, and the instance by which an environment on trial is to show that it works. It returns how many are being ended, in the background.
func (g *Group) GiveBack(n int) int {
	p := g.p
	if p.cfg.Health.OnTrial(g.key.environmentUUID) {
		return 0
	}
	p.mu.Lock()
	victims := g.onTheWay()
	if g.typ.VCPUs > 0 && g.env != nil {
		n = min(n, (p.staying(g.key.environmentUUID, nil)-g.env.Floor())/g.typ.VCPUs)
	}
	victims = victims[:max(min(n, len(victims)), 0)]
	for _, i := range victims {
		i.state = terminating
	}
	p.mu.Unlock()
	if len(victims) > 0 {
		p.work.Go(func() { p.giveBack(victims) })
	}
	return len(victims)
}

// onTheWay are the instances that exist and have never been nodes, the youngest first. It is called with mu held.
func (g *Group) onTheWay() []*instance {
	var out []*instance
	for _, i := range g.instances {
		if (i.state == pending || i.state == running) && !i.joined {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(a, b *instance) int {
		return cmp.Or(b.since.Compare(a.since), cmp.Compare(a.providerID, b.providerID))
	})
	return out
}

// giveBack ends those of the instances that are no nodes in the API server's eyes either.
func (p *Provider) giveBack(victims []*instance) {
	ctx, cancel := context.WithTimeoutCause(p.base, p.cfg.TerminateTimeout, errors.New("the fleet did not answer in time"))
	defer cancel()
	logger := klog.FromContext(ctx)
	joined, err := p.cluster.ProviderIDs(ctx)
	if err == nil {
		err = p.checkHomeless(ctx)
	}
	if err != nil {
		logger.Error(err, "Cannot give back instances that nobody wants, keeping them")
		p.keep(victims)
		return
	}
	var doomedOnes []doomed
	var ids []string
	for _, i := range victims {
		if joined[i.providerID] {
			p.keep([]*instance{i})
			continue
		}
		doomedOnes, ids = append(doomedOnes, doomed{instance: i}), append(ids, i.id)
	}
	if len(ids) == 0 {
		return
	}
	logger.Info("Giving back instances that nobody wants any more", "instances", ids)
	err = crashpoint.Around("fleet/give-back", func() error { return p.fleet.Terminate(ctx, ids) })
	if err != nil {
		logger.Error(err, "Cannot give back instances that nobody wants")
	}
	p.conclude(doomedOnes, err)
	p.cfg.Changed()
}

// keep lets instances stay that were to go.
func (p *Provider) keep(instances []*instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range instances {
		if p.instances[i.providerID] == i {
			i.state = running
		}
	}
}
