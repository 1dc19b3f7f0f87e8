// SPDX-License-Identifier: Apache-2.0

package gang

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
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
	refusal *refusal // the outcome of the latest turn when that came to nothing; nil once another turn may help
	edits   int      // how often its members changed in number or in what they ask for

	controllers map[types.UID]int // how many members each controller made
	finished    finished          // the gang's pods that succeeded; shared with the ledger
	gone        int               // members that succeeded and are deleted since

	kinds   []*corev1.Pod // one of each kind of member when it was last refused
	kindsAt int           // edits then

	leader   types.UID // see lead
	watcher  types.UID // the member whose hint hears of events; empty when others must
	place    int       // in the line; -1 when it does not wait there
	admitted bool      // the leader may enter the scheduling queue
	sent     bool      // and somebody was told to activate it

	conflicts int // plans withdrawn since the gang last was placed or refused by a whole plan
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

func newRecord(key Key, g *group) *record {
	return &record{
		key: key, group: g, members: map[types.UID]*member{}, claims: map[claim]int{}, controllers: map[types.UID]int{}, place: -1,
	}
}

func (m *member) isBound() bool { return m.pod.Spec.NodeName != "" }

// node returns the member's node; empty while it is pending.
func (m *member) node() string { return cmp.Or(m.pod.Spec.NodeName, m.placed) }

// asksOtherwise reports whether the pod, which is m as it is now, asks for something else than m did.
func (m *member) asksOtherwise(pod *corev1.Pod) bool {
	return m.pod != pod && m.isPending() && pod.Spec.NodeName == "" &&
		(!equality.Semantic.DeepEqual(m.pod.Spec, pod.Spec) || !maps.Equal(m.pod.Labels, pod.Labels))
}

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

// setPlaced sets the node that a released plan gave a member; empty when its bind failed.
func (r *record) setPlaced(uid types.UID, node string) {
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

// standing is what decides whether a gang is worth an attempt; when it changes, the gang has another turn.
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

// unready says why the gang is not worth an attempt as it is; empty when it is.
func (r *record) unready() string {
	switch c := r.claim(); {
	case r.isGroupless():
		return r.key.Reason("it does not exist; its members wait for it")
	case c.fault != "":
		return r.key.Reason("%s", c.fault)
	case r.isBroken():
		return r.key.Reason("it lost a member and begins anew; its other members are being ended")
	case !r.isReady():
		return r.key.Reason("%d of %d members exist", len(r.members), c.spec.Size)
	}
	return ""
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
