// SPDX-License-Identifier: Apache-2.0

package gang_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// running returns n bound members of a gang of n, one a node.
func running(n int, onLoss string) []*corev1.Pod {
	pods := members(n, n)
	for i, pod := range pods {
		pod.Annotations[batchmeta.GangOnMemberLoss] = onLoss
		if onLoss == "" {
			delete(pod.Annotations, batchmeta.GangOnMemberLoss)
		}
		pod.Spec.NodeName = "node-" + strconv.Itoa(i)
	}
	return pods
}

// again returns the pod that is made in place of another: pending, of the same gang and controller.
func again(pod *corev1.Pod) *corev1.Pod {
	pod = pod.DeepCopy()
	pod.Name += "-again"
	pod.UID = types.UID(pod.Name)
	pod.Spec.NodeName = ""
	pod.Status = corev1.PodStatus{}
	return pod
}

func succeeded(pod *corev1.Pod) *corev1.Pod {
	pod = pod.DeepCopy()
	pod.Status.Phase = corev1.PodSucceeded
	return pod
}

// marked returns a pod that a scheduler is about to end.
func marked(pod *corev1.Pod) *corev1.Pod {
	pod = pod.DeepCopy()
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: corev1.PodReasonPreemptionByScheduler,
	})
	return pod
}

// madeBy returns the pods with a controller.
func madeBy(uid types.UID, pods ...*corev1.Pod) []*corev1.Pod {
	for _, pod := range pods {
		pod.OwnerReferences = []metav1.OwnerReference{{UID: uid, Controller: new(true)}}
	}
	return pods
}

func TestShort(t *testing.T) {
	t.Parallel()
	const restart, replace = batchmeta.MemberLossRestart, batchmeta.MemberLossReplace
	cases := map[string]struct {
		onLoss string
		least  string // the gang's min, if not its size
		then   func(l *gang.Ledger, pods []*corev1.Pod)
		want   string // empty when the gang is not short
		atOnce bool
	}{
		"nobody is lost":                {onLoss: restart, then: func(*gang.Ledger, []*corev1.Pod) {}},
		"a member is deleted":           {onLoss: restart, then: deleteOne, want: "gang g: 2 of the 3 members that it needs are left", atOnce: true},
		"a member fails":                {onLoss: restart, then: failOne, want: "gang g: 2 of the 3", atOnce: true},
		"a member is to be replaced":    {onLoss: replace, then: deleteOne, want: "gang g: 2 of the 3"},
		"a gang that asks for nothing":  {then: deleteOne},
		"an elastic gang above its min": {onLoss: restart, least: "2", then: deleteOne},
		"a member succeeds":             {onLoss: restart, then: func(l *gang.Ledger, pods []*corev1.Pod) { l.Observe(succeeded(pods[0])) }},
		"a member succeeds and is gone": {onLoss: restart, then: finishAndDelete},
		"one is left of those that a scheduler was to end": {then: func(l *gang.Ledger, pods []*corev1.Pod) {
			forget(l, pods[:2]...)
			l.Observe(marked(pods[2]))
		}, want: "gang g: 1 of the 3", atOnce: true},
		"all are marked and live": {then: func(l *gang.Ledger, pods []*corev1.Pod) {
			for _, pod := range pods {
				l.Observe(marked(pod))
			}
		}},
		"all are lost":                 {onLoss: restart, then: func(l *gang.Ledger, pods []*corev1.Pod) { forget(l, pods...) }},
		"the replacement is pending":   {onLoss: replace, then: func(l *gang.Ledger, pods []*corev1.Pod) { deleteOne(l, pods); l.Observe(again(pods[0])) }, want: "2 of the 3"},
		"the lost member is replaced":  {onLoss: replace, then: func(l *gang.Ledger, pods []*corev1.Pod) { deleteOne(l, pods); l.Observe(on(again(pods[0]), "x")) }},
		"one is done, another is lost": {onLoss: restart, then: func(l *gang.Ledger, pods []*corev1.Pod) { l.Observe(succeeded(pods[0])); forget(l, pods[1]) }, want: "2 of the 3", atOnce: true},
		"one is done, another is replaced": {onLoss: replace, then: func(l *gang.Ledger, pods []*corev1.Pod) {
			finishAndDelete(l, pods)
			forget(l, pods[1])
			l.Observe(on(again(pods[1]), "x"))
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := gang.NewLedger()
			pods := running(3, tc.onLoss)
			for _, pod := range pods {
				if tc.least != "" {
					pod.Annotations[batchmeta.GangMin] = tc.least
				}
				l.Observe(pod)
			}
			tc.then(l, pods)
			short := l.Short()
			if tc.want == "" {
				if len(short) > 0 {
					t.Errorf("short: %s", short[0].Reason())
				}
				return
			}
			if len(short) != 1 || !strings.Contains(short[0].Reason(), tc.want) || short[0].AtOnce != tc.atOnce {
				t.Fatalf("short %+v, want one with %q, at once %v", short, tc.want, tc.atOnce)
			}
			for _, pod := range short[0].Pods {
				if pod.Spec.NodeName == "" {
					t.Errorf("%s is to be handed back and has no node", pod.Name)
				}
			}
		})
	}
}

