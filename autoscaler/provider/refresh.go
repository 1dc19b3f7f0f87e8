// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/autoscaler/cluster-autoscaler/cloudprovider"
	kubeutil "k8s.io/autoscaler/cluster-autoscaler/utils/kubernetes"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/autoscaler/interruption"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Refresh implements cloudprovider.CloudProvider, at the start of each loop. It only reads memory.
func (p *Provider) Refresh() error {
	nodes, err := p.nodes.List()
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.environments.Snapshot(); s != nil {
		p.syncGroups(s)
	}
	p.syncNodes(nodes)
	p.sortGroups()
	p.observe()
	return nil
}

// syncGroups makes the groups what the environments say. Groups that they no longer offer stay as long as they have
// instances.
func (p *Provider) syncGroups(s *computeenv.Snapshot) {
	if s != p.snapshot {
		p.snapshot, p.kinds = s, map[string][]kind{}
		for _, e := range s.All() {
			p.kinds[e.UUID] = kindsOf(e)
		}
	}
	for _, g := range p.groups {
		before := g.generation()
		if g.env, g.offered = s.Environment(g.key.environmentUUID), false; g.generation() != before {
			g.observed = observation{} // its nodes will look otherwise
		}
	}
	for _, e := range s.All() {
		for _, k := range p.kinds[e.UUID] {
			g := p.group(groupKey{e.UUID, k.typ.Name, e.CapacityType}, e.Name)
			g.env, g.kind, g.offered = e, k, true
		}
	}
	for key, g := range p.groups {
		if !g.offered && len(g.instances) == 0 {
			delete(p.groups, key)
			p.siblings[key.environmentUUID] = slices.DeleteFunc(p.siblings[key.environmentUUID], func(s *Group) bool { return s == g })
			if len(p.siblings[key.environmentUUID]) == 0 {
				delete(p.siblings, key.environmentUUID)
				delete(p.nodeAfter, key.environmentUUID)
			}
		}
	}
}

// group finds or makes a group. Its id is unique: an older environment of the same name makes way.
func (p *Provider) group(key groupKey, environment string) *Group {
	if g := p.groups[key]; g != nil {
		return g
	}
	g := &Group{
		p: p, key: key, id: GroupID(environment, key.instanceType, key.capacityType),
		kind: kind{typ: instancetype.Type{Name: key.instanceType}}, instances: map[string]*instance{},
	}
	for _, other := range p.groups {
		if other.id == g.id {
			other.id += "~" + other.key.environmentUUID
		}
	}
	p.groups[key] = g
	p.siblings[key.environmentUUID] = append(p.siblings[key.environmentUUID], g)
	return g
}

// syncNodes notes which instances have a node, and what ready nodes really look like.
func (p *Provider) syncNodes(nodes []*corev1.Node) {
	for _, i := range p.instances {
		i.node, i.closed, i.outdated = "", false, false
	}
	now := p.cfg.Clock.Now()
	observed := map[*Group]observation{}
	for _, n := range nodes {
		i := p.instances[n.Spec.ProviderID]
		if i == nil || n.Spec.ProviderID == "" {
			continue
		}
		if !i.joined {
			i.joined, i.reserved = true, reservationOf(n, now)
			if i.launched {
				p.cfg.Metrics.joined(i.group.environmentName(), now.Sub(i.since))
				p.nodeAfter[i.group.key.environmentUUID] = now.Sub(i.since)
				p.cfg.Joined(Launched{NodeGroup: i.group.id, Demands: i.demands, Since: i.since, Until: now})
				i.demands = nil
			}
			p.cfg.Health.Joined(i.group.key.environmentUUID)
		}
		i.node, i.outdated = n.Name, batchmeta.IsOutdated(n.Labels[batchmeta.Generation], i.group.generation())
		i.closed = i.outdated || interruption.IsMarked(n)
		if kubeutil.IsNodeReadyAndSchedulable(n) {
			if !i.outdated {
				observed[i.group] = observed[i.group].with(&n.Status, now)
			}
			if i.use.counted.IsZero() {
				i.use.counted = now
			}
		}
	}
	for g, o := range observed {
		g.observed = o
	}
}

// sortGroups orders groups by environment and by the order of its kinds, so that equal states look equal to core.
func (p *Provider) sortGroups() {
	groups := make([]*Group, 0, len(p.groups))
	for _, g := range p.groups {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *Group) int {
		return cmp.Or(
			cmp.Compare(a.environmentName(), b.environmentName()),
			cmp.Compare(a.key.environmentUUID, b.key.environmentUUID),
			cmp.Compare(a.order, b.order), cmp.Compare(a.id, b.id))
	})
	p.sorted = make([]cloudprovider.NodeGroup, len(groups))
	for i, g := range groups {
		p.sorted[i] = g
	}
}

func (g *Group) environmentName() string {
	if g.env != nil {
		return g.env.Name
	}
	return g.key.environmentUUID
}
