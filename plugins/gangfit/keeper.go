// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/plugins/room"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const (
	keepEvery   = time.Second      // between two forecasts, at least, while something changes
	keepAnyway  = 30 * time.Second // and at most, for what nobody told
	keepShare   = 50               // a forecast takes one part in so many of the time
	keepTries   = 16               // gangs that a forecast is made for in one look
	maxCoolings = 8                // as many times as long as it was kept, at most, room is not kept for the same gang again
)

// keeper keeps room for the gang that is next, so that small work which comes later cannot fill every gap that opens for
// ever. There is one such gang in each pool of nodes: the first in order of those that wait.
//
// The room is a forecast's (package room): the nodes on which the gang is going to fit, and when. It is bounded: after
// RoomTimeout the gang's turn is over, and it gets no other for at least as long; the next one gets its chance. So a gang
// that does not come to fit cannot keep nodes empty for ever. A gang that is larger than all nodes of its pool gets no room
// at all; in an environment that still grows, there is none to keep before the nodes are there.
//
// The keeper works on what the informers know, beside the scheduling cycles. What it gets wrong for being late delays
// somebody, no more: a pod is placed by the scheduler's own filters, of which a hold is but one.
type keeper struct {
	gangs    contenders
	holds    *holds
	forecast *forecaster
	clock    clock.WithDelayedExecution
	timeout  time.Duration

	nudged  chan struct{}
	changed atomic.Bool // something happened in the cluster since the last look

	turns map[gang.Key]*turn // only the loop touches it
}

// contenders is what the keeper asks of the ledger.
type contenders interface {
	Contenders() []gang.Contender
	Contends(key gang.Key) *gang.Draft
}

// turn is a gang's time as the next one.
type turn struct {
	until   time.Time // the room is kept until then
	cooling time.Time // and no other before that
	missed  int       // turns that were in vain
}

func newKeeper(gangs contenders, holds *holds, forecast *forecaster, clk clock.WithDelayedExecution, timeout time.Duration) *keeper {
	return &keeper{
		gangs: gangs, holds: holds, forecast: forecast, clock: clk, timeout: timeout,
		nudged: make(chan struct{}, 1), turns: map[gang.Key]*turn{},
	}
}

// Nudge tells the keeper that a gang was refused. It does not block.
func (k *keeper) Nudge() {
	k.changed.Store(true)
	select {
	case k.nudged <- struct{}{}:
	default:
	}
}

// Run keeps room until ctx ends. While no gang waits it sleeps.
func (k *keeper) Run(ctx context.Context) {
	if k.timeout == 0 {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.nudged:
		}
		for k.tend(ctx) {
			if ctx.Err() != nil {
				return
			}
		}
	}
}

// tend looks after the rooms once and waits for the next time; false when no gang waits any more.
func (k *keeper) tend(ctx context.Context) bool {
	k.changed.Store(false)
	began := k.clock.Now()
	if !k.runOnce(ctx) {
		return false
	}
	pause := max(keepEvery, keepShare*k.clock.Since(began))
	for waited := time.Duration(0); ; waited += pause {
		if (waited > 0 && k.changed.Load()) || waited >= keepAnyway {
			return true
		}
		timer := k.clock.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C():
		}
	}
}

// runOnce brings the rooms in line with who waits; false when nobody does.
func (k *keeper) runOnce(ctx context.Context) bool {
	waiting := k.gangs.Contenders()
	k.forget(waiting)
	kept := map[holdID]bool{}
	if len(waiting) > 0 {
		view := k.forecast.look(k.clock.Now())
		served := map[string]bool{}
		tries := keepTries
		for _, c := range waiting {
			pool := poolOf(c.Member)
			if served[pool] {
				k.displace(c.Key, view.now)
				continue
			}
			if tries == 0 {
				continue
			}
			if h := k.roomFor(ctx, view, c, &tries); h != nil {
				served[pool] = true
				kept[h.id] = true
				view.take(h)
			}
		}
	} else {
		k.forecast.forget()
	}
	for _, h := range k.holds.all() {
		if h.id.purpose == nextToFit && !kept[h.id] {
			k.holds.Release(h.id)
		}
	}
	return len(waiting) > 0
}

// poolOf names the nodes that pod competes for: those of its compute environment, else all.
func poolOf(pod *corev1.Pod) string { return pod.Spec.NodeSelector[batchmeta.ComputeEnvironmentUUID] }

// forget drops the turns of gangs that no longer wait.
func (k *keeper) forget(waiting []gang.Contender) {
	if len(k.turns) == 0 {
		return
	}
	still := make(map[gang.Key]bool, len(waiting))
	for _, c := range waiting {
		still[c.Key] = true
	}
	for key := range k.turns {
		if !still[key] {
			delete(k.turns, key)
		}
	}
}

// displace ends the turn of a gang that is no longer the next one: it will have a whole one when it is again.
func (k *keeper) displace(key gang.Key, now time.Time) {
	if t := k.turns[key]; t != nil && now.Before(t.until) {
		delete(k.turns, key)
	}
}

// roomFor keeps room for a gang and returns the hold; nil when none is to be kept for it now.
func (k *keeper) roomFor(ctx context.Context, view *view, c gang.Contender, tries *int) *hold {
	now := k.clock.Now()
	t := k.turns[c.Key]
	if t != nil && !now.Before(t.until) && now.Before(t.cooling) {
		return nil
	}
	if k.holds.get(holdID{holder{gang: c.Key}, vacatedFor}) != nil {
		return nil // it has its room
	}
	draft := k.gangs.Contends(c.Key)
	if draft == nil {
		return nil
	}
	*tries--
	roles, ok := rolesOf(draft.Least())
	if !ok {
		return nil
	}
	nodes := view.nodesFor(draft, roles)
	plan, ok := room.Find(roles.counts(), nodes, now)
	if !ok || fitsNow(plan) {
		return nil // never, or as soon as it is tried
	}
	t = k.turnOf(ctx, c, t, plan, now)
	h := &hold{
		id: keptFor(c.Key), order: c.Order,
		rooms: view.rooms(roles, nodes, plan), until: plan.At, expiry: t.until,
	}
	k.holds.Set(h)
	return h
}

// keptFor names the hold on the room that is kept for a gang while it is the next one.
func keptFor(key gang.Key) holdID { return holdID{holder{gang: key}, nextToFit} }

func fitsNow(plan room.Plan) bool {
	for _, r := range plan.Rooms {
		if len(r.Awaits) > 0 {
			return false
		}
	}
	return true
}

// turnOf returns the turn that a gang is having, which begins when it has none.
func (k *keeper) turnOf(ctx context.Context, c gang.Contender, t *turn, plan room.Plan, now time.Time) *turn {
	if t != nil && now.Before(t.until) {
		return t
	}
	missed := 0
	if t != nil {
		missed = t.missed + 1
	}
	until := now.Add(k.timeout)
	t = &turn{until: until, cooling: until.Add(k.timeout * time.Duration(min(1<<missed, maxCoolings))), missed: min(missed, maxCoolings)}
	k.turns[c.Key] = t
	klog.FromContext(ctx).V(2).Info("Keeping room for gang", "gang", c.Key, "nodes", len(plan.Rooms), "fitsBy", plan.At, "until", until)
	return t
}
