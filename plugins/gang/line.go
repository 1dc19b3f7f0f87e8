// SPDX-License-Identifier: Apache-2.0

package gang

import (
	"container/heap"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// line is where the gangs stand that want a turn: complete, without a plan and not refused. One gang at a time, the first,
// is admitted, which means that its leader may enter the scheduling queue; whoever goes before an admitted gang is admitted
// too. The others cost the scheduler nothing.
type line struct {
	waiting  queue
	admitted []*record
	turn     *record // whose leader's cycle plans right now; nobody is admitted meanwhile
	turns    uint64  // ever
}

// wants reports whether the gang is worth a turn.
func (r *record) wants() bool {
	return len(r.members) > r.held && r.plan == nil && r.refusal == nil && r.isReady() && r.claim().fault == ""
}

// lead returns the leader: the member in whose cycle the gang is planned. It stays the same while it is pending.
func (r *record) lead() *corev1.Pod {
	if m := r.members[r.leader]; m != nil && m.isPending() {
		return m.pod
	}
	var first *member
	for _, m := range r.members {
		if m.isPending() && (first == nil || m.pod.Name < first.pod.Name) {
			first = m
		}
	}
	if first == nil {
		return nil
	}
	r.leader, r.sent = first.pod.UID, false
	return first.pod
}

// review puts r into the line, or takes it out, after a change of r.
func (l *Ledger) review(r *record) {
	switch {
	case !r.wants():
		l.leave(r)
	case !r.admitted && r.place < 0 && l.line.turn != r:
		heap.Push(&l.line.waiting, r)
	}
}

// leave takes r out of the line.
func (l *Ledger) leave(r *record) {
	if r.place >= 0 {
		heap.Remove(&l.line.waiting, r.place)
	}
	if !r.admitted {
		return
	}
	r.admitted = false
	for i, other := range l.line.admitted {
		if other == r {
			l.line.admitted = append(l.line.admitted[:i], l.line.admitted[i+1:]...)
			return
		}
	}
}

// admit lets the leader of r into the scheduling queue.
func (l *Ledger) admit(r *record) {
	if r.place >= 0 {
		heap.Remove(&l.line.waiting, r.place)
	}
	if !r.admitted {
		r.admitted, r.sent = true, false
		l.line.admitted = append(l.line.admitted, r)
	}
}

// isNext reports whether r may be admitted now.
func (l *Ledger) isNext(r *record) bool {
	if l.line.turn != nil && !r.order.Before(*l.line.turn.order) {
		return false
	}
	for _, other := range l.line.admitted {
		if r.order.Before(*other.order) {
			return true
		}
	}
	return len(l.line.admitted) == 0
}

// Next admits who is next in the line. It returns the leaders that are to be activated.
func (l *Ledger) Next() []*corev1.Pod {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next()
}

func (l *Ledger) next() []*corev1.Pod {
	for len(l.line.waiting) > 0 && l.isNext(l.line.waiting[0]) {
		l.admit(l.line.waiting[0])
	}
	var pods []*corev1.Pod
	for _, r := range l.line.admitted {
		if pod := r.lead(); !r.sent {
			r.sent = true
			pods = append(pods, pod)
		}
	}
	return pods
}

// Remind returns the pods that are to be activated once more, in case that an activation came to nothing: the leaders of
// the admitted gangs. When that was tried often, all is set, and so are the members without their seats of open plans, and
// one more gang is admitted, so that none that is stuck holds up the line.
func (l *Ledger) Remind(all bool) []*corev1.Pod {
	l.mu.Lock()
	defer l.mu.Unlock()
	if all && len(l.line.waiting) > 0 && l.line.turn == nil {
		l.admit(l.line.waiting[0])
	}
	var pods []*corev1.Pod
	for _, r := range l.line.admitted {
		r.sent = true
		pods = append(pods, r.lead())
	}
	if all {
		for p := range l.open {
			pods = append(pods, p.missing()...)
		}
	}
	return pods
}

// IsBusy reports whether Remind may have something to say.
func (l *Ledger) IsBusy() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.line.admitted) > 0 || len(l.open) > 0
}

// Turns returns how many turns there were so far.
func (l *Ledger) Turns() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.line.turns
}

// begin gives r its turn, in the cycle of the member uid.
func (l *Ledger) begin(r *record, uid types.UID) *Draft {
	l.leave(r)
	r.leader = uid
	l.line.turn = r
	l.line.turns++
	return r.draft()
}

// end ends the turn of the draft's gang and returns it; nil when it is gone.
func (l *Ledger) end(d *Draft) *record {
	if l.line.turn == d.gang {
		l.line.turn = nil
	}
	if l.gangs[d.Key] != d.gang {
		return nil
	}
	return d.gang
}

// again gives r another turn soon. Its leader is still in a cycle, so it is not activated but reminded.
func (l *Ledger) again(r *record) {
	if r != nil && r.wants() {
		l.admit(r)
		r.sent = true
	}
}

// queue is a heap of gangs by their order.
type queue []*record

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].order.Before(*q[j].order) }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

func (q *queue) Push(x any) {
	r := x.(*record)
	r.place = len(*q)
	*q = append(*q, r)
}

func (q *queue) Pop() any {
	old := *q
	r := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	r.place = -1
	return r
}
