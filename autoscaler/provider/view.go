// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"cmp"
	"slices"
	"time"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/autoscaler/instancetype"
)

// Offer is a group that scale-up may grow.
type Offer struct {
	Group *Group
	Type  instancetype.Type   // of its nodes, or what their types have in common
	Types []instancetype.Type // that its nodes may be of
	Rank  int                 // place of the type in the environment's list
	Cost  float64             // of a node; compares offers of one environment
	// Narrow offers are for pods that no other offer of the environment admits.
	Narrow bool
	Failed int // launches in a row that were not complete
	// Members are the group's instances, and those that are asked for, but not those that leave: those that have
	// been ready nodes last, else by age.
	Members []Member
}

// Member is an instance, or one that is asked for.
type Member struct {
	Name       string // from before it exists: fleet.InstanceToken of its launch, where that is known
	ProviderID string // of its node, should there be one
	Gang       string // that its node was last said to be kept for; empty for none
	Unsure     bool   // the fleet has not said yet whether it comes, or it does not
	ready      bool
	since      time.Time
}

// Market is an environment and what may be bought in it.
type Market struct {
	Environment *computeenv.Environment
	UsedVCPUs   int // of instances that exist, are being launched, or are not yet gone
	// OnTrial says that one instance may be bought, and no more. Waiting says that none may now: that one was, and has to join
	// first; or the first instances are just being ended as they did not join; or the environment is INVALID, known or not.
	OnTrial, Waiting bool
	// ClosedVCPUs are those of them whose nodes take no more pods: they count, but not towards minvCpus.
	ClosedVCPUs int
	Offers      []Offer
}

// Markets are the environments with their offers and vCPUs in use, by name.
func (p *Provider) Markets() []Market {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Market
	at := map[string]int{}
	for _, ng := range p.sorted {
		g, ok := ng.(*Group)
		if !ok || !g.offered {
			continue
		}
		i, seen := at[g.key.environmentUUID]
		if !seen {
			i = len(out)
			at[g.key.environmentUUID] = i
			out = append(out, p.market(g))
		}
		out[i].Offers = append(out[i].Offers, Offer{
			Group: g, Type: g.typ, Types: g.all(), Rank: g.rank, Cost: g.cost(g.isSpot()), Narrow: g.narrow,
			Members: g.members(), Failed: g.failedLaunches,
		})
	}
	return out
}

func (g *Group) members() []Member {
	out := make([]Member, 0, len(g.instances))
	for _, i := range g.instances {
		if i.state != terminating {
			out = append(out, Member{
				Name: i.name(), ProviderID: i.providerID, Gang: i.reserved.Gang,
				Unsure: !i.isReal(), ready: !i.use.counted.IsZero(), since: i.since,
			})
		}
	}
	slices.SortFunc(out, func(a, b Member) int {
		switch {
		case a.ready && !b.ready:
			return 1
		case b.ready && !a.ready:
			return -1
		}
		return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// market is that of the group's environment, without offers. It is called with mu held.
func (p *Provider) market(g *Group) Market {
	uuid := g.key.environmentUUID
	m := Market{Environment: g.env, UsedVCPUs: p.usedVCPUs(uuid), ClosedVCPUs: p.closedVCPUs(uuid), OnTrial: p.cfg.Health.OnTrial(uuid)}
	m.Waiting = m.OnTrial && p.isWaited(uuid) || p.judging[uuid] > 0 && !p.hasNodes(uuid) || p.cfg.Health.IsInvalid(uuid)
	return m
}

// usedVCPUs counts what may be there, too. It is called with mu held.
func (p *Provider) usedVCPUs(environmentUUID string) int {
	used := 0
	for _, g := range p.siblings[environmentUUID] {
		used += (len(g.instances) - g.failedInstances + p.doubtful(g)) * g.typ.VCPUs
	}
	return used
}

// closedVCPUs is called with mu held.
func (p *Provider) closedVCPUs(environmentUUID string) int {
	n := 0
	for _, g := range p.siblings[environmentUUID] {
		for _, i := range g.instances {
			if i.closed {
				n += g.typ.VCPUs
			}
		}
	}
	return n
}

// Kept says how the group's environment stands with its minvCpus: the vCPUs to keep, those of one node of the group, and
// those of instances that stay, which are neither leaving nor the instance of a node in leaving, and take pods.
func (g *Group) Kept(leaving map[string]bool) (floor, vcpus, staying int) {
	g.p.mu.Lock()
	defer g.p.mu.Unlock()
	if g.env != nil {
		floor = g.env.Floor()
	}
	return floor, g.typ.VCPUs, g.p.staying(g.key.environmentUUID, leaving)
}

// staying are the vCPUs of an environment's instances that are neither leaving nor the instance of a node in leaving. It is
// called with mu held.
func (p *Provider) staying(environmentUUID string, leaving map[string]bool) int {
	vcpus := 0
	for _, g := range p.siblings[environmentUUID] {
		for _, i := range g.instances {
			if (i.state == pending || i.state == running) && !i.closed && !leaving[i.node] {
				vcpus += g.typ.VCPUs
			}
		}
	}
	return vcpus
}

// EnvironmentUUID is the group's environment.
func (g *Group) EnvironmentUUID() string { return g.key.environmentUUID }
