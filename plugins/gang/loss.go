// SPDX-License-Identifier: Apache-2.0

package gang

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// A gang has started while one of its members is bound, and is short while fewer than its min have a node or succeeded.
// Short gangs that ask for it, by Spec.OnLoss, are handed back whole, so that their makers begin anew:
//
//	             a member with a node is lost            as many have a node again
//	whole ──────────────────────────────────▶ short ──────────────────────────────▶ whole
//	                                            │
//	   LossRestarts: at once; LossReplaced:     │ handed back: the members with a node are ended
//	   after a bound                            ▼
//	                                 none has a node: not started, held until all exist

// isStarted reports whether a member is bound. The rest of a gang that has started may join one by one.
func (r *record) isStarted() bool { return r.bound > 0 }

// isShort reports whether a gang that has started runs with fewer than its min.
func (r *record) isShort() bool {
	c := r.claim()
	return r.isStarted() && c.fault == "" && !r.isGroupless() && r.held < c.spec.Min && r.held+r.done() < c.spec.Min
}

// isBroken reports whether the gang is to begin anew since it lost a member: nobody joins it any more.
func (r *record) isBroken() bool {
	return r.lost && r.claim().spec.OnLoss == LossRestarts && r.isShort()
}

// isEnding reports whether a scheduler has begun to end the gang, and died before it was done: it marks all members before it
// deletes the first one.
func (r *record) isEnding() bool {
	if !r.isShort() {
		return false
	}
	for _, m := range r.members {
		if m.isBound() && IsMarked(m.pod) && m.pod.DeletionTimestamp == nil {
			return true
		}
	}
	return false
}

// IsMarked reports whether a pod says that a scheduler is about to end it, and why.
func IsMarked(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue &&
			(c.Reason == batchmeta.ReasonMemberLost || c.Reason == corev1.PodReasonPreemptionByScheduler)
	})
}

// lose takes note that a live member is gone without having succeeded.
func (r *record) lose(m *member) {
	if !m.isPending() {
		r.lost = true
	}
}

// recover forgets the losses of a gang that is whole again, or that begins anew.
func (r *record) recover() {
	if r.lost && !r.isShort() {
		r.lost = false
	}
}

// Short is a gang that runs with fewer members than its min, and that asked for something to be done about it.
type Short struct {
	Key    Key
	Have   int // members that have a node or succeeded
	Min    int
	AtOnce bool          // not worth waiting for a replacement
	Since  time.Time     // by the members' own account; zero if they have none
	Pods   []*corev1.Pod // the members that are bound, by name
}

// Short returns the gangs that are short, by key. After a restart of the scheduler nobody knows whether a member that does
// not exist was lost or succeeded long ago; so a gang counts only if a loss was seen, or if members wait to join it, or if the
// scheduler before this one was about to end it, whatever it asked for.
func (l *Ledger) Short() []Short {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var all []Short
	for _, r := range l.gangs {
		isLoss := r.claim().spec.OnLoss != LossIgnored && (r.lost || r.held < len(r.members)) && r.isShort()
		if isLoss || r.isEnding() {
			all = append(all, r.short())
		}
	}
	slices.SortFunc(all, func(a, b Short) int { return strings.Compare(a.Key.String(), b.Key.String()) })
	return all
}

func (r *record) short() Short {
	s := Short{Key: r.key, Have: r.held + r.done(), Min: r.claim().spec.Min, AtOnce: r.isBroken() || r.isEnding(), Since: r.shortSince()}
	for _, m := range r.members {
		if m.isBound() {
			s.Pods = append(s.Pods, m.pod)
		}
	}
	slices.SortFunc(s.Pods, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return s
}

// shortSince is since when the gang is short, for a scheduler that was not there: since more of its members were made and
// have no node than it can do without, but not before the last one was bound. Zero if they do not tell; those of a PodGroup
// never do, as nobody says how many they should be.
func (r *record) shortSince() time.Time {
	var bound time.Time
	var waiting []time.Time
	for _, m := range r.members {
		if m.isBound() {
			bound = later(bound, boundAt(m.pod))
		} else {
			waiting = append(waiting, m.pod.CreationTimestamp.Time)
		}
	}
	spec := r.claim().spec
	spare := spec.Size - spec.Min
	if r.key.PodGroup || len(waiting) <= spare {
		return time.Time{}
	}
	slices.SortFunc(waiting, time.Time.Compare)
	return later(bound, waiting[spare])
}

// boundAt is when the pod got its node, at the latest; zero if it does not tell.
func boundAt(pod *corev1.Pod) time.Time {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time
		}
	}
	return pod.CreationTimestamp.Time
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Reason says what is the matter with the gang.
func (s Short) Reason() string {
	return s.Key.Reason("%d of the %d members that it needs are left", s.Have, s.Min)
}

// Holds reports whether the gang is short by the word of pods, too, which are all that exist of it: the ledger may have
// heard of some too late.
func (s Short) Holds(pods []corev1.Pod) bool {
	have := s.Have - len(s.Pods) // those that succeeded, or whose bind is under way
	for i := range pods {
		pod := &pods[i]
		if key, ok := KeyOf(pod); ok && key == s.Key && isLive(pod) && pod.Spec.NodeName != "" {
			have++
		}
	}
	return have < s.Min
}

// Vigil remembers since when gangs are short. Its zero value is ready for use.
type Vigil struct{ since map[Key]time.Time }

// Due takes note of the gangs that are short now, and returns those that are to be handed back: at once, or as they have
// been short for as long as the bound.
func (v *Vigil) Due(now time.Time, bound time.Duration, short []Short) []Short {
	since := make(map[Key]time.Time, len(short))
	var due []Short
	for _, s := range short {
		began, ok := v.since[s.Key]
		switch {
		case ok:
		case s.Since.IsZero() || s.Since.After(now):
			began = now
		default:
			began = s.Since // the scheduler before this one saw it happen
		}
		since[s.Key] = began
		if s.AtOnce || now.Sub(began) >= bound {
			due = append(due, s)
		}
	}
	v.since = since
	return due
}
