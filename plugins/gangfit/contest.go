// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/plugins/preempt"
)

// contest is one look at what could make room for a gang that does not fit, or for a pod of none.
type contest struct {
	g       *GangFit
	draft   *gang.Draft
	sim     *simulation // of the snapshot without the pods that are ending anyway
	leaving []*corev1.Pod

	// What may be ended, by index.

	works []preempt.Work
	pods  [][]*corev1.Pod                // all that end, those without a node included
	infos []map[int][]*framework.PodInfo // what is gone then, by node
	index map[holder]int                 // -1 for what may not be ended
}

// survey looks through the snapshot for what is ending and for what may be ended for the draft.
func (g *GangFit) survey(ctx context.Context, draft *gang.Draft) (*contest, error) {
	sim, err := newSimulation(g)
	if err != nil {
		return nil, err
	}
	trial := *draft // its refusal stays what it is
	c := &contest{g: g, draft: &trial, sim: sim, index: map[holder]int{}}
	order, weakest := g.ledger.Order(draft.Members[0]), weakestOf(draft.Members)
	may := func(victim gang.Order) bool { return order.MayPreempt(victim) && weakest.MayPreempt(victim) }
	now, ending := g.clock.Now(), map[int][]*framework.PodInfo{}
	for node, info := range sim.infos {
		for _, p := range info.Pods {
			switch {
			case g.evictions.isEnding(p.Pod, now):
				ending[node] = append(ending[node], p)
				c.leaving = append(c.leaving, p.Pod)
			case p.Pod.Spec.SchedulerName == g.fwk.ProfileName():
				c.consider(node, p, may)
			}
		}
	}
	return c, sim.vacate(ctx, ending)
}

// weakestOf returns the order of the member that counts least by itself. A gang sorts by its best member, but takes from
// others only what each of its members may.
func weakestOf(members []*corev1.Pod) gang.Order {
	weakest := gang.OrderOf(members[0])
	for _, pod := range members[1:] {
		if o := gang.OrderOf(pod); o.Level().Compare(weakest.Level()) < 0 {
			weakest = o
		}
	}
	return weakest
}

// consider adds a pod to its work, which is begun if it may be ended.
func (c *contest) consider(node int, p *framework.PodInfo, may func(gang.Order) bool) {
	owner := holderOf(p.Pod)
	i, known := c.index[owner]
	if !known {
		i = -1
		if order := c.g.ledger.Order(p.Pod); may(order) {
			i = len(c.works)
			pods := []*corev1.Pod{p.Pod}
			if members := c.g.ledger.Members(owner.gang); owner.pod == "" && len(members) > 0 {
				pods = members
			}
			c.works = append(c.works, preempt.Work{Level: order.Level(), Started: startedAt(p.Pod), Pods: len(pods)})
			c.pods, c.infos = append(c.pods, pods), append(c.infos, map[int][]*framework.PodInfo{})
		}
		c.index[owner] = i
	}
	if i < 0 {
		return
	}
	c.infos[i][node] = append(c.infos[i][node], p)
	if at := startedAt(p.Pod); at.Before(c.works[i].Started) {
		c.works[i].Started = at
	}
}

// startedAt is when a node began with the pod.
func startedAt(pod *corev1.Pod) time.Time {
	if pod.Status.StartTime != nil {
		return pod.Status.StartTime.Time
	}
	return pod.CreationTimestamp.Time
}

// try returns the seats that the draft gets once the works that were chosen have ended too; nil if it does not fit.
func (c *contest) try(ctx context.Context, chosen []int) (map[types.UID]string, error) {
	sim := *c.sim
	sim.infos, sim.gone = slices.Clone(c.sim.infos), slices.Clone(c.sim.gone)
	gone := map[int][]*framework.PodInfo{}
	for _, i := range chosen {
		for node, infos := range c.infos[i] {
			gone[node] = append(gone[node], infos...)
		}
	}
	if err := sim.vacate(ctx, gone); err != nil {
		return nil, err
	}
	seats, _, err := sim.fill(ctx, c.draft)
	return seats, err
}

// trials is how much may be tried, in members times nodes, for a gang that cannot be counted: a cycle must not take long.
const (
	trials    = 1_000_000
	maxTrials = 64
)

// choose returns the works to end for the draft and its seats then; none when nothing helps. Counting narrows it down, and
// what it finds must stand the test of every Filter plugin.
func (c *contest) choose(ctx context.Context) ([]int, map[types.UID]string, error) {
	cluster, exact, err := c.count(ctx)
	if err != nil {
		return nil, nil, err
	}
	budgets, err := listGuards(c.g.budgets)
	if err != nil {
		return nil, nil, err
	}
	budgets.mark(c.works, c.pods)
	chosen := preempt.Choose(cluster, c.works)
	if budgets.markInTurn(c.works, c.pods, chosen) {
		chosen = preempt.Choose(cluster, c.works)
	}
	if chosen == nil && exact {
		return nil, nil, nil
	}
	if chosen != nil {
		if seats, err := c.try(ctx, chosen); err != nil || seats != nil {
			return chosen, seats, err
		}
	}
	limit := min(maxTrials, trials/(len(c.sim.infos)*len(c.draft.Members)))
	chosen, err = preempt.ChooseBy(cluster, c.works, limit, func(gone []bool) (bool, error) {
		seats, err := c.try(ctx, indicesOf(gone))
		return seats != nil, err
	})
	if err != nil || chosen == nil {
		return nil, nil, err
	}
	seats, err := c.try(ctx, chosen)
	return chosen, seats, err
}

func indicesOf(set []bool) []int {
	var indices []int
	for i, in := range set {
		if in {
			indices = append(indices, i)
		}
	}
	return indices
}
