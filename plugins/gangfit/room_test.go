// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

var start = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// ranked returns a pod with that rank, CPUs and attempt duration in seconds; 0 for none.
func ranked(name string, rank, cpus, seconds int) *corev1.Pod {
	pod := st.MakePod().Name(name).UID(name).
		Req(map[corev1.ResourceName]string{corev1.ResourceCPU: strconv.Itoa(cpus)}).Obj()
	pod.Spec.TerminationGracePeriodSeconds = new(int64)
	pod.Annotations = map[string]string{batchmeta.Rank: "00" + strconv.Itoa(rank)}
	if seconds > 0 {
		pod.Annotations[batchmeta.AttemptDuration] = strconv.Itoa(seconds)
	}
	return pod
}

// fourCPUs returns a node of four CPUs on which the pods run.
func fourCPUs(pods ...*corev1.Pod) *framework.NodeInfo {
	info := framework.NewNodeInfo(pods...)
	info.SetNode(st.MakeNode().Name("n").Capacity(map[corev1.ResourceName]string{corev1.ResourceCPU: "4", corev1.ResourcePods: "10"}).Obj())
	return info
}

func cpus(n int64) framework.Resource { return framework.Resource{MilliCPU: n * 1000} }

// keeping returns a hold for a pod of rank 5 on that many of the node's CPUs.
func keeping(n int64, users ...*corev1.Pod) *hold {
	pod := ranked("holder", 5, int(n), 0)
	r := &keptRoom{kept: cpus(n), used: map[types.UID]*framework.Resource{}}
	for _, user := range users {
		r.used[user.UID] = requestOf(user)
	}
	return &hold{id: holdID{holderOf(pod), nextToFit}, order: gang.OrderOf(pod), rooms: map[string]*keptRoom{"n": r}}
}

func TestHoldKeepsRoomFromWhoComesAfter(t *testing.T) {
	t.Parallel()
	ending := ranked("ending", 1, 2, 0)
	until := func(h *hold, seconds int) *hold {
		h.until = start.Add(time.Duration(seconds) * time.Second)
		return h
	}
	expiring := keeping(2)
	expiring.expiry = start
	cases := map[string]struct {
		hold *hold
		pod  *corev1.Pod
		node *framework.NodeInfo
		want bool // the node takes the pod
	}{
		"no hold":                                   {pod: ranked("p", 9, 4, 0), node: fourCPUs(), want: true},
		"what sorts before the holder goes on":      {hold: keeping(4), pod: ranked("p", 4, 4, 0), node: fourCPUs(), want: true},
		"the holder itself":                         {hold: keeping(4), pod: ranked("holder", 5, 4, 0), node: fourCPUs(), want: true},
		"not enough beside":                         {hold: keeping(2), pod: ranked("p", 9, 3, 0), node: fourCPUs()},
		"enough beside":                             {hold: keeping(2), pod: ranked("p", 9, 2, 0), node: fourCPUs(), want: true},
		"a resource that is not kept":               {hold: keeping(4), pod: ranked("p", 9, 0, 0), node: fourCPUs(), want: true},
		"over before the holder can come":           {hold: until(keeping(4), 60), pod: ranked("p", 9, 4, 60), node: fourCPUs(), want: true},
		"over too late":                             {hold: until(keeping(4), 60), pod: ranked("p", 9, 4, 61), node: fourCPUs()},
		"nobody knows when it is over":              {hold: until(keeping(4), 60), pod: ranked("p", 9, 4, 0), node: fourCPUs()},
		"nobody knows when the holder can come":     {hold: keeping(4), pod: ranked("p", 9, 4, 1), node: fourCPUs()},
		"room that an ending pod still uses":        {hold: keeping(2, ending), pod: ranked("p", 9, 2, 0), node: fourCPUs(ending), want: true},
		"room that an ending pod has left":          {hold: keeping(4, ending), pod: ranked("p", 9, 2, 0), node: fourCPUs()},
		"room that is kept besides an ending pod's": {hold: keeping(4, ending), pod: ranked("p", 9, 1, 0), node: fourCPUs(ending)},
		"a hold that has expired":                   {hold: expiring, pod: ranked("p", 9, 4, 0), node: fourCPUs(), want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHolds(testingclock.NewFakeClock(start), nil)
			if tc.hold != nil {
				list := []*hold{tc.hold}
				h.current.Store(&list)
			}
			k := &keeps{against: h.against(tc.pod, gang.OrderOf), request: requestOf(tc.pod)}
			kept, _ := keptOn(tc.node, k.against)
			if got := kept == nil || fitsBeside(k.request, tc.node, kept); got != tc.want {
				t.Errorf("the node takes the pod: %v, want %v (kept: %v)", got, tc.want, kept)
			}
		})
	}
}

