// SPDX-License-Identifier: Apache-2.0

package demand

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// gang is the members of a gang that exist.
type gang struct {
	size, least int    // as annotated; 0 if unknown
	placed      int    // members that have a node
	rank        string // the best of its members'; empty if the queue API gave none
	priority    int32  // the highest
	topology    string // that it requires; empty if none
	oldest      time.Time
	pending     map[string]*group // by shape
}

// observe takes size and least number from a member's annotations.
func (g *gang) observe(p *corev1.Pod) {
	if n, err := strconv.Atoi(p.Annotations[batchmeta.GangSize]); err == nil && n > 0 {
		g.size = n
	}
	if n, err := strconv.Atoi(p.Annotations[batchmeta.GangMin]); err == nil && n > 0 {
		g.least = n
	}
	g.topology = p.Annotations[batchmeta.GangTopologyRequired]
	if rank := rankOf(p); g.rank == "" || rank != "" && rank < g.rank {
		g.rank = rank
	}
	if p.Spec.Priority != nil {
		g.priority = max(g.priority, *p.Spec.Priority)
	}
	if created := p.CreationTimestamp.Time; g.oldest.IsZero() || created.Before(g.oldest) {
		g.oldest = created
	}
}

// rankOf is the order in which the queue API admitted the pod; empty if it did not.
func rankOf(p *corev1.Pod) string {
	rank := p.Annotations[batchmeta.Rank]
	if strings.Trim(rank, "0123456789") != "" {
		return "" // it would sort before all others
	}
	return rank
}

// compare orders gangs as the scheduler does: those that a queue ranked by rank, then the others by priority and age.
func (g *gang) compare(o *gang) int {
	if (g.rank == "") != (o.rank == "") {
		return cmp.Compare(o.rank, g.rank)
	}
	c := cmp.Compare(g.rank, o.rank)
	if g.rank == "" {
		c = cmp.Compare(o.priority, g.priority)
	}
	return cmp.Or(c, g.oldest.Compare(o.oldest))
}

// demands are what the gang needs: the members without which it cannot start, as a whole, and the others one by one.
func (g *gang) demands(name string) []Demand {
	waiting := 0
	for _, members := range g.pending {
		waiting += len(members.pods)
	}
	size := cmp.Or(g.size, waiting+g.placed)
	least := min(cmp.Or(g.least, size), size)
	if waiting == 0 || waiting+g.placed < least {
		return nil // the scheduler holds the members until enough exist
	}
	needed := max(least-g.placed, 0)
	whole, rest := Demand{Gang: name, Whole: true, Topology: g.topology}, Demand{Gang: name}
	for _, members := range g.sorted() {
		n := min(needed, len(members.pods))
		needed -= n
		whole.add(members.part(n))
		rest.add(members.part(len(members.pods) - n).after())
	}
	return slices.DeleteFunc([]Demand{whole, rest}, func(d Demand) bool { return len(d.Parts) == 0 })
}

func (g *gang) sorted() []*group {
	groups := make([]*group, 0, len(g.pending))
	for _, members := range g.pending {
		groups = append(groups, members)
	}
	slices.SortFunc(groups, func(a, b *group) int { return cmp.Compare(a.key, b.key) })
	return groups
}

func (d *Demand) add(p Part) {
	if p.Count > 0 {
		d.Parts = append(d.Parts, p)
	}
}

// after is the part under a key of its own, as a problem has each key once.
func (p Part) after() Part {
	p.Key += surplus
	return p
}

// surplus ends the keys of members beyond the least number.
const surplus = "+"
