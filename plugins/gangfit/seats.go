// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/gang"
)

// holdSeats keeps the seats of an open plan until the members have reserved them: a reserved member is on its node in the
// next snapshot, and then uses what is kept for it.
func (g *GangFit) holdSeats(plan *gang.Plan, members []*corev1.Pod, seats map[types.UID]string) {
	if len(seats) < 2 { // whose own cycle this is reserves the only one
		return
	}
	rooms := map[string]*keptRoom{}
	for _, pod := range members {
		node, ok := seats[pod.UID]
		if !ok {
			continue
		}
		r := rooms[node]
		if r == nil {
			r = &keptRoom{used: map[types.UID]*framework.Resource{}}
			rooms[node] = r
		}
		request := requestOf(pod)
		add(&r.kept, request)
		r.used[pod.UID] = request
	}
	g.holds.Set(&hold{
		id: seatsOf(plan), order: g.ledger.Order(members[0]), rooms: rooms,
		expiry: g.clock.Now().Add(patience(plan.Patience(), len(seats))),
		isOver: func() bool { return !g.ledger.IsOpen(plan) },
	})
}

// endSeats ends that. Where it is not called, the plan no longer being open ends it.
func (g *GangFit) endSeats(plan *gang.Plan) { g.holds.Release(seatsOf(plan)) }

func seatsOf(plan *gang.Plan) holdID {
	return holdID{holder: holder{gang: plan.Key()}, purpose: openSeats}
}