func deleteOne(l *gang.Ledger, pods []*corev1.Pod) { forget(l, pods[0]) }

func failOne(l *gang.Ledger, pods []*corev1.Pod) {
	pod := pods[0].DeepCopy()
	pod.Status.Phase = corev1.PodFailed
	l.Observe(pod)
}

func finishAndDelete(l *gang.Ledger, pods []*corev1.Pod) {
	l.Observe(succeeded(pods[0]))
	forget(l, pods[0])
}

func forget(l *gang.Ledger, pods ...*corev1.Pod) {
	for _, pod := range pods {
		l.Forget(pod.UID)
	}
}

// TestRestartOfTheSchedulerEndsNoWork: what happened before it, nobody knows. Only members that wait to join tell that
// there is somebody to replace.
func TestRestartOfTheSchedulerEndsNoWork(t *testing.T) {
	l := gang.NewLedger()
	pods := running(3, batchmeta.MemberLossRestart)
	observe(l, pods[:2]...)
	if short := l.Short(); len(short) > 0 {
		t.Errorf("short without a sign of a loss: %s", short[0].Reason())
	}
	l.Observe(again(pods[2]))
	if short := l.Short(); len(short) != 1 || short[0].AtOnce {
		t.Errorf("short %+v, want one that the missing member may still join", short)
	}
}

func TestBrokenGangTakesNobodyInUntilItIsWholeAnew(t *testing.T) {
	l := gang.NewLedger()
	pods := running(2, batchmeta.MemberLossRestart)
	observe(l, pods...)
	forget(l, pods[0])
	first, second := again(pods[0]), again(pods[1])
	l.Observe(first)
	if got, want := l.Obstacle(first), "gang g: it lost a member and begins anew; its other members are being ended"; got != want {
		t.Errorf("obstacle %q, want %q", got, want)
	}
	forget(l, pods[1])
	if got, want := l.Obstacle(first), "gang g: 1 of 2 members exist"; got != want {
		t.Errorf("obstacle %q, want %q", got, want)
	}
	if got := names(l.Observe(second).Wake); !slices.Equal(got, []string{"m0-again"}) {
		t.Errorf("the last member wakes %v", got)
	}
}

// TestGangWithoutANodeIsWholeOrWaits: once none of a gang is left on a node, what remains of it may not start in part.
func TestGangWithoutANodeIsWholeOrWaits(t *testing.T) {
	l := gang.NewLedger()
	pods := running(3, "")
	observe(l, pods...)
	heir := again(pods[0])
	l.Observe(heir)
	if got := l.Obstacle(heir); got != "" {
		t.Errorf("obstacle to joining those that run: %s", got)
	}
	forget(l, pods...)
	if got, want := l.Obstacle(heir), "gang g: 1 of 3 members exist"; got != want {
		t.Errorf("obstacle %q, want %q", got, want)
	}
}

func TestSucceededMembersNeedNotComeAgain(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		before func(l *gang.Ledger, pods []*corev1.Pod) // two of three succeed, the third is lost
		want   string
	}{
		"seen at work": {before: func(l *gang.Ledger, pods []*corev1.Pod) {
			observe(l, pods...)
			observe(l, succeeded(pods[0]), succeeded(pods[1]))
			forget(l, pods[2])
		}},
		"seen after their end": {before: func(l *gang.Ledger, pods []*corev1.Pod) {
			observe(l, succeeded(pods[0]), succeeded(pods[1]))
		}},
		"of another controller": {want: "gang g: 1 of 3 members exist", before: func(l *gang.Ledger, pods []*corev1.Pod) {
			observe(l, madeBy("earlier", succeeded(pods[0]), succeeded(pods[1]))...)
		}},
		"of no controller": {want: "gang g: 1 of 3 members exist", before: func(l *gang.Ledger, pods []*corev1.Pod) {
			for _, pod := range pods[:2] {
				pod.OwnerReferences = nil
				l.Observe(succeeded(pod))
			}
		}},
		"deleted": {want: "gang g: 1 of 3 members exist", before: func(l *gang.Ledger, pods []*corev1.Pod) {
			observe(l, succeeded(pods[0]), succeeded(pods[1]))
			forget(l, pods[:2]...)
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := gang.NewLedger()
			pods := madeBy("job", running(3, "")...)
			heir := again(pods[2])
			tc.before(l, pods)
			l.Observe(heir)
			if got := l.Obstacle(heir); got != tc.want {
				t.Errorf("obstacle %q, want %q", got, tc.want)
			}
		})
	}
}

func TestSucceededMemberThatIsHeardOfLastWakesTheRest(t *testing.T) {
	l := gang.NewLedger()
	pods := madeBy("job", running(2, "")...)
	heir := again(pods[1])
	l.Observe(heir)
	if got := names(l.Observe(succeeded(pods[0])).Wake); !slices.Equal(got, []string{heir.Name}) {
		t.Errorf("woken: %v", got)
	}
}

