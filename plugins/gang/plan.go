// SPDX-License-Identifier: Apache-2.0

package gang

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Plan is the placement of a whole gang, made at once. It is open from Adopt until its last seat is reserved or it is
// withdrawn. Its pointer is its identity; the ledger's lock guards what is in it.
type Plan struct {
	key       Key
	patience  time.Duration
	seats     map[types.UID]*seat
	reserved  int
	replanned bool
	open      bool
	released  bool // Invariant: every seat was reserved.
}

type seat struct {
	pod      *corev1.Pod
	node     string
	reserved bool
}

// Key returns the gang that is planned.
func (p *Plan) Key() Key { return p.key }

// Patience is what the gang says of how long its members may take to reach their nodes; 0 if it says nothing.
func (p *Plan) Patience() time.Duration { return p.patience }

// Members returns the members that have a seat.
func (p *Plan) Members() []*corev1.Pod {
	pods := make([]*corev1.Pod, 0, len(p.seats))
	for _, s := range p.seats { // which seats there are does not change
		pods = append(pods, s.pod)
	}
	return pods
}

// LeftOut is the reason for a member of an elastic gang that has no seat.
func (p *Plan) LeftOut() string {
	return p.key.Reason("this member waits for room; %d others start", len(p.seats))
}

// holds reports whether uid has a seat in the plan.
func (p *Plan) holds(uid types.UID) bool { return p != nil && p.seats[uid] != nil }

// awaits reports whether uid has a seat that it does not hold yet. It never will if it is bound by then, by a Binding that
// seemed to have failed.
func (p *Plan) awaits(uid types.UID) bool { return p.holds(uid) && !p.seats[uid].reserved }

// Turn is what a member's scheduling cycle is to do: exactly one of the fields is set.
type Turn struct {
	Refusal string // the pod cannot be scheduled, for this reason
	Pin     *Pin   // the pod goes to the node that the gang's open plan gave it
	Draft   *Draft // the gang is to be planned: fill the draft, then Adopt or Refuse it
}

// Pin is a member's seat in an open plan.
type Pin struct {
	Plan *Plan
	Node string
}

// Turn says what the scheduling cycle of pod, a member of a gang, is to do. A draft is the gang's turn, which ends with
// Adopt, Refuse or Postpone.
func (l *Ledger) Turn(pod *corev1.Pod) Turn {
	l.mu.Lock()
	defer l.mu.Unlock()
	key, _ := KeyOf(pod)
	r := l.owner[pod.UID]
	if r == nil || r.key != key {
		return Turn{Refusal: key.Reason("this member is not known yet")}
	}
	if why := r.unready(); why != "" {
		return Turn{Refusal: why}
	}
	if r.plan != nil {
		if s := r.plan.seats[pod.UID]; s != nil {
			return Turn{Pin: &Pin{Plan: r.plan, Node: s.node}}
		}
		return Turn{Refusal: r.plan.LeftOut()}
	}
	switch {
	case r.refusal != nil:
		return Turn{Refusal: r.refusal.reason}
	case !r.members[pod.UID].isPending():
		return Turn{Refusal: key.Reason("this member has its node already")}
	}
	return Turn{Draft: l.begin(r, pod.UID)}
}

// Adopt opens a plan with the seats of a filled draft. It returns nil when a member that has a seat is gone meanwhile; the
// gang will have another turn.
func (l *Ledger) Adopt(d *Draft, seats map[types.UID]string) *Plan {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.end(d)
	p := &Plan{key: d.Key, patience: d.Spec.Patience, seats: make(map[types.UID]*seat, len(seats)), open: true}
	for uid, node := range seats {
		if r == nil || r.members[uid] == nil || !r.members[uid].isPending() {
			l.again(r)
			return nil
		}
		p.seats[uid] = &seat{pod: r.members[uid].pod, node: node}
	}
	for uid := range seats {
		r.members[uid].left = ""
	}
	l.open[p] = struct{}{}
	r.plan = p
	l.review(r)
	return p
}

// Postpone ends a turn that came to neither a plan nor a refusal. The gang has another one soon.
func (l *Ledger) Postpone(d *Draft) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.again(l.end(d))
}

