// SPDX-License-Identifier: Apache-2.0

package gang

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Contender is a gang that has been ready and waits for room to start, or to have its min again.
type Contender struct {
	Key    Key
	Order  Order
	Member *corev1.Pod // any
}

// Contenders returns the gangs that wait for room and that their queues have ranked, in their order: a queue's word is what
// makes a gang the next one.
func (l *Ledger) Contenders() []Contender {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var list []Contender
	for _, r := range l.gangs {
		if !r.contends() {
			continue
		}
		for _, m := range r.members {
			list = append(list, Contender{Key: r.key, Order: *r.order, Member: m.pod})
			break
		}
	}
	slices.SortFunc(list, func(a, b Contender) int { return a.Order.compare(b.Order) })
	return list
}

// Contends returns the draft for a gang that waits for room; nil when it no longer does.
func (l *Ledger) Contends(key Key) *Draft {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if r := l.gangs[key]; r != nil && r.contends() {
		return r.draft()
	}
	return nil
}

// contends reports whether the gang waits for room and its queue has ranked it.
func (r *record) contends() bool { return r.order != nil && r.order.IsRanked() && r.waits() }

// waits reports whether the gang could start if there were room. The members that an elastic gang started without do not wait
// in this sense.
func (r *record) waits() bool {
	c := r.claim()
	return c.fault == "" && r.plan == nil && r.isReady() && len(r.members) > r.held && r.held < c.spec.Min
}

// IsWaiting reports whether a gang could start if there were room, or is about to.
func (l *Ledger) IsWaiting(key Key) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	r := l.gangs[key]
	return r != nil && (r.plan != nil || r.waits())
}

// Least returns the members that must be seated together at least.
func (d *Draft) Least() []*corev1.Pod { return d.Members[:min(d.need, len(d.Members))] }

// IsOpen reports whether p is neither released nor withdrawn.
func (l *Ledger) IsOpen(p *Plan) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return p.open
}
