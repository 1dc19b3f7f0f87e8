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

// LeftOut is the reason for a member of an elastic gang that has no seat.
func (p *Plan) LeftOut() string {
	return p.key.Reason("this member waits for room; %d others start", len(p.seats))
}

// holds reports whether uid has a seat in the plan.
func (p *Plan) holds(uid types.UID) bool { return p != nil && p.seats[uid] != nil }

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

// Turn says what the scheduling cycle of pod, a member of a gang, is to do.
func (l *Ledger) Turn(pod *corev1.Pod) Turn {
	l.mu.Lock()
	defer l.mu.Unlock()
	key, _ := KeyOf(pod)
	if why := l.obstacle(key, pod.UID); why != "" {
		return Turn{Refusal: why}
	}
	r := l.owner[pod.UID]
	if c := r.claim(); c.fault != "" {
		return Turn{Refusal: r.key.Reason("%s", c.fault)}
	}
	if r.plan != nil {
		if s := r.plan.seats[pod.UID]; s != nil {
			return Turn{Pin: &Pin{Plan: r.plan, Node: s.node}}
		}
		return Turn{Refusal: r.plan.LeftOut()}
	}
	if r.refusal != nil && !r.refusal.told[pod.UID] {
		r.refusal.told[pod.UID] = true
		return Turn{Refusal: r.refusal.reason}
	}
	r.retry = false
	return Turn{Draft: r.draft()}
}

// Adopt opens a plan with the seats of a filled draft. It returns nil when a member that has a seat is gone meanwhile.
func (l *Ledger) Adopt(d *Draft, seats map[types.UID]string) *Plan {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.gangs[d.Key]
	p := &Plan{key: d.Key, patience: d.Spec.Patience, seats: make(map[types.UID]*seat, len(seats)), open: true}
	for uid, node := range seats {
		if r == nil || r.members[uid] == nil || !r.members[uid].isPending() {
			return nil
		}
		p.seats[uid] = &seat{pod: r.members[uid].pod, node: node}
	}
	for uid := range seats {
		r.members[uid].left = ""
	}
	r.plan, r.refusal = p, nil
	return p
}

// Refuse records why a draft came to nothing. The member whose cycle it was, uid, has been told; the others will be.
func (l *Ledger) Refuse(d *Draft, uid types.UID, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.gangs[d.Key]; r != nil {
		r.refusal = &refusal{reason: reason, told: map[types.UID]bool{uid: true}}
		r.conflicts = 0
	}
}

// Postpone puts a draft off until the scheduler has forgotten where its members stood under a plan that was withdrawn. It
// returns the reason.
func (l *Ledger) Postpone(d *Draft) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.gangs[d.Key]; r != nil {
		r.retry = true
	}
	return d.Key.Reason("its former room is still being given back")
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
		for _, s := range p.seats {
			if !s.reserved {
				a.Missing = append(a.Missing, s.pod)
			}
		}
	}
	return a
}

func (l *Ledger) release(p *Plan) []types.UID {
	r := l.gangs[p.key]
	uids := make([]types.UID, 0, len(p.seats))
	for uid, s := range p.seats {
		uids = append(uids, uid)
		r.place(uid, s.node)
	}
	p.open, p.released = false, true
	r.plan, r.conflicts = nil, 0
	return uids
}

// Unreserve takes note that uid lost its seat of p. While p is open that withdraws it, and the members returned are to be
// rejected; afterwards uid alone is to be placed again.
func (l *Ledger) Unreserve(p *Plan, uid types.UID, reason string) []types.UID {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.released {
		if r := l.owner[uid]; r != nil {
			r.place(uid, "")
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
	r := l.gangs[p.key]
	r.plan = nil
	r.refusal = &refusal{reason: reason, told: map[types.UID]bool{}}
	var uids []types.UID
	for uid, s := range p.seats {
		if s.reserved {
			uids = append(uids, uid)
			r.refusal.told[uid] = true
			r.members[uid].left = s.node
		}
	}
	// The room given back is worth one more attempt at once. After that the gang waits for somebody else's doing, so two
	// plugins that disagree cannot keep it going round.
	r.conflicts++
	r.retry = r.conflicts == 1
	return uids
}

// MayRetry reports whether the room that the gang itself gave back is worth another attempt.
func (l *Ledger) MayRetry(key Key) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	r := l.gangs[key]
	return r != nil && r.retry
}
