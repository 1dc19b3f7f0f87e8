// SPDX-License-Identifier: Apache-2.0

package gang_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func TestObstacle(t *testing.T) {
	t.Parallel()
	terminating := member("m1", "2", "")
	terminating.DeletionTimestamp = &metav1.Time{}
	gated := member("m1", "2", "")
	gated.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "wait"}}
	finished := on(member("m1", "2", ""), "a")
	finished.Status.Phase = corev1.PodSucceeded
	cases := map[string]struct {
		others []*corev1.Pod
		want   string
	}{
		"members are missing":                 {want: "gang g: 1 of 2 members exist"},
		"all members exist":                   {others: members(2, 2)[1:]},
		"a terminating member does not count": {others: []*corev1.Pod{terminating}, want: "gang g: 1 of 2 members exist"},
		"a gated member does not count":       {others: []*corev1.Pod{gated}, want: "gang g: 1 of 2 members exist"},
		"a finished member does not count":    {others: []*corev1.Pod{finished}, want: "gang g: 1 of 2 members exist"},
		"a bound member has started the gang": {others: []*corev1.Pod{on(member("m1", "2", ""), "a")}},
		"a malformed gang":                    {others: []*corev1.Pod{member("m1", "many", "")}, want: "gang g: its members differ in size or min, or one of them is malformed"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := gang.NewLedger()
			pod := member("m0", "2", "")
			observe(l, append(tc.others, pod)...)
			if got := l.Obstacle(pod); got != tc.want {
				t.Errorf("obstacle %q, want %q", got, tc.want)
			}
		})
	}
}

func TestObstacleOfAPodOutsideTheLedger(t *testing.T) {
	l := gang.NewLedger()
	if got := l.Obstacle(member("m0", "1", "")); !strings.Contains(got, "not known yet") {
		t.Errorf("obstacle of an unseen member: %q", got)
	}
	single := member("m0", "", "")
	delete(single.Labels, batchmeta.Gang)
	if got := l.Obstacle(single); got != "" {
		t.Errorf("obstacle of a pod of no gang: %q", got)
	}
}

func TestObserveWakes(t *testing.T) {
	t.Parallel()
	labelled := func(pod *corev1.Pod) *corev1.Pod {
		pod = pod.DeepCopy()
		pod.Labels["touched"] = "yes"
		return pod
	}
	m := members(3, 3)
	cases := map[string]struct {
		before []*corev1.Pod
		event  *corev1.Pod
		want   []string
	}{
		"nobody while members are missing":        {before: m[:1], event: m[1]},
		"the leader when the last member arrives": {before: m[:2], event: m[2], want: []string{"m0"}},
		"nobody when a member changes":            {before: m, event: labelled(m[0])},
		"nobody when a complete gang grows":       {before: m, event: member("m3", "3", "")},
		"the leader when a bound member turns up": {before: m[:2], event: on(m[2], "a"), want: []string{"m0"}},
		"the leader when a malformed gang is mended": {
			before: []*corev1.Pod{member("m0", "1", ""), member("m1", "x", "")},
			event:  member("m1", "1", ""), want: []string{"m0"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := gang.NewLedger()
			observe(l, tc.before...)
			if diff := cmp.Diff(tc.want, names(l.Observe(tc.event).Wake)); diff != "" {
				t.Errorf("woken (-want +got):\n%s", diff)
			}
		})
	}
}

func TestForgetWakesANewLeader(t *testing.T) {
	l := gang.NewLedger()
	m := members(3, 3)
	observe(l, on(m[0], "a"), m[2], m[1])
	if diff := cmp.Diff([]string{"m1"}, names(l.Forget("m2").Wake)); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
	turn := l.Turn(m[1])
	if turn.Draft == nil {
		t.Fatalf("turn %+v, want a draft", turn)
	}
	if _, reason, _ := turn.Draft.Fill(seatAll); reason != "" {
		t.Errorf("the rest of a started gang is refused: %s", reason)
	}
}

func TestMemberThatChangesGangs(t *testing.T) {
	l := gang.NewLedger()
	m := members(2, 2)
	observe(l, m...)
	moved := m[1].DeepCopy()
	moved.Labels[batchmeta.Gang] = "h"
	l.Observe(moved)
	if got := l.Obstacle(m[0]); got != "gang g: 1 of 2 members exist" {
		t.Errorf("obstacle of the member left behind: %q", got)
	}
	if got := l.Obstacle(moved); got != "gang h: 1 of 2 members exist" {
		t.Errorf("obstacle of the member that moved: %q", got)
	}
}

func TestGangStartsAfreshOnceAllItsMembersAreGone(t *testing.T) {
	l := gang.NewLedger()
	m := members(2, 2)
	observe(l, on(m[0], "a"), m[1])
	l.Forget("m0")
	l.Forget("m1")
	again := member("n0", "2", "")
	l.Observe(again)
	if got := l.Obstacle(again); got != "gang g: 1 of 2 members exist" {
		t.Errorf("obstacle %q", got)
	}
}
