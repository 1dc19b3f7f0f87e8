// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/plugins/soletenant"
)

// hold is room that is kept on nodes for one holder, which cannot take it yet. Only work that sorts after the holder has to
// leave it alone, but all others do what is reserved. What is in a hold does not change once it is set; a new one replaces it.
type hold struct {
	id     holdID
	order  gang.Order
	rooms  map[string]*keptRoom // by node; of what is reserved, the nodes themselves say so
	name   string               // of the gang, as nodes name it that are reserved for it
	until  time.Time            // work that is over by then may use the room meanwhile; zero: none may
	expiry time.Time            // the room is given up then; zero: when it is released
	isOver func() bool          // or when this says so; may be nil
}

// holdID names a hold: a holder has at most one of each purpose.
type holdID struct {
	holder  holder
	purpose purpose
}

// holder is a gang, or by its UID a pod of no gang.
type holder struct {
	gang gang.Key
	pod  types.UID
}

func holderOf(pod *corev1.Pod) holder {
	if key, ok := gang.KeyOf(pod); ok {
		return holder{gang: key}
	}
	return holder{pod: pod.UID}
}

// purpose is what a hold is for.
type purpose int

const (
	openSeats  purpose = iota // the seats of an open plan that are not reserved yet
	nextToFit                 // the gang that is next
	vacatedFor                // the gang, or pod, whose victims are still ending
	reserved                  // the gang that the autoscaler bought nodes for
)

// keptRoom is what is kept of one node. Some of it may still be used by pods that will be gone when the holder comes, or that
// are the holder's own: as much of it is not to be kept besides.
type keptRoom struct {
	kept framework.Resource
	used map[types.UID]*framework.Resource
}

// left returns what is to be kept free on the node now.
func (r *keptRoom) left(info *framework.NodeInfo) framework.Resource {
	left := *r.kept.Clone()
	if len(r.used) == 0 {
		return left
	}
	for _, p := range info.Pods {
		if used := r.used[p.Pod.UID]; used != nil {
			subtract(&left, used)
		}
	}
	return left
}

// holds keeps all holds. Reading them takes one atomic load.
type holds struct {
	clock    clock.WithDelayedExecution
	activate func(pods map[string]*corev1.Pod)

	current atomic.Pointer[[]*hold] // nil when there are none; what it points to never changes

	mu   sync.Mutex // guards byID, and writing current
	byID map[holdID]*heldRoom
}

// heldRoom is a hold in force.
type heldRoom struct {
	*hold
	timer      clock.Timer
	turnedAway map[string]*corev1.Pod // by namespace/name; the hold stood in their way, so its end wakes them
}

func newHolds(clk clock.WithDelayedExecution, activate func(map[string]*corev1.Pod)) *holds {
	return &holds{clock: clk, activate: activate, byID: map[holdID]*heldRoom{}}
}

// Set puts a hold in force, in place of the one of its id. It wakes whom the former one turned away and this one may not.
func (h *holds) Set(next *hold) {
	held := &heldRoom{hold: next, turnedAway: map[string]*corev1.Pod{}}
	if !next.expiry.IsZero() {
		held.timer = h.clock.AfterFunc(next.expiry.Sub(h.clock.Now()), func() { h.end(next.id, held) })
	}
	h.mu.Lock()
	former := h.byID[next.id]
	h.byID[next.id] = held
	var wake map[string]*corev1.Pod
	if former != nil {
		if next.isLooserThan(former.hold) {
			wake = former.turnedAway
		} else {
			held.turnedAway = former.turnedAway
		}
	}
	h.publish()
	h.mu.Unlock()
	former.stop()
	h.wake(wake)
}

// Release ends a hold if there is one, and wakes whom it turned away.
func (h *holds) Release(id holdID) {
	if h.current.Load() != nil {
		h.end(id, nil).stop()
	}
}

// end ends the hold of an id and returns it; when held is given, only if it is this one.
func (h *holds) end(id holdID, held *heldRoom) *heldRoom {
	h.mu.Lock()
	former := h.byID[id]
	if former == nil || (held != nil && former != held) {
		h.mu.Unlock()
		return nil
	}
	delete(h.byID, id)
	h.publish()
	h.mu.Unlock()
	h.wake(former.turnedAway)
	return former
}

// stop ends the hold's timer. It may not be called by the timer itself, nor under the lock: a clock may be busy calling.
func (h *heldRoom) stop() {
	if h != nil && h.timer != nil {
		h.timer.Stop()
	}
}

// publish makes the holds that are in force visible, in a stable order. The lock must be held.
func (h *holds) publish() {
	if len(h.byID) == 0 {
		h.current.Store(nil)
		return
	}
	list := make([]*hold, 0, len(h.byID))
	for _, held := range h.byID {
		list = append(list, held.hold)
	}
	slices.SortFunc(list, func(a, b *hold) int {
		switch {
		case a.order.Before(b.order):
			return -1
		case b.order.Before(a.order):
			return 1
		}
		return int(a.id.purpose - b.id.purpose)
	})
	h.current.Store(&list)
}

// all returns the holds; they are not to be changed.
func (h *holds) all() []*hold {
	if all := h.current.Load(); all != nil {
		return *all
	}
	return nil
}

