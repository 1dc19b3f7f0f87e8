// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	kubeutil "k8s.io/autoscaler/cluster-autoscaler/utils/kubernetes"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const (
	// lostAfter is how long an instance must be missing in the fleet's lists before it counts as gone. Clouds may list an
	// instance later than they launch it.
	lostAfter = 10 * time.Second
	// strangerAfter is how long a dead node without an instance is left alone.
	strangerAfter = 30 * time.Second
	// listTimeout is how long the fleet may take to list, and the API server to delete nodes.
	listTimeout = 30 * time.Second
	// endedFor is how long a list may still name an instance that is gone.
	endedFor = 2 * time.Minute
)

// Start rebuilds the books: from the ledger and the fleet's list. Before, nothing is known and nothing may be decided. The
// ledger is opened first: what a former leader launches afterwards is in it, and what it launched before is in the list.
func (p *Provider) Start(ctx context.Context) error {
	underWay, err := p.ledger.Open(ctx)
	if err != nil {
		return err
	}
	if err := p.Reconcile(ctx); err != nil {
		return err
	}
	if err := p.Refresh(); err != nil {
		return err
	}
	p.replay(ctx, underWay)
	return nil
}

// Run compares the books with the fleet's list until ctx ends. It fails with ErrDeposed once another autoscaler leads.
func (p *Provider) Run(ctx context.Context) error {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.deposed:
			return ErrDeposed
		case <-p.cfg.Clock.After(p.cfg.ListInterval):
		}
		err := p.Reconcile(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Cannot list the fleet, keeping what is known")
		}
		failing = err != nil
	}
}

// replay repeats launches that a predecessor began and did not finish. What the fleet lists already is not asked for again.
func (p *Provider) replay(ctx context.Context, underWay []Entry) {
	for _, e := range underWay {
		if !p.repeat(e) {
			p.forget(ctx, e.Token)
			continue
		}
		klog.FromContext(ctx).Info("Repeating a launch that was under way", "launch", e.Token, "count", e.Count)
	}
}

func (p *Provider) repeat(e Entry) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.groups[groupKey{e.EnvironmentUUID, e.InstanceType, e.CapacityType}]
	if g == nil || !g.offered || g.env.IsLeaving() || p.cfg.Clock.Since(e.At) > p.cfg.ReplayWithin {
		return false
	}
	listed := 0
	for _, i := range g.instances {
		if i.isOf(e.Token) {
			listed++
		}
	}
	if listed >= e.Count {
		return false
	}
	l := launch{group: g, request: g.request(e.Token, e.Count)}
	l.request.Whole, l.request.OneZone = e.Whole, e.OneZone
	p.begin(l, false)
	return true
}

// Reconcile lists the fleet once and takes over what it says. Without a list nothing changes.
func (p *Provider) Reconcile(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, listTimeout, errors.New("no answer in time"))
	defer cancel()
	started := p.cfg.Clock.Now()
	listed, err := p.fleet.List(ctx)
	if err != nil {
		return fmt.Errorf("list the fleet: %w", err)
	}
	nodes, err := p.nodes.List()
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	p.mu.Lock()
	changed := p.appear(listed, started)
	lost := p.disappear(listed, started)
	dead := p.findStrangers(nodes, started)
	nameless := p.findNameless(nodes)
	p.mu.Unlock()
	p.prove(ctx, started)
	p.label(ctx, nameless)
	p.bury(ctx, nodes, lost, dead)
	p.learnTypes(ctx)
	if changed || len(lost) > 0 {
		p.cfg.Changed()
	}
	return nil
}

// appear takes over what is listed.
func (p *Provider) appear(listed []fleet.Instance, started time.Time) (changed bool) {
	for at := range p.ended {
		if started.Sub(p.ended[at]) > endedFor {
			delete(p.ended, at)
		}
	}
	for n := range listed {
		f := &listed[n]
		if gone, ok := p.ended[f.ProviderID]; ok && !gone.Before(started) {
			continue // it ended while the list was made
		}
		i := p.instances[f.ProviderID]
		if i == nil {
			i = p.adopt(p.groupOf(f), f)
			changed = true
		}
		i.missing, i.shown = time.Time{}, i.shown || !f.Unshown
		i.note(f)
		if i.overdue(started) {
			i.state, i.leaving = running, time.Time{}
		}
		if i.state == pending {
			i.state = stateOf(f)
		}
	}
	return changed
}

