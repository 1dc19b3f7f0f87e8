// SPDX-License-Identifier: Apache-2.0

package gang_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// pair returns the members name-0 and name-1 of a gang of two.
func pair(name string) []*corev1.Pod {
	pods := members(2, 2)
	for i, pod := range pods {
		pod.Name = name + "-" + strconv.Itoa(i)
		pod.UID = types.UID(pod.Name)
		pod.Labels[batchmeta.Gang] = name
	}
	return pods
}

// enters returns which of the pods may enter the scheduling queue.
func enters(l *gang.Ledger, pods ...*corev1.Pod) []string {
	return names(slices.DeleteFunc(slices.Clone(pods), func(pod *corev1.Pod) bool { return l.Obstacle(pod) != "" }))
}

func want(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestOnlyTheLeaderOfTheNextGangEnters(t *testing.T) {
	l := gang.NewLedger()
	a, b, c := pair("a"), pair("b"), pair("c")
	all := slices.Concat(a, b, c)
	observe(l, all...)
	want(t, "at first", enters(l, all...), "a-0")
	plan := adopt(t, l, a[0])
	want(t, "activated when a is planned", names(l.Next()), "b-0")
	want(t, "then", enters(l, all...), "a-0", "a-1", "b-0")
	for _, pod := range a {
		l.Reserve(plan, pod.UID)
	}
	l.Arrive(plan)
	l.Refuse(l.Turn(b[0]).Draft, b[0].UID, "gang b: too big")
	want(t, "activated when b is refused", names(l.Next()), "c-0")
	want(t, "then", enters(l, append(b[1:], c...)...), "c-0")
	if got := l.Obstacle(b[1]); got != "gang b: this member waits for b-0" {
		t.Errorf("obstacle of a follower: %q", got)
	}
}

func TestWhoGoesBeforeAnAdmittedGangIsAdmittedToo(t *testing.T) {
	l := gang.NewLedger()
	b, a := pair("b"), pair("a")
	observe(l, b...)
	want(t, "at first", enters(l, b...), "b-0")
	observe(l, a[0])
	want(t, "activated when a is complete", names(l.Observe(a[1]).Wake), "a-0")
	want(t, "then", enters(l, append(a, b...)...), "a-0", "b-0")
}

func TestAnotherMemberLeadsWhenTheLeaderGoes(t *testing.T) {
	l := gang.NewLedger()
	m := members(3, 3)
	for _, pod := range m {
		pod.Annotations[batchmeta.GangMin] = "2"
	}
	observe(l, m...)
	extra := member("m3", "3", "2")
	l.Observe(extra)
	want(t, "at first", enters(l, m...), "m0")
	want(t, "activated", names(l.Forget("m0").Wake), "m1")
	want(t, "then", enters(l, append(m[1:], extra)...), "m1")
}

func TestGangsBehindARefusedOneAreRefusedWithIt(t *testing.T) {
	l := gang.NewLedger()
	a, b, c := pair("a"), pair("b"), pair("c")
	observe(l, slices.Concat(a, b, c)...)
	l.Refuse(l.Turn(a[0]).Draft, a[0].UID, "gang a: too big")
	behind := l.Behind()
	if behind == nil || behind.Key.Name != "b" {
		t.Fatalf("behind a is %+v", behind)
	}
	if !l.RefuseBehind(behind, "gang b: too big") {
		t.Fatal("b is not refused")
	}
	want(t, "activated", names(l.Next()), "c-0")
	l.Refuse(l.Turn(c[0]).Draft, c[0].UID, "gang c: too big")
	if got := l.VerdictForAll(behind.Key); got.Reason != "gang b: too big" || !got.Refused || len(got.Members) != 2 {
		t.Errorf("verdict on b: %+v", got)
	}
	// While the hint of a or c speaks for b, b sleeps; when neither can, b has another turn.
	l.Forget("a-0")
	l.Forget("a-1")
	want(t, "b sleeps", enters(l, b...))
	l.Forget("c-0")
	want(t, "b is awake", enters(l, b...), "b-0")
}

func TestEventsAddUpUntilTheyMayHelp(t *testing.T) {
	l := gang.NewLedger()
	m := members(8, 8)
	observe(l, m...)
	draft := l.Turn(m[0]).Draft
	reason := draft.Refuse(gang.Shortfall{Fit: 5, Words: "m5: no room", Alike: true})
	l.Refuse(draft, m[0].UID, reason)
	one := func([]*corev1.Pod) int { return 1 }
	for i, helps := range []bool{false, false, true} {
		if got := l.Help(gang.Key{}, one); got != helps {
			t.Errorf("event %d gives the gang a turn: %v, want %v", i+1, got, helps)
		}
	}
}

func TestGangThatChangedWhileItWasPlannedHasAnotherTurn(t *testing.T) {
	l := gang.NewLedger()
	m := members(2, 2)
	observe(l, m...)
	draft := l.Turn(m[0]).Draft
	changed := m[1].DeepCopy()
	changed.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	l.Observe(changed)
	if l.Refuse(draft, m[0].UID, "a taint") {
		t.Error("the refusal counts")
	}
	want(t, "activated", names(l.Next()), "m0")
}

func TestChangeOfWhatARefusedGangAsksForWakesIt(t *testing.T) {
	l := gang.NewLedger()
	m := members(2, 2)
	observe(l, m...)
	l.Refuse(l.Turn(m[0]).Draft, m[0].UID, "a taint")
	told := m[1].DeepCopy()
	told.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse}}
	want(t, "woken by a status", names(l.Observe(told).Wake))
	changed := told.DeepCopy()
	changed.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	want(t, "woken by a toleration", names(l.Observe(changed).Wake), "m0")
}

