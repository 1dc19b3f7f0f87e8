// SPDX-License-Identifier: Apache-2.0

package gang

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// refusal is the outcome of a turn that came to nothing. The gang sleeps until something happens that may help it.
type refusal struct {
	reason string
	kinds  []*corev1.Pod // one of each kind of member; nil when that is not known
	short  int           // how many more members must fit, as far as is known: at least 1
	gained int           // at most so many more fit after all that has happened since
	// conflict is set when the gang went back whole again and again. What is its own doing does not wake it.
	conflict bool
}

// refuse puts r to sleep.
func (l *Ledger) refuse(r *record, refusal *refusal) {
	r.refusal = refusal
	if refusal.kinds != nil {
		r.kinds, r.kindsAt = refusal.kinds, r.edits
	}
	l.refused[r] = struct{}{}
	l.refusals++
	l.review(r)
}

// wake ends the refusal of r, and of all others if nobody is left who would hear of events for them.
func (l *Ledger) wake(r *record) {
	if r.refusal == nil {
		return
	}
	l.stir(r)
	if len(l.watchers) == 0 {
		l.wakeAll()
	}
}

func (l *Ledger) wakeAll() {
	for r := range l.refused {
		if !r.refusal.conflict {
			l.stir(r)
		}
	}
}

func (l *Ledger) stir(r *record) {
	r.refusal = nil
	delete(l.refused, r)
	delete(l.watchers, r.watcher)
	r.watcher = ""
	l.review(r)
}

// Refuse records why the draft of the member uid's cycle came to nothing. From the end of that cycle kube-scheduler tells
// uid's hint of every event; false when that cannot be relied on, as the gang changed meanwhile: it will have another turn.
func (l *Ledger) Refuse(d *Draft, uid types.UID, reason string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.end(d)
	if r == nil {
		return false
	}
	if r.edits != d.edits || !r.wants() {
		l.review(r)
		return false
	}
	r.conflicts = 0
	l.watch(r, uid)
	l.refuse(r, refusalOf(d, reason))
	return true
}

func (l *Ledger) watch(r *record, uid types.UID) {
	delete(l.watchers, r.watcher)
	l.watchers[uid], r.watcher = r, uid
}

func refusalOf(d *Draft, reason string) *refusal {
	short := 1
	if d.short.Alike {
		short = max(d.need-d.short.Fit, 1)
	}
	return &refusal{reason: reason, kinds: d.Kinds, short: short}
}

// Behind returns the draft of the gang that is next in the line; nil when there is none. In the cycle of a gang that was
// refused, those behind it can be refused too, with RefuseBehind, before each takes a cycle for it.
func (l *Ledger) Behind() *Draft {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.line.waiting) == 0 || len(l.watchers) == 0 {
		return nil
	}
	return l.line.waiting[0].draft()
}

// RefuseBehind records why a draft that Behind returned came to nothing; false when its gang is no longer in the line as it
// was, or nobody would hear of events for it.
func (l *Ledger) RefuseBehind(d *Draft, reason string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := d.gang // in the line or gone
	if r.edits != d.edits || r.place < 0 || len(l.watchers) == 0 {
		return false
	}
	r.conflicts = 0
	l.refuse(r, refusalOf(d, reason))
	return true
}

// Stall refuses the gang of uid, which cannot even be tried, and everybody in the line for the same reason. It returns
// their keys. The hint of uid is told of every event.
func (l *Ledger) Stall(uid types.UID, reason string) []Key {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.owner[uid]
	if r == nil || !r.wants() {
		return nil
	}
	l.watch(r, uid)
	keys := []Key{r.key}
	l.refuse(r, &refusal{reason: r.key.Reason("%s", reason), short: 1})
	for len(l.line.waiting) > 0 {
		other := l.line.waiting[0]
		keys = append(keys, other.key)
		l.refuse(other, &refusal{reason: other.key.Reason("%s", reason), short: 1})
	}
	return keys
}

// Watches reports whether the hint of the member uid speaks for all gangs that are refused, and how many refusals there
// were so far.
func (l *Ledger) Watches(uid types.UID) (refusals uint64, ok bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.refusals, l.watchers[uid] != nil
}

// Gain says how many more members of these kinds may fit after an event, at most; no more than 0 when it cannot help, and
// Unknown when anything may be. The kinds are nil when they are not known. The same gangs share the same slice.
type Gain func(kinds []*corev1.Pod) int

// Unknown is the gain of an event that may help any number of members.
const Unknown = 1 << 30

// Help gives another turn to the refused gangs that an event may help. A gang that went back whole is not helped by what
// happens to its own pods. It reports whether there was one.
func (l *Ledger) Help(own Key, gain Gain) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	var woken []*record
	for r := range l.refused {
		if r.refusal.conflict && r.key == own {
			continue
		}
		if n := gain(r.refusal.kinds); n > 0 {
			r.refusal.gained += n
		}
		if r.refusal.gained >= r.refusal.short {
			woken = append(woken, r)
		}
	}
	for _, r := range woken {
		l.wake(r)
	}
	return len(woken) > 0
}

// Reconsider gives refused gangs another turn: all, or only those that went back whole again and again, and those that
// gained something since, though too little: more of their members fit than they were told.
func (l *Ledger) Reconsider(all bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for r := range l.refused {
		if all || r.refusal.conflict || r.refusal.gained > 0 {
			l.stir(r)
		}
	}
}

// Retry gives the gang of the member uid another turn if it was refused.
func (l *Ledger) Retry(uid types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.owner[uid]; r != nil {
		l.wake(r)
	}
}

// Verdict is what the members of a gang that waits are to be told.
type Verdict struct {
	Reason  string        // empty when there is nothing to tell
	Refused bool          // it was tried; else it is not worth an attempt as it is
	Partial bool          // members are missing, and may arrive yet
	Members []*corev1.Pod // that wait, the leader first; only by VerdictForAll
}

// Verdict returns what the gang's members are to be told now, at the same cost whatever their number.
func (l *Ledger) Verdict(key Key) Verdict {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.gangs[key].verdict()
}

func (r *record) verdict() Verdict {
	if r == nil || r.plan != nil || len(r.members) == r.held {
		return Verdict{}
	}
	v := Verdict{Reason: r.unready()}
	if r.refusal != nil {
		v.Reason, v.Refused = r.refusal.reason, true
	}
	if v.Reason == "" {
		return Verdict{}
	}
	v.Partial = r.claim().fault == "" && !r.isReady()
	return v
}

// VerdictForAll returns what the gang's members are to be told now, and who they are.
func (l *Ledger) VerdictForAll(key Key) Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.gangs[key]
	v := r.verdict()
	if v.Reason == "" {
		return v
	}
	leader := r.lead()
	v.Members = append(make([]*corev1.Pod, 0, len(r.members)-r.held), leader)
	for _, m := range r.members {
		if m.isPending() && m.pod != leader {
			v.Members = append(v.Members, m.pod)
		}
	}
	return v
}

// IsTold reports whether reason is still what the member uid is to be told.
func (l *Ledger) IsTold(uid types.UID, reason string) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	r := l.owner[uid]
	switch {
	case r == nil || r.plan != nil || !r.members[uid].isPending():
		return false
	case r.refusal != nil:
		return r.refusal.reason == reason
	}
	return r.unready() == reason
}
