// SPDX-License-Identifier: Apache-2.0

package gang

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// record is what the ledger knows of one gang. It exists while the gang has a live member.
type record struct {
	key     Key
	group   *group // what the PodGroup says; nil when there is none or key names none
	members map[types.UID]*member
	claims  map[claim]int // how many members make each claim
	held    int           // members that have a node: bound, or placed by a released plan
	bound   int           // members that are bound. Invariant: bound <= held.
	lost    bool          // a member that had a node is gone since the gang last was whole
	order   *Order        // set once, when the gang is first ready; it never changes afterwards

	plan    *Plan    // open, or nil
	refusal *refusal // the outcome of the latest attempt when that failed

	controllers map[types.UID]int // how many members each controller made
	finished    finished          // the gang's pods that succeeded; shared with the ledger
	gone        int               // members that succeeded and are deleted since

	conflicts int  // plans withdrawn since the gang last was placed or refused by a whole plan
	retry     bool // room that the gang itself gives back is worth another attempt
}

// member is one live pod of a gang.
type member struct {
	pod    *corev1.Pod // as seen last; shared, never changed
	claim  claim
	placed string // the node of a released plan whose bind is under way
	left   string // the node of a withdrawn plan, where the scheduler may not have forgotten the pod yet
}

// claim is what one member says of its gang.
type claim struct {
	spec  Spec
	fault string // why the spec cannot be read
}

// refusal tells every member of a gang why it could not be placed, each once: whoever comes a second time has been woken
// and asks for a new attempt.
type refusal struct {
	reason string
	told   map[types.UID]bool
}

func newRecord(key Key, g *group) *record {
	return &record{key: key, group: g, members: map[types.UID]*member{}, claims: map[claim]int{}, controllers: map[types.UID]int{}}
}

func (m *member) isBound() bool { return m.pod.Spec.NodeName != "" }

// node returns the member's node; empty while it is pending.
func (m *member) node() string { return cmp.Or(m.pod.Spec.NodeName, m.placed) }

// isPending reports whether the member still has to be given a node.
func (m *member) isPending() bool { return !m.isBound() && m.placed == "" }

// isLive reports whether pod counts as a member of its gang.
func isLive(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && len(pod.Spec.SchedulingGates) == 0 &&
		pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

func claimOf(pod *corev1.Pod) claim {
	if key, _ := KeyOf(pod); key.PodGroup {
		return claim{} // the PodGroup speaks for it
	}
	spec, err := SpecOf(pod)
	if err != nil {
		return claim{fault: err.Error()}
	}
	return claim{spec: spec}
}

// set adds pod or replaces what was known of it.
func (r *record) set(pod *corev1.Pod) {
	m := &member{pod: pod, claim: claimOf(pod)}
	if old := r.members[pod.UID]; old != nil {
		m.placed, m.left = old.placed, old.left
		r.remove(pod.UID)
	}
	if m.isBound() {
		m.placed, m.left = "", ""
	}
	r.members[pod.UID] = m
	r.claims[m.claim]++
	r.controllers[controllerOf(pod)]++
	r.count(m, 1)
}

func (r *record) remove(uid types.UID) {
	m := r.members[uid]
	delete(r.members, uid)
	if r.claims[m.claim]--; r.claims[m.claim] == 0 {
		delete(r.claims, m.claim)
	}
	if c := controllerOf(m.pod); r.controllers[c] == 1 {
		delete(r.controllers, c)
	} else {
		r.controllers[c]--
	}
	r.count(m, -1)
}

// place sets the node that a released plan gave a member; empty when its bind failed.
func (r *record) place(uid types.UID, node string) {
	m := r.members[uid]
	r.count(m, -1)
	m.placed, m.left = node, ""
	r.count(m, 1)
}

func (r *record) count(m *member, by int) {
	if !m.isPending() {
		r.held += by
	}
	if m.isBound() {
		r.bound += by
	}
}

// isGroupless reports whether the PodGroup that is to say what the gang is does not exist.
func (r *record) isGroupless() bool { return r.key.PodGroup && r.group == nil }

// claim returns what the PodGroup says, or what the members agree on; a fault when they do not.
func (r *record) claim() claim {
	if r.group != nil {
		return r.group.claim
	}
	if len(r.claims) > 1 {
		return claim{fault: "its members differ in size or min, or one of them is malformed"}
	}
	for c := range r.claims {
		return c
	}
	return claim{fault: "it has no members"}
}

// standing is what decides whether a gang is worth an attempt; when it changes, the gang's pods are woken.
type standing struct {
	claim claim
	group *group // another one for each change of the PodGroup
	ready bool
	need  int
}

func (r *record) standing() standing {
	return standing{claim: r.claim(), group: r.group, ready: r.isReady(), need: r.need()}
}

// isReady reports whether the members may enter the scheduling queue. A malformed gang may: its members are told there
// what is wrong. So may the rest of a gang that has started, unless it is to begin anew.
func (r *record) isReady() bool {
	c := r.claim()
	if r.isGroupless() || r.isBroken() {
		return false
	}
	return c.fault != "" || r.isStarted() || len(r.members) >= c.spec.Size || len(r.members)+r.done() >= c.spec.Size
}

// need is how many of the pending members must be placed together, at least 1.
func (r *record) need() int {
	pending := len(r.members) - r.held
	need := r.claim().spec.Min - r.held
	if pending == 0 || need <= 1 {
		return 1
	}
	need -= r.done()
	if r.isStarted() {
		need = min(need, pending)
	}
	return max(need, 1)
}

// pendingPods returns the members that still have to be given a node, by name.
func (r *record) pendingPods() []*corev1.Pod {
	var pods []*corev1.Pod
	for _, m := range r.members {
		if m.isPending() {
			pods = append(pods, m.pod)
		}
	}
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods
}

// joined returns the order that all members share. A PodGroup's age is its gang's.
func (r *record) joined() Order {
	var order *Order
	for _, m := range r.members {
		o := OrderOf(m.pod)
		if order != nil {
			o = o.join(*order)
		}
		order = &o
	}
	if r.group != nil {
		order.created = r.group.created
	}
	return *order
}