func TestRefusedGangWithoutAnyNodeSleepsWithAllBehindIt(t *testing.T) {
	l := gang.NewLedger()
	a, b := pair("a"), pair("b")
	observe(l, append(a, b...)...)
	want(t, "at first", enters(l, append(a, b...)...), "a-0")
	if keys := l.Stall("a-0", "no nodes"); len(keys) != 2 {
		t.Errorf("stalled: %v", keys)
	}
	for _, pod := range []*corev1.Pod{a[0], b[0]} {
		if got := l.Verdict(gang.Key{Namespace: "ns", Name: pod.Labels[batchmeta.Gang]}); !strings.HasSuffix(got.Reason, "no nodes") {
			t.Errorf("verdict on the gang of %s: %+v", pod.Name, got)
		}
	}
	want(t, "asleep", enters(l, append(a[1:], b...)...))
	l.Help(gang.Key{}, func([]*corev1.Pod) int { return gang.Unknown })
	want(t, "awake", names(l.Next()), "a-0")
}

func TestRestOfAnElasticGangHasAnotherTurn(t *testing.T) {
	l := gang.NewLedger()
	m := members(3, 3)
	for _, pod := range m {
		pod.Annotations[batchmeta.GangMin] = "2"
	}
	observe(l, m...)
	draft := l.Turn(m[0]).Draft
	seats, _, _ := draft.Fill(seatOnly("m1", "m2"))
	plan := l.Adopt(draft, seats)
	want(t, "enter the plan", enters(l, m...), "m1", "m2")
	for _, uid := range []types.UID{"m1", "m2"} {
		l.Reserve(plan, uid)
		l.Arrive(plan)
	}
	want(t, "activated", names(l.Next()), "m0")
}

func TestStuckGangDoesNotHoldUpTheLine(t *testing.T) {
	l := gang.NewLedger()
	a, b := pair("a"), pair("b")
	observe(l, append(a, b...)...)
	want(t, "reminded of", names(l.Remind(false)), "a-0")
	want(t, "reminded of at length", names(l.Remind(true)), "a-0", "b-0")
	plan := adopt(t, l, a[0])
	l.Reserve(plan, "a-0")
	want(t, "and of seats not taken", names(l.Remind(true)), "a-1", "b-0")
}