// Replan returns the draft for the seats of p that are not reserved yet, after one of them turned out to be taken. It
// returns nil when p was replanned before or is no longer open.
func (l *Ledger) Replan(p *Plan) *Draft {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !p.open || p.replanned {
		return nil
	}
	p.replanned = true
	return l.gangs[p.key].redraft(p)
}

// Reseat gives the seats of p that are not reserved yet new nodes; false when p is no longer open.
func (l *Ledger) Reseat(p *Plan, seats map[types.UID]string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !p.open {
		return false
	}
	for uid, node := range seats {
		p.seats[uid].node = node
	}
	return true
}

// Reserve takes note that uid holds its seat of p; false when p is no longer open.
func (l *Ledger) Reserve(p *Plan, uid types.UID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !p.open {
		return false
	}
	if s := p.seats[uid]; !s.reserved {
		s.reserved = true
		p.reserved++
	}
	return true
}

// Arrival is where a plan stands once a member holds its seat.
type Arrival struct {
	Seats   int           // of the plan
	Release []types.UID   // not empty: all seats are reserved, and these members may be bound
	Missing []*corev1.Pod // the members whose seats are not reserved yet; only for the first to arrive
	Closed  bool          // the plan was withdrawn meanwhile
}

// Arrive is called when a reserved member is ready to be bound. The last one releases all.
func (l *Ledger) Arrive(p *Plan) Arrival {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !p.open {
		return Arrival{Closed: true}
	}
	a := Arrival{Seats: len(p.seats)}
	if p.reserved == len(p.seats) {
		a.Release = l.release(p)
		return a
	}
	if p.reserved == 1 {
		a.Missing = p.missing()
	}
	return a
}

// missing returns the members whose seats are not reserved.
func (p *Plan) missing() []*corev1.Pod {
	pods := make([]*corev1.Pod, 0, len(p.seats)-p.reserved)
	for _, s := range p.seats {
		if !s.reserved {
			pods = append(pods, s.pod)
		}
	}
	return pods
}

func (l *Ledger) release(p *Plan) []types.UID {
	r := l.gangs[p.key]
	uids := make([]types.UID, 0, len(p.seats))
	for uid, s := range p.seats {
		uids = append(uids, uid)
		r.setPlaced(uid, s.node)
	}
	p.open, p.released = false, true
	delete(l.open, p)
	r.plan, r.conflicts = nil, 0
	l.review(r) // an elastic gang's other members wait on
	return uids
}

// Unreserve takes note that uid lost its seat of p. While p is open that withdraws it, and the members returned are to be
// rejected; afterwards uid alone is to be placed again, once its gang is given another turn.
func (l *Ledger) Unreserve(p *Plan, uid types.UID, reason string) []types.UID {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.released {
		if r := l.owner[uid]; r != nil {
			r.setPlaced(uid, "")
			r.edits++
			l.wake(r)
			if r.plan == nil { // Retry gives it another turn; at once would be too soon for whatever is the matter
				l.refuse(r, &refusal{reason: reason, short: 1, conflict: true})
			}
		}
		return nil
	}
	return l.withdraw(p, reason)
}

// Withdraw gives up an open plan. It returns the members that hold a seat, which are to be rejected for the same reason;
// none when p is no longer open.
func (l *Ledger) Withdraw(p *Plan, reason string) []types.UID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.withdraw(p, reason)
}

func (l *Ledger) withdraw(p *Plan, reason string) []types.UID {
	if !p.open {
		return nil
	}
	p.open = false
	delete(l.open, p)
	r := l.gangs[p.key]
	r.plan = nil
	var uids []types.UID
	for uid, s := range p.seats {
		if s.reserved {
			uids = append(uids, uid)
			r.members[uid].left = s.node
		}
	}
	// The room given back is worth one more turn at once. After that the gang waits for somebody else's doing, so two plugins
	// that disagree cannot keep it going round.
	if r.conflicts++; r.conflicts == 1 {
		l.review(r)
	} else {
		l.refuse(r, &refusal{reason: reason, short: 1, conflict: true})
	}
	l.wakeAll() // the seats that nobody had taken are free again
	return uids
}