// groupOf is the group that an instance was launched into. An instance of an environment that is gone gets a group of which
// no more is offered, so that scale-down ends it as soon as nothing runs there.
func (p *Provider) groupOf(f *fleet.Instance) *Group {
	name, capacity := strings.TrimSuffix(f.NodeGroup, "~"+f.EnvironmentUUID), batchmeta.CapacityOnDemand
	if rest, ok := strings.CutSuffix(name, "."+batchmeta.CapacitySpot); ok {
		name, capacity = rest, batchmeta.CapacitySpot
	}
	name = strings.TrimSuffix(name, "."+batchmeta.CapacityOnDemand)
	if i := strings.LastIndexByte(name, '.'); i >= 0 && instancetype.IsClassName(name[i+1:]) {
		return p.group(groupKey{f.EnvironmentUUID, name[i+1:], capacity}, name[:i])
	}
	name = strings.TrimSuffix(name, "."+f.InstanceType)
	return p.group(groupKey{f.EnvironmentUUID, f.InstanceType, capacity}, name)
}

// disappear drops instances that the fleet does not list any more.
func (p *Provider) disappear(listed []fleet.Instance, started time.Time) (lost []string) {
	seen := make(map[string]bool, len(listed))
	for _, f := range listed {
		seen[f.ProviderID] = true
	}
	for id, i := range p.instances {
		switch {
		case !seen[id] && i.overdue(started):
			p.drop(i)
			lost = append(lost, id)
		case seen[id] || i.state != pending && i.state != running || i.since.After(started):
		case i.missing.IsZero():
			i.missing = started
		case started.Sub(i.missing) >= lostAfter:
			p.drop(i)
			lost = append(lost, id)
			if uuid := i.group.key.environmentUUID; !i.joined {
				p.cfg.Health.Died(uuid, i.since, p.hasNodes(uuid))
			}
		}
	}
	return lost
}

// findStrangers finds nodes that call themselves ours, are dead, and have no instance: left behind by instances that ended
// while nobody looked.
func (p *Provider) findStrangers(nodes []*corev1.Node, now time.Time) (dead []string) {
	strange := map[string]time.Time{}
	for _, n := range nodes {
		if n.Labels[batchmeta.NodeGroup] == "" || n.Labels[batchmeta.InstanceID] == "" || p.instances[n.Spec.ProviderID] != nil {
			continue
		}
		if r, err := kubeutil.GetNodeReadiness(n); err == nil && r.Ready {
			continue
		}
		since, known := p.strangers[n.Name]
		if !known {
			since = now
		}
		strange[n.Name] = since
		if now.Sub(since) >= strangerAfter {
			dead = append(dead, n.Spec.ProviderID)
		}
	}
	p.strangers = strange
	return dead
}

// findNameless finds nodes that do not say which instance they are, and says it for them. A machine that is told what to
// become before it exists, as those of a launch template are, cannot know.
func (p *Provider) findNameless(nodes []*corev1.Node) map[string]string {
	out := map[string]string{}
	for _, n := range nodes {
		if i := p.instances[n.Spec.ProviderID]; i != nil && i.id != "" && n.Labels[batchmeta.InstanceID] == "" {
			out[n.Name] = i.id
		}
	}
	return out
}

func (p *Provider) label(ctx context.Context, ids map[string]string) {
	for node, id := range ids {
		if err := p.cluster.LabelNode(ctx, node, id); err != nil {
			klog.FromContext(ctx).Error(err, "Cannot label node with its instance", "node", klog.KRef("", node), "instance", id)
		}
	}
}

// learnTypes asks for types that no environment lists any more, but instances are of: their vCPUs still count.
func (p *Provider) learnTypes(ctx context.Context) {
	for _, name := range p.unknownTypes() {
		types, err := p.fleet.InstanceTypes(ctx, []string{name})
		if err != nil || len(types) != 1 {
			klog.FromContext(ctx).Error(err, "Cannot tell what an instance type is", "instanceType", name, "types", len(types))
			continue
		}
		p.mu.Lock()
		for _, g := range p.groups {
			if g.typ.VCPUs == 0 && g.someType() == name {
				g.typ = types[0]
			}
		}
		p.mu.Unlock()
	}
}

func (p *Provider) unknownTypes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := map[string]bool{}
	for _, g := range p.groups {
		if g.typ.VCPUs == 0 && len(g.instances) > 0 {
			names[g.someType()] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// someType is the type of one of the group's instances: in what matters of a group that is not offered, all are alike.
func (g *Group) someType() string {
	name := ""
	for _, i := range g.instances {
		if name == "" || i.instanceType < name {
			name = i.instanceType
		}
	}
	return name
}

// bury deletes the Node objects of instances that are no more.
func (p *Provider) bury(ctx context.Context, nodes []*corev1.Node, ids ...[]string) {
	gone := map[string]bool{}
	for _, list := range ids {
		for _, id := range list {
			gone[id] = true
		}
	}
	for _, n := range nodes {
		if !gone[n.Spec.ProviderID] || n.Spec.ProviderID == "" {
			continue
		}
		logger := klog.FromContext(ctx)
		logger.Info("Deleting node of an instance that is gone", "node", klog.KObj(n))
		if err := p.cluster.DeleteNode(ctx, n); err != nil {
			logger.Error(err, "Cannot delete node of an instance that is gone", "node", klog.KObj(n))
		}
	}
}