func TestEndOfAHoldWakesWhomItTurnedAway(t *testing.T) {
	t.Parallel()
	pod := ranked("p", 9, 4, 0)
	expiring := func(h *hold) *hold {
		h.expiry = start.Add(time.Minute)
		return h
	}
	cases := map[string]struct {
		first *hold
		then  func(h *holds, clk *testingclock.FakeClock, id holdID)
		want  []string
	}{
		"released":            {keeping(4), func(h *holds, _ *testingclock.FakeClock, id holdID) { h.Release(id) }, []string{"/p"}},
		"expired":             {expiring(keeping(4)), func(_ *holds, clk *testingclock.FakeClock, _ holdID) { clk.Step(time.Minute) }, []string{"/p"}},
		"not yet expired":     {expiring(keeping(4)), func(_ *holds, clk *testingclock.FakeClock, _ holdID) { clk.Step(time.Minute - 1) }, nil},
		"replaced by less":    {keeping(4), func(h *holds, _ *testingclock.FakeClock, _ holdID) { h.Set(keeping(3)) }, []string{"/p"}},
		"replaced by as much": {keeping(4), func(h *holds, _ *testingclock.FakeClock, _ holdID) { h.Set(keeping(4)) }, nil},
		"replaced, then released": {keeping(4), func(h *holds, _ *testingclock.FakeClock, id holdID) {
			h.Set(keeping(4))
			h.Release(id)
		}, []string{"/p"}},
		"replaced before it expires": {expiring(keeping(4)), func(h *holds, clk *testingclock.FakeClock, _ holdID) {
			h.Set(keeping(4))
			clk.Step(time.Hour)
		}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clk := testingclock.NewFakeClock(start)
			var woken []string
			h := newHolds(clk, func(pods map[string]*corev1.Pod) { woken = slices.AppendSeq(woken, maps.Keys(pods)) })
			h.Set(tc.first)
			if !h.turnAway(pod, h.against(pod, gang.OrderOf)) {
				t.Fatal("the hold is not in force")
			}
			tc.then(h, clk, tc.first.id)
			if diff := cmp.Diff(tc.want, woken); diff != "" {
				t.Errorf("woken (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPodTurnedAwayByAHoldThatEndedIsTriedAgain(t *testing.T) {
	t.Parallel()
	h := newHolds(testingclock.NewFakeClock(start), nil)
	pod, first := ranked("p", 9, 4, 0), keeping(4)
	h.Set(first)
	against := h.against(pod, gang.OrderOf)
	h.Release(first.id)
	if h.turnAway(pod, against) {
		t.Error("the hold that has ended is still to wake the pod")
	}
	if h.current.Load() != nil {
		t.Error("a hold is left")
	}
}

func TestPodIsOverBy(t *testing.T) {
	t.Parallel()
	seconds := func(n int64) *int64 { return &n }
	cases := map[string]struct {
		set  func(pod *corev1.Pod)
		want time.Time
	}{
		"nothing bounds it":        {func(*corev1.Pod) {}, time.Time{}},
		"the job's timeout":        {func(p *corev1.Pod) { p.Annotations[batchmeta.AttemptDuration] = "60" }, start.Add(time.Minute)},
		"a timeout out of range":   {func(p *corev1.Pod) { p.Annotations[batchmeta.AttemptDuration] = "-1" }, time.Time{}},
		"a timeout in other words": {func(p *corev1.Pod) { p.Annotations[batchmeta.AttemptDuration] = "1h" }, time.Time{}},
		"its own deadline":         {func(p *corev1.Pod) { p.Spec.ActiveDeadlineSeconds = seconds(30) }, start.Add(30 * time.Second)},
		"the earlier of both": {func(p *corev1.Pod) {
			p.Annotations[batchmeta.AttemptDuration], p.Spec.ActiveDeadlineSeconds = "60", seconds(30)
		}, start.Add(30 * time.Second)},
		"and its grace": {func(p *corev1.Pod) {
			p.Annotations[batchmeta.AttemptDuration], p.Spec.TerminationGracePeriodSeconds = "60", nil
		}, start.Add(90 * time.Second)},
		"counted from its start": {func(p *corev1.Pod) {
			p.Annotations[batchmeta.AttemptDuration] = "60"
			p.Status.StartTime = &metav1.Time{Time: start.Add(-50 * time.Second)}
		}, start.Add(10 * time.Second)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := ranked("p", 1, 1, 0)
			tc.set(pod)
			if got := overBy(pod, start); !got.Equal(tc.want) {
				t.Errorf("over by %v, want %v", got, tc.want)
			}
		})
	}
}