// get returns the hold of an id; nil when there is none.
func (h *holds) get(id holdID) *hold {
	for _, hold := range h.all() {
		if hold.id == id {
			return hold
		}
	}
	return nil
}

// roomsOf returns what a hold keeps; nil when there is no such hold.
func (h *holds) roomsOf(id holdID) map[string]*keptRoom {
	if hold := h.get(id); hold != nil {
		return hold.rooms
	}
	return nil
}

func (h *holds) wake(pods map[string]*corev1.Pod) {
	if len(pods) > 0 {
		h.activate(pods)
	}
}

// turnAway notes that holds stood in pod's way. It returns false when one of them has ended meanwhile, and pod is to be
// tried again.
func (h *holds) turnAway(pod *corev1.Pod, by []*hold) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, hold := range by {
		held := h.byID[hold.id]
		if held == nil || held.hold != hold {
			return false
		}
		maps.Copy(held.turnedAway, podMap([]*corev1.Pod{pod}))
	}
	return true
}

// against returns the holds that pod, whose order is given by sorts, has to leave alone; nil when there are none.
func (h *holds) against(pod *corev1.Pod, sorts func(*corev1.Pod) gang.Order) []*hold {
	all := h.current.Load()
	if all == nil {
		return nil
	}
	mine, order, now := holderOf(pod), sorts(pod), h.clock.Now()
	over := overBy(pod, now)
	var against []*hold
	for _, hold := range *all {
		isBefore := hold.id.purpose == reserved || hold.order.Before(order)
		if hold.id.holder != mine && isBefore && !hold.lets(over) && hold.isInForce(now) {
			against = append(against, hold)
		}
	}
	return against
}

// isInForce reports whether the room still is to be left alone.
func (h *hold) isInForce(now time.Time) bool {
	return (h.expiry.IsZero() || now.Before(h.expiry)) && (h.isOver == nil || !h.isOver())
}

// lets reports whether work that is over by then, if that is known, may use the room.
func (h *hold) lets(over time.Time) bool {
	return !over.IsZero() && !h.until.IsZero() && !over.After(h.until)
}

// isLooserThan reports whether h may let pass what o turned away.
func (h *hold) isLooserThan(o *hold) bool {
	if h.until.After(o.until) || o.order.Before(h.order) {
		return true
	}
	for node, was := range o.rooms {
		is := h.rooms[node]
		if is == nil || !covers(&is.kept, &was.kept) {
			return true
		}
		for uid := range is.used {
			if was.used[uid] == nil {
				return true
			}
		}
	}
	return false
}

// keptOn returns how much is kept of a node, nil for nothing, and the first holder that keeps some.
func keptOn(info *framework.NodeInfo, against []*hold) (*framework.Resource, *hold) {
	if h := reservedOn(info, against); h != nil {
		return leftOn(info), h
	}
	var total *framework.Resource
	var first *hold
	for _, hold := range against {
		r := hold.rooms[info.Node().Name]
		if r == nil {
			continue
		}
		left := r.left(info)
		if isZero(&left) {
			continue
		}
		if total == nil {
			total, first = &left, hold
			continue
		}
		add(total, &left)
	}
	return total, first
}

// keepsKey is where PreFilter leaves the holds that the cycle's pod has to leave alone.
const keepsKey framework.StateKey = Name + "/keeps"

// keeps is what a cycle's Filter needs to know of the holds.
type keeps struct {
	against []*hold
	request *framework.Resource
	hit     *atomic.Bool // some node was turned down for a hold
}

// Clone returns the same: it does not depend on other pods.
func (k *keeps) Clone() framework.StateData { return k }

func keepsOf(state *framework.CycleState) *keeps {
	data, err := state.Read(keepsKey)
	if err != nil {
		return nil
	}
	return data.(*keeps)
}

// respect notes in the cycle's state which holds pod has to leave alone; false when there are none.
func (g *GangFit) respect(state *framework.CycleState, pod *corev1.Pod) bool {
	against := g.holds.against(pod, g.ledger.Order)
	if against == nil {
		return false
	}
	state.Write(keepsKey, &keeps{against: against, request: requestOf(pod), hit: new(atomic.Bool)})
	return true
}

// filter turns a node down on which the pod would take room that is kept from it.
func (k *keeps) filter(info *framework.NodeInfo) *framework.Status {
	kept, by := keptOn(info, k.against)
	if kept == nil || (fitsBeside(k.request, info, kept) && !soletenant.Is(info.Node())) {
		return nil
	}
	k.hit.Store(true)
	return framework.NewStatus(framework.Unschedulable, "node(s) keep room for "+by.id.holder.String())
}

// String names the holder for the owner of a pod that has to wait for it.
func (h holder) String() string {
	if h.pod != "" {
		return "a pod that is next"
	}
	return "gang " + h.gang.String()
}

// turnAway sees to it that pod is tried again when what was kept from it no longer is.
func (g *GangFit) turnAway(logger klog.Logger, pod *corev1.Pod, by []*hold) {
	if len(by) > 0 && !g.holds.turnAway(pod, by) {
		g.tryAgain(logger, podMap([]*corev1.Pod{pod}))
	}
}
