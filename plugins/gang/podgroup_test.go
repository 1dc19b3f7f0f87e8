// SPDX-License-Identifier: Apache-2.0

package gang_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// grouped returns the pods of a PodGroup g, by name.
func grouped(names ...string) []*corev1.Pod {
	pods := make([]*corev1.Pod, len(names))
	for i, name := range names {
		pods[i] = member(name, "", "")
		pods[i].Labels = map[string]string{batchmeta.PodGroup: "g"}
	}
	return pods
}

func TestMembersOfAPodGroupWaitForIt(t *testing.T) {
	l := gang.NewLedger()
	pods := grouped("a", "b", "c")
	observe(l, pods[:2]...)
	if got, want := l.Obstacle(pods[0]), "PodGroup g: it does not exist; its members wait for it"; got != want {
		t.Errorf("obstacle %q, want %q", got, want)
	}
	if got := l.ObserveGroup("ns", "g", gang.PodGroup{MinMember: 3}).Wake; len(got) > 0 {
		t.Errorf("the group wakes %v before all exist", names(got))
	}
	if got, want := l.Obstacle(pods[0]), "PodGroup g: 2 of 3 members exist"; got != want {
		t.Errorf("obstacle %q, want %q", got, want)
	}
	if got := names(l.Observe(pods[2]).Wake); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the last member wakes %v", got)
	}
}

func TestPodGroupMayComeLastOrChange(t *testing.T) {
	l := gang.NewLedger()
	pods := grouped("a", "b")
	observe(l, pods...)
	if got := names(l.ObserveGroup("ns", "g", gang.PodGroup{MinMember: 2}).Wake); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the group wakes %v", got)
	}
	l.ObserveGroup("ns", "g", gang.PodGroup{MinMember: 3})
	if got, want := l.Obstacle(pods[0]), "PodGroup g: 2 of 3 members exist"; got != want {
		t.Errorf("obstacle %q, want %q", got, want)
	}
	if got := names(l.ObserveGroup("ns", "g", gang.PodGroup{MinMember: 1}).Wake); !slices.Equal(got, []string{"a"}) {
		t.Errorf("a smaller min wakes %v", got)
	}
	l.ForgetGroup("ns", "g")
	if got := l.Obstacle(pods[0]); !strings.Contains(got, "does not exist") {
		t.Errorf("obstacle %q after the group was deleted", got)
	}
}

func TestPodGroupIsElasticAboveItsMin(t *testing.T) {
	l := gang.NewLedger()
	pods := grouped("a", "b", "c")
	l.ObserveGroup("ns", "g", gang.PodGroup{MinMember: 2, Patience: time.Minute})
	observe(l, pods...)
	draft := l.Turn(pods[0]).Draft
	want := gang.Spec{Size: 2, Min: 2, Patience: time.Minute}
	if diff := cmp.Diff(want, draft.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if seats, reason, err := draft.Fill(seatOnly("a", "b")); len(seats) != 2 || err != nil {
		t.Errorf("two of three: %d seats, %s, %v", len(seats), reason, err)
	}
	const short = "PodGroup g: 1 of 3 members fit; b: no room"
	if _, reason, _ := draft.Fill(seatOnly("a")); reason != short {
		t.Errorf("reason %q, want %q", reason, short)
	}
}

func TestPodGroupSaysWhatIsWrong(t *testing.T) {
	l := gang.NewLedger()
	l.ObserveGroup("ns", "g", gang.PodGroup{MinMember: 5, Annotations: map[string]string{batchmeta.GangOnMemberLoss: "cry"}})
	pod := grouped("a")[0]
	l.Observe(pod)
	const want = `PodGroup g: annotation muster.sh/gang-on-member-loss: "cry" is neither restart nor replace`
	if got := l.Turn(pod).Refusal; got != want {
		t.Errorf("refusal %q, want %q", got, want)
	}
}

func TestGangAndPodGroupOfOneNameAreApart(t *testing.T) {
	l := gang.NewLedger()
	l.ObserveGroup("ns", "g", gang.PodGroup{MinMember: 2})
	group, other := grouped("a", "b"), members(2, 2)
	observe(l, group[0], other[0])
	for _, pod := range []*corev1.Pod{group[0], other[0]} {
		if got := l.Obstacle(pod); !strings.HasSuffix(got, "1 of 2 members exist") {
			t.Errorf("obstacle of %s: %q", pod.Name, got)
		}
	}
	observe(l, group[1], other[1])
	first, second := l.Order(group[0]), l.Order(other[0])
	if first.Before(second) == second.Before(first) {
		t.Error("the gang and the PodGroup have one place in the queue")
	}
	for i := range group { // contiguous: nobody of the one is between two of the other
		if l.Order(group[i]).Before(second) != first.Before(second) || l.Order(other[i]).Before(first) != second.Before(first) {
			t.Errorf("members %d of the two are mixed", i)
		}
	}
}

func TestPodGroupSortsByItsOwnAge(t *testing.T) {
	l := gang.NewLedger()
	born := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	l.ObserveGroup("ns", "g", gang.PodGroup{MinMember: 1, Created: born})
	late := grouped("a")[0]
	late.CreationTimestamp = metav1.NewTime(born.Add(time.Hour))
	single := member("single", "", "")
	single.Labels, single.CreationTimestamp = nil, metav1.NewTime(born.Add(time.Minute))
	l.Observe(late)
	if !l.Order(late).Before(l.Order(single)) {
		t.Error("a pod made after the PodGroup goes before the group's members")
	}
}

func TestLabelOfAGangGoesBeforeThatOfAPodGroup(t *testing.T) {
	pod := member("a", "2", "")
	pod.Labels[batchmeta.PodGroup] = "other"
	if key, ok := gang.KeyOf(pod); !ok || key != (gang.Key{Namespace: "ns", Name: "g"}) {
		t.Errorf("key %v, %v", key, ok)
	}
	pod.Labels = map[string]string{batchmeta.PodGroup: ""}
	if _, ok := gang.KeyOf(pod); ok {
		t.Error("an empty label names a PodGroup")
	}
}
