// SPDX-License-Identifier: Apache-2.0

package gang_test

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/plugins/gang"
)

// model plays kube-scheduler to a ledger with one gang: cycles, binds that fail, deletions and restarts in any order. It
// knows which members wait at Permit and which are bound, and holds the ledger to its invariants.
type model struct {
	l       *gang.Ledger
	size    int
	pods    map[types.UID]*corev1.Pod
	waiting map[types.UID]*gang.Plan // reserved, not released
	binding map[types.UID]*gang.Plan // released, not bound
	next    int
	deleted bool // a member was deleted since the gang last was whole
}

func (m *model) any(t *rapid.T, keep func(*corev1.Pod) bool) *corev1.Pod {
	var pods []*corev1.Pod
	for _, pod := range m.pods {
		if keep(pod) {
			pods = append(pods, pod)
		}
	}
	if len(pods) == 0 {
		t.Skip("no such pod")
	}
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return slices.Compare([]byte(a.UID), []byte(b.UID)) })
	return rapid.SampledFrom(pods).Draw(t, "pod")
}

// isIdle reports whether the scheduler may try the pod.
func (m *model) isIdle(pod *corev1.Pod) bool {
	return pod.Spec.NodeName == "" && m.waiting[pod.UID] == nil && m.binding[pod.UID] == nil && m.l.Obstacle(pod) == ""
}

func (m *model) reject(t *rapid.T, uids []types.UID) {
	for _, uid := range uids {
		plan := m.waiting[uid]
		if plan == nil {
			t.Fatalf("member %s is rejected but does not wait", uid)
		}
		delete(m.waiting, uid)
		m.l.Unreserve(plan, uid, "rejected")
	}
}

func (m *model) Create(t *rapid.T) {
	if len(m.pods) >= m.size {
		t.Skip("complete")
	}
	pod := members(m.next+1, m.size)[m.next]
	m.next++
	m.pods[pod.UID] = pod
	m.l.Observe(pod)
}

func (m *model) Cycle(t *rapid.T) {
	pod := m.any(t, m.isIdle)
	turn := m.l.Turn(pod)
	switch {
	case turn.Pin != nil:
		m.arrive(t, pod, turn.Pin.Plan)
	case turn.Draft != nil:
		room := rapid.IntRange(0, m.size).Draw(t, "room")
		seats, reason, err := turn.Draft.Fill(func(pod *corev1.Pod) (string, string, error) {
			if room--; room < 0 {
				return "", "no room", nil
			}
			return "node", "", nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if reason != "" {
			m.l.Refuse(turn.Draft, pod.UID, reason)
			return
		}
		if plan := m.l.Adopt(turn.Draft, seats); plan == nil || seats[pod.UID] == "" {
			t.Fatalf("a rigid gang's plan leaves its planner out")
		} else {
			m.arrive(t, pod, plan)
		}
	}
}

func (m *model) arrive(t *rapid.T, pod *corev1.Pod, plan *gang.Plan) {
	if rapid.IntRange(0, 4).Draw(t, "conflict") == 0 {
		m.reject(t, m.l.Withdraw(plan, "taken"))
		return
	}
	if !m.l.Reserve(plan, pod.UID) {
		t.Fatal("an open plan does not take its member")
	}
	m.waiting[pod.UID] = plan
	for _, uid := range m.l.Arrive(plan).Release {
		if m.waiting[uid] != plan {
			t.Fatalf("member %s is released without its seat", uid)
		}
		delete(m.waiting, uid)
		m.binding[uid] = plan
	}
}

func (m *model) Bind(t *rapid.T) {
	pod := m.any(t, func(pod *corev1.Pod) bool { return m.binding[pod.UID] != nil })
	plan := m.binding[pod.UID]
	delete(m.binding, pod.UID)
	if rapid.IntRange(0, 4).Draw(t, "failure") == 0 {
		m.reject(t, m.l.Unreserve(plan, pod.UID, "bind failed"))
		m.l.Retry(pod.UID)
		m.deleted = true // from now on members are bound one by one
		return
	}
	m.pods[pod.UID] = on(pod, "node")
	m.l.Observe(m.pods[pod.UID])
}

func (m *model) Delete(t *rapid.T) {
	pod := m.any(t, func(*corev1.Pod) bool { return true })
	delete(m.pods, pod.UID)
	delete(m.binding, pod.UID)
	m.deleted = true
	change := m.l.Forget(pod.UID)
	m.reject(t, change.Reject)
	delete(m.waiting, pod.UID)
	if len(m.pods) == 0 {
		m.deleted = false
	}
}

// Restart starts a new scheduler, which knows the pods alone.
func (m *model) Restart(*rapid.T) {
	m.l = gang.NewLedger()
	for _, pod := range m.pods {
		m.l.Observe(pod)
	}
	m.deleted = m.deleted || len(m.binding) > 0
	m.waiting, m.binding = map[types.UID]*gang.Plan{}, map[types.UID]*gang.Plan{}
}

// Event is one that may help any gang.
func (m *model) Event(*rapid.T) {
	m.l.Help(gang.Key{}, func([]*corev1.Pod) int { return gang.Unknown })
}

// Check holds after every step: while no member was lost and no bind failed, either all members have a node or none has. At
// most one member of a gang without a plan may enter the queue; and unless the gang was refused, one may.
func (m *model) Check(t *rapid.T) {
	entering := 0
	for _, pod := range m.pods {
		if m.isIdle(pod) {
			entering++
		}
	}
	waiting := m.l.Waiting()
	if len(m.waiting) == 0 && waiting[gang.WaitReady].Gangs == 1 && entering == 0 {
		t.Fatal("a gang that wants a turn has nobody who may enter the queue")
	}
	placed := len(m.binding)
	for _, pod := range m.pods {
		if pod.Spec.NodeName != "" {
			placed++
		}
	}
	if !m.deleted && placed != 0 && placed != m.size {
		t.Fatalf("%d of %d members are placed", placed, m.size)
	}
	plans := map[*gang.Plan]bool{}
	for _, plan := range m.waiting {
		plans[plan] = true
	}
	if len(plans) > 1 {
		t.Fatalf("members wait for %d plans of one gang", len(plans))
	}
}

func TestGangIsPlacedWhollyOrNotAtAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{
			l:       gang.NewLedger(),
			size:    rapid.IntRange(1, 5).Draw(t, "size"),
			pods:    map[types.UID]*corev1.Pod{},
			waiting: map[types.UID]*gang.Plan{},
			binding: map[types.UID]*gang.Plan{},
		}
		t.Repeat(map[string]func(*rapid.T){
			"create": m.Create, "cycle": m.Cycle, "bind": m.Bind, "delete": m.Delete, "restart": m.Restart, "event": m.Event, "": m.Check,
		})
	})
}
