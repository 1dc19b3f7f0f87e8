// SPDX-License-Identifier: Apache-2.0

package gang

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Ledger keeps the state of all gangs. It is safe for concurrent use and calls nothing while it holds its lock.
type Ledger struct {
	mu     sync.RWMutex // guards all below, and every Plan
	gangs  map[Key]*record
	groups map[Key]*group        // the PodGroups, with members or without
	owner  map[types.UID]*record // by member
	orders orders

	finished   map[Key]finished
	finishedIn map[types.UID]Key // by finished pod
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{
		gangs: map[Key]*record{}, groups: map[Key]*group{}, owner: map[types.UID]*record{}, orders: newOrders(),
		finished: map[Key]finished{}, finishedIn: map[types.UID]Key{},
	}
}

// Change is what follows from an observation, for the caller to carry out.
type Change struct {
	Wake   []*corev1.Pod // may be placed now: worth an attempt at once
	Reject []types.UID   // reserved under a plan that no longer holds
	Reason string        // why they are rejected
}

// and returns what follows from c and d together, of which only one rejects anybody.
func (c Change) and(d Change) Change {
	if len(d.Reject) > 0 {
		c.Reject, c.Reason = d.Reject, d.Reason
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
	before := r.standing()
	isNew := r.members[pod.UID] == nil
	r.set(pod)
	l.owner[pod.UID] = r
	return l.settle(r, before, isNew, pod)
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
	if len(r.members) == 0 {
		delete(l.gangs, r.key)
		return change
	}
	change.Wake = l.settle(r, before, true, nil).Wake
	return change
}

// settle brings the rest of the record in line after its members changed, and says whom that may help: everybody when
// the gang's standing changed, else pod alone when it is new.
func (l *Ledger) settle(r *record, before standing, membership bool, pod *corev1.Pod) Change {
	if membership {
		r.refusal = nil
	}
	r.recover()
	now := r.standing()
	if !now.ready {
		return Change{}
	}
	l.fix(r, pod)
	switch {
	case now != before:
		return Change{Wake: r.pendingPods()}
	case membership && pod != nil && r.members[pod.UID].isPending():
		return Change{Wake: []*corev1.Pod{pod}}
	}
	return Change{}
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

// Obstacle says why pod may not enter the scheduling queue yet; empty when it may. A pod of no gang always may.
func (l *Ledger) Obstacle(pod *corev1.Pod) string {
	key, ok := KeyOf(pod)
	if !ok {
		return ""
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.obstacle(key, pod.UID)
}

func (l *Ledger) obstacle(key Key, uid types.UID) string {
	r := l.owner[uid]
	if r == nil || r.key != key {
		// The scheduler heard of the pod before the ledger did; Observe will wake it.
		return key.Reason("this member is not known yet")
	}
	if r.isGroupless() {
		return r.key.Reason("it does not exist; its members wait for it")
	}
	if r.isBroken() {
		return r.key.Reason("it lost a member and begins anew; its other members are being ended")
	}
	if !r.isReady() {
		return r.key.Reason("%d of %d members exist", len(r.members), r.claim().spec.Size)
	}
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
