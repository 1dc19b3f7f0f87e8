// SPDX-License-Identifier: Apache-2.0

package gang

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Ledger keeps the state of all gangs. It is safe for concurrent use and calls nothing but a Gain while it holds its lock.
type Ledger struct {
	mu     sync.RWMutex // guards all below, and every Plan
	gangs  map[Key]*record
	groups map[Key]*group        // the PodGroups, with members or without
	owner  map[types.UID]*record // by member
	orders orders

	finished   map[Key]finished
	finishedIn map[types.UID]Key  // by finished pod
	open       map[*Plan]struct{} // the open plans

	line     line
	refused  map[*record]struct{}
	refusals uint64 // ever
	// watchers are leaders whose hints kube-scheduler asks about every event; each speaks for all refused gangs.
	// Invariant: there is one while there are refused gangs, but for those that went back whole.
	watchers map[types.UID]*record
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{
		gangs: map[Key]*record{}, groups: map[Key]*group{}, owner: map[types.UID]*record{}, orders: newOrders(),
		finished: map[Key]finished{}, finishedIn: map[types.UID]Key{},
		open: map[*Plan]struct{}{}, refused: map[*record]struct{}{}, watchers: map[types.UID]*record{},
	}
}

// Change is what follows from an observation, for the caller to carry out.
type Change struct {
	Key    Key           // of the gang that changed; the zero key when none did
	Wake   []*corev1.Pod // the leaders of gangs that may be placed now: worth an attempt at once
	Reject []types.UID   // reserved under a plan that no longer holds
	Reason string        // why they are rejected
	Placed bool          // as a member has its node already; else as one is gone
}

// and returns what follows from c and d together, of which only one rejects anybody.
func (c Change) and(d Change) Change {
	if len(d.Reject) > 0 {
		c.Reject, c.Reason, c.Placed = d.Reject, d.Reason, d.Placed
	}
	if d.Key != (Key{}) {
		c.Key = d.Key
	}
	c.Wake = append(c.Wake, d.Wake...)
	return c
}

// Observe takes note of a pod as the API server has it now.
func (l *Ledger) Observe(pod *corev1.Pod) Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	key, ok := KeyOf(pod)
	var change Change
	if ok && pod.Status.Phase == corev1.PodSucceeded {
		change = l.finish(key, pod)
	}
	if !ok || !isLive(pod) {
		return change.and(l.forget(pod.UID))
	}
	if r := l.owner[pod.UID]; r != nil && r.key != key {
		change = l.forget(pod.UID) // it changed gangs
	}
	return change.and(l.observe(key, pod))
}

func (l *Ledger) observe(key Key, pod *corev1.Pod) Change {
	r := l.gangs[key]
	if r == nil {
		r = newRecord(key, l.groups[key])
		r.finished = l.finished[key]
		l.gangs[key] = r
	}
	var change Change
	if r.plan.awaits(pod.UID) && pod.Spec.NodeName != "" {
		change.Reason = r.key.Reason("%s has its node already", pod.Name)
		change.Reject, change.Placed = l.withdraw(r.plan, change.Reason), true
	}
	before := r.standing()
	old := r.members[pod.UID]
	r.set(pod)
	l.owner[pod.UID] = r
	return change.and(l.settle(r, before, old == nil || old.asksOtherwise(pod), pod))
}

// Forget takes note that a pod is gone.
func (l *Ledger) Forget(uid types.UID) Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bury(uid)
	return l.forget(uid)
}

func (l *Ledger) forget(uid types.UID) Change {
	r := l.owner[uid]
	if r == nil {
		return Change{}
	}
	var change Change
	if r.plan.holds(uid) {
		change.Reason = r.key.Reason("a member was deleted")
		change.Reject = l.withdraw(r.plan, change.Reason)
	}
	before := r.standing()
	if _, ok := l.finishedIn[uid]; !ok {
		r.lose(r.members[uid])
	}
	r.remove(uid)
	delete(l.owner, uid)
	l.orders.retire(uid)
	settled := l.settle(r, before, true, nil)
	change.Key, change.Wake = settled.Key, settled.Wake
	if len(r.members) == 0 {
		delete(l.gangs, r.key)
	}
	return change
}

// settle brings the rest of the record in line after its members changed in number or in what they ask for, or did not,
// and gives it a turn if that may help.
func (l *Ledger) settle(r *record, before standing, changed bool, pod *corev1.Pod) Change {
	r.recover()
	now := r.standing()
	if changed || now != before {
		r.edits++
		l.wake(r)
	}
	if now.ready && len(r.members) > 0 {
		l.fix(r, pod)
	}
	l.review(r)
	return Change{Key: r.key, Wake: l.next()}
}

// fix gives every member of a ready gang the order it keeps for as long as it is queued: all of them when the gang has
// just become ready, afterwards pod, which may be new.
func (l *Ledger) fix(r *record, pod *corev1.Pod) {
	if r.order != nil {
		if pod != nil {
			l.orders.setOnce(pod.UID, r.order.of(pod))
		}
		return
	}
	order := r.joined()
	r.order = &order
	for uid, m := range r.members {
		l.orders.setOnce(uid, order.of(m.pod))
	}
}

// Knows reports whether the pod was observed, if it is a member of a gang.
func (l *Ledger) Knows(pod *corev1.Pod) bool {
	if _, ok := KeyOf(pod); !ok {
		return true
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.owner[pod.UID] != nil
}

// Obstacle says why pod may not enter the scheduling queue; empty when it may. A pod of no gang always may. Of a gang that is
// to be planned the leader may, when it is next; of a gang that is planned, whoever has a seat.
func (l *Ledger) Obstacle(pod *corev1.Pod) string {
	key, ok := KeyOf(pod)
	if !ok {
		return ""
	}
	l.mu.RLock()
	why, sure := l.look(key, pod.UID)
	l.mu.RUnlock()
	if sure {
		return why
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.obstacle(key, pod.UID)
}

// look is Obstacle where nothing has to be changed for it.
func (l *Ledger) look(key Key, uid types.UID) (why string, sure bool) {
	r := l.owner[uid]
	if r == nil || r.key != key {
		// The scheduler heard of the pod before the ledger did, which will give the gang a turn.
		return key.Reason("this member is not known yet"), true
	}
	if why := r.unready(); why != "" {
		return why, true
	}
	if r.plan != nil {
		if r.plan.holds(uid) {
			return "", true
		}
		return r.plan.LeftOut(), true
	}
	if m := r.members[r.leader]; m != nil && m.isPending() && r.leader != uid {
		return key.Reason("this member waits for %s", m.pod.Name), true
	}
	return "", false
}

func (l *Ledger) obstacle(key Key, uid types.UID) string {
	if why, sure := l.look(key, uid); sure {
		return why
	}
	r := l.owner[uid]
	if leader := r.lead(); leader == nil || leader.UID != uid {
		return key.Reason("this member has its node or waits for another one")
	}
	if l.watchers[uid] == r { // kube-scheduler has not tried it for long
		l.wake(r)
		l.admit(r)
	}
	switch {
	case r.refusal != nil:
		return r.refusal.reason
	case !r.admitted && !l.isNext(r):
		return key.Reason("other gangs are tried first")
	}
	l.admit(r)
	r.sent = true
	return ""
}

// Order returns pod's place in the scheduling queue. It does not change from the moment Obstacle first lets the pod pass.
func (l *Ledger) Order(pod *corev1.Pod) Order {
	if _, ok := KeyOf(pod); !ok {
		return OrderOf(pod)
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if order, ok := l.orders.get(pod.UID); ok {
		return order
	}
	return OrderOf(pod)
}