func TestVigil(t *testing.T) {
	t.Parallel()
	const bound = 5 * time.Minute
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	slow := gang.Short{Key: gang.Key{Name: "slow"}}
	quick := gang.Short{Key: gang.Key{Name: "quick"}, AtOnce: true}
	since := func(after time.Duration) gang.Short {
		return gang.Short{Key: gang.Key{Name: "seen"}, Since: start.Add(after)}
	}
	var v gang.Vigil
	steps := []struct {
		after time.Duration
		short []gang.Short
		want  []string
	}{
		{0, []gang.Short{quick, slow}, []string{"quick"}},
		{bound - time.Second, []gang.Short{slow}, nil},
		{bound, []gang.Short{slow}, []string{"slow"}},
		{bound + time.Second, []gang.Short{slow}, []string{"slow"}}, // it was not handed back: once more
		{bound + 2*time.Second, nil, nil},
		{bound + 3*time.Second, []gang.Short{slow}, nil}, // short again: the bound begins anew
		{2 * bound, []gang.Short{since(bound)}, []string{"seen"}},
		{2 * bound, nil, nil},
		{2 * bound, []gang.Short{since(bound + time.Second)}, nil},
		{2*bound + time.Second, []gang.Short{since(2 * bound)}, []string{"seen"}}, // what was once seen stays
	}
	for _, step := range steps {
		var got []string
		for _, s := range v.Due(start.Add(step.after), bound, step.short) {
			got = append(got, s.Key.Name)
		}
		if !slices.Equal(got, step.want) {
			t.Errorf("due after %v: %v, want %v", step.after, got, step.want)
		}
	}
}

func TestShortSince(t *testing.T) {
	t.Parallel()
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(pod *corev1.Pod, seconds int) *corev1.Pod {
		when := metav1.NewTime(start.Add(time.Duration(seconds) * time.Second))
		if pod.Spec.NodeName == "" {
			pod.CreationTimestamp = when
		} else {
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: when}}
		}
		return pod
	}
	cases := map[string]struct {
		spare, waiting int // members that it can do without, and replacements: the first made at 20 s, the next at 21 s and so on
		boundAt        int
		want           int // -1 for nothing
	}{
		"since the replacement was made":              {0, 1, 10, 20},
		"since the first of them was made":            {0, 2, 10, 20},
		"not while they are no more than it can miss": {1, 1, 10, -1},
		"since one more than it can miss waits":       {1, 2, 10, 21},
		"not before the last one got its node":        {0, 2, 50, 50},
		"nobody waits":                                {0, 0, 10, -1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const left = 2
			size := left + tc.spare + max(tc.waiting-tc.spare, 1)
			l := gang.NewLedger()
			for i, pod := range running(size, batchmeta.MemberLossReplace) {
				pod.Annotations[batchmeta.GangMin] = strconv.Itoa(size - tc.spare)
				l.Observe(at(pod, tc.boundAt))
				if i >= left {
					forget(l, pod)
				}
				if i >= left && i < left+tc.waiting {
					l.Observe(at(again(pod), 20+i-left))
				}
			}
			short := l.Short()
			if len(short) != 1 {
				t.Fatalf("%d gangs are short", len(short))
			}
			want := time.Time{}
			if tc.want >= 0 {
				want = start.Add(time.Duration(tc.want) * time.Second)
			}
			if got := short[0].Since; !got.Equal(want) {
				t.Errorf("short since %v, want %v", got, want)
			}
		})
	}
}

func TestShortHoldsByTheWordOfTheAPIServer(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		pods func(left []*corev1.Pod, lost *corev1.Pod) []*corev1.Pod
		want bool
	}{
		"as the ledger has it":              {want: true, pods: func(left []*corev1.Pod, _ *corev1.Pod) []*corev1.Pod { return left }},
		"the replacement has no node":       {want: true, pods: func(left []*corev1.Pod, lost *corev1.Pod) []*corev1.Pod { return append(left, again(lost)) }},
		"the replacement has one meanwhile": {pods: func(left []*corev1.Pod, lost *corev1.Pod) []*corev1.Pod { return append(left, on(again(lost), "x")) }},
		"one of another gang does not count": {want: true, pods: func(left []*corev1.Pod, lost *corev1.Pod) []*corev1.Pod {
			other := on(again(lost), "x")
			other.Labels[batchmeta.Gang] = "other"
			return append(left, other)
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := gang.NewLedger()
			pods := running(3, batchmeta.MemberLossReplace)
			observe(l, pods...)
			forget(l, pods[0])
			var live []corev1.Pod
			for _, pod := range tc.pods(slices.Clone(pods[1:]), pods[0]) {
				live = append(live, *pod)
			}
			if got := l.Short()[0].Holds(live); got != tc.want {
				t.Errorf("holds: %v", got)
			}
		})
	}
}
