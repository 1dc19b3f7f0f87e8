// SPDX-License-Identifier: Apache-2.0

package demand

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/autoscaler/cluster-autoscaler/context"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/clustersnapshot/testsnapshot"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/framework"
	"k8s.io/client-go/tools/cache"

	"github.com/muster-batch/muster/autoscaler/pack"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// makePod is a pending Batch pod of one CPU and 1 GiB in environment env.
func makePod(name string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "jobs", Name: name, UID: types.UID(name), Labels: map[string]string{batchmeta.Shape: "s1"},
			Annotations: map[string]string{}, CreationTimestamp: metav1.NewTime(time.Unix(1000, 0)),
		},
		Spec: corev1.PodSpec{
			SchedulerName: batchmeta.SchedulerName,
			NodeSelector:  map[string]string{batchmeta.ComputeEnvironmentUUID: "env"},
			Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("1Gi"),
			}}}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	}
	for _, f := range change {
		f(p)
	}
	return p
}

func bound(p *corev1.Pod) { p.Spec.NodeName = "node" }

func member(gang string, size int) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Labels[batchmeta.Gang] = gang
		p.Annotations[batchmeta.GangSize] = strconv.Itoa(size)
	}
}

func least(n int) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Annotations[batchmeta.GangMin] = strconv.Itoa(n) }
}

func cpu(q string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse(q)
	}
}

func created(at int64) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.CreationTimestamp = metav1.NewTime(time.Unix(at, 0)) }
}

func ranked(rank string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Annotations[batchmeta.Rank] = rank }
}

// brief is what tests look at of a demand.
type brief struct {
	Gang   string
	Whole  bool
	Counts []int
	Alone  bool
}

func briefs(demands []Demand) []brief {
	var out []brief
	for _, d := range demands {
		b := brief{Gang: d.Gang, Whole: d.Whole}
		for _, p := range d.Parts {
			b.Counts = append(b.Counts, p.Count)
			b.Alone = b.Alone || p.Alone
		}
		slices.Sort(b.Counts)
		out = append(out, b)
	}
	return out
}

func TestDemands(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		pods []*corev1.Pod
		want []brief
	}{
		"equal pods are one count": {
			pods: []*corev1.Pod{makePod("a"), makePod("b"), makePod("c")},
			want: []brief{{Counts: []int{3}}},
		},
		"a bound pod wants nothing": {pods: []*corev1.Pod{makePod("a", bound)}},
		"a pod of another scheduler is not ours": {
			pods: []*corev1.Pod{makePod("a", func(p *corev1.Pod) { p.Spec.SchedulerName = "default-scheduler" })},
		},
		"a pod of no environment is not ours": {
			pods: []*corev1.Pod{makePod("a", func(p *corev1.Pod) { p.Spec.NodeSelector = nil })},
		},
		"a pod that is being deleted wants nothing": {
			pods: []*corev1.Pod{makePod("a", func(p *corev1.Pod) { p.DeletionTimestamp = new(metav1.Now()) })},
		},
		"a gated pod is not ready to be placed": {
			pods: []*corev1.Pod{makePod("a", func(p *corev1.Pod) { p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "g"}} })},
		},
		"a pod that failed before it was placed wants nothing": {
			pods: []*corev1.Pod{makePod("a", func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed })},
		},
		"a shape label does not hide another request": {
			pods: []*corev1.Pod{makePod("a"), makePod("b", cpu("2"))},
			want: []brief{{Counts: []int{1}}, {Counts: []int{1}}},
		},
		"without a shape label the shape is computed": {
			pods: []*corev1.Pod{
				makePod("a", func(p *corev1.Pod) { p.Labels = nil }),
				makePod("b", func(p *corev1.Pod) { p.Labels = nil }),
				makePod("c", func(p *corev1.Pod) { p.Labels = nil; p.Spec.NodeSelector["zone"] = "a" }),
			},
			want: []brief{{Counts: []int{1}}, {Counts: []int{2}}},
		},
		"an environment may be asked for by affinity": {
			pods: []*corev1.Pod{makePod("a", byAffinity("env", "other"))},
			want: []brief{{Counts: []int{1}}},
		},
		"pods that mind their neighbours are alone": {
			pods: []*corev1.Pod{makePod("a", func(p *corev1.Pod) {
				p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{MaxSkew: 1}}
			})},
			want: []brief{{Counts: []int{1}, Alone: true}},
		},
		"so are pods that ask for what is not counted": {
			pods: []*corev1.Pod{makePod("a", func(p *corev1.Pod) {
				p.Spec.Containers[0].Resources.Requests["example.com/fpga"] = resource.MustParse("1")
			})},
			want: []brief{{Counts: []int{1}, Alone: true}},
		},
		"a gang counts once all its members exist": {
			pods: []*corev1.Pod{makePod("a", member("g", 2)), makePod("b", member("g", 2))},
			want: []brief{{Gang: "jobs/g", Whole: true, Counts: []int{2}}},
		},
		"and not before": {pods: []*corev1.Pod{makePod("a", member("g", 2))}},
		"members of different shapes are parts of one gang": {
			pods: []*corev1.Pod{makePod("a", member("g", 3), cpu("4")), makePod("b", member("g", 3)), makePod("c", member("g", 3))},
			want: []brief{{Gang: "jobs/g", Whole: true, Counts: []int{1, 2}}},
		},
		"members beyond the least number come one by one": {
			pods: []*corev1.Pod{makePod("a", member("g", 3), least(2)), makePod("b", member("g", 3), least(2)), makePod("c", member("g", 3), least(2))},
			want: []brief{{Gang: "jobs/g", Whole: true, Counts: []int{2}}, {Gang: "jobs/g", Counts: []int{1}}},
		},
		"the rest of a gang that has begun to be bound is still a whole": {
			pods: []*corev1.Pod{makePod("a", member("g", 3), bound), makePod("b", member("g", 3)), makePod("c", member("g", 3))},
			want: []brief{{Gang: "jobs/g", Whole: true, Counts: []int{2}}},
		},
		"a gang of unknown size is the members that exist": {
			pods: []*corev1.Pod{
				makePod("a", func(p *corev1.Pod) { p.Labels[batchmeta.PodGroup] = "g" }),
				makePod("b", func(p *corev1.Pod) { p.Labels[batchmeta.PodGroup] = "g" }),
			},
			want: []brief{{Gang: "podgroup/jobs/g", Whole: true, Counts: []int{2}}},
		},
		"gangs go in the order in which their queue admitted them, before those of users": {
			pods: []*corev1.Pod{
				makePod("a", member("old", 1), created(1)), makePod("b", member("second", 1), ranked("0002"), created(2)),
				makePod("c", member("first", 1), ranked("0001"), created(3)), makePod("d", member("forged", 1), ranked("-1"), created(4)),
			},
			want: []brief{
				{Gang: "jobs/first", Whole: true, Counts: []int{1}},
				{Gang: "jobs/second", Whole: true, Counts: []int{1}},
				{Gang: "jobs/old", Whole: true, Counts: []int{1}},
				{Gang: "jobs/forged", Whole: true, Counts: []int{1}},
			},
		},
		"users' gangs go by priority, then by age": {
			pods: []*corev1.Pod{
				makePod("a", member("old", 1), created(1)),
				makePod("b", member("high", 1), created(2), func(p *corev1.Pod) { p.Spec.Priority = new(int32(5)) }),
			},
			want: []brief{{Gang: "jobs/high", Whole: true, Counts: []int{1}}, {Gang: "jobs/old", Whole: true, Counts: []int{1}}},
		},
		"the oldest gang goes first, before all that is in none": {
			pods: []*corev1.Pod{
				makePod("a"), makePod("y", member("young", 1), created(2000)), makePod("o", member("old", 1), created(500)),
			},
			want: []brief{
				{Gang: "jobs/old", Whole: true, Counts: []int{1}}, {Gang: "jobs/young", Whole: true, Counts: []int{1}}, {Counts: []int{1}},
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := NewIndex(func() {})
			for _, p := range tc.pods {
				x.OnAdd(p, false)
			}
			got := briefs(x.Demands())
			byCount := func(a, b brief) int { return len(a.Gang) - len(b.Gang) + slices.Compare(a.Counts, b.Counts) }
			if tc.want != nil && tc.want[0].Gang == "" {
				slices.SortFunc(got, byCount)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("demands mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func byAffinity(uuids ...string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.NodeSelector = nil
		p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{
					{Key: batchmeta.ComputeEnvironmentUUID, Operator: corev1.NodeSelectorOpIn, Values: uuids},
				},
			}}},
		}}
	}
}

func TestIndexFollowsPods(t *testing.T) {
	t.Parallel()
	changes := 0
	x := NewIndex(func() { changes++ })
	step := func(what string, act func(), wantChanged bool, want ...brief) {
		t.Helper()
		before := changes
		act()
		if changed := changes > before; changed != wantChanged {
			t.Errorf("%s: change told = %v, want %v", what, changed, wantChanged)
		}
		if diff := cmp.Diff(want, briefs(x.Demands())); diff != "" {
			t.Errorf("%s: demands mismatch (-want +got):\n%s", what, diff)
		}
	}
	a, b := makePod("a", member("g", 2)), makePod("b", member("g", 2))
	gang := func(n int) brief { return brief{Gang: "jobs/g", Whole: true, Counts: []int{n}} }
	step("first member", func() { x.OnAdd(a, false) }, true)
	step("second member", func() { x.OnAdd(b, false) }, true, gang(2))
	step("status update", func() { x.OnUpdate(a, a.DeepCopy()) }, false, gang(2))
	step("bind", func() { x.OnUpdate(a, makePod("a", member("g", 2), bound)) }, true, gang(1))
	step("bind both", func() { x.OnUpdate(b, makePod("b", member("g", 2), bound)) }, true)
	step("delete", func() { x.OnDelete(a) }, true)
	step("delete both", func() { x.OnDelete(cache.DeletedFinalStateUnknown{Obj: b}) }, true)
	if len(x.pods)+len(x.shapes)+len(x.gangs)+len(x.byKey) != 0 {
		t.Errorf("index keeps %d pods, %d shapes, %d gangs, %d keys", len(x.pods), len(x.shapes), len(x.gangs), len(x.byKey))
	}
}

// A pod that is bound while a loop decides was counted by it: the node that is claimed for it is still its node, else the loop
// would buy it another.
func TestPodsCountForTheWholeLoop(t *testing.T) {
	t.Parallel()
	x := NewIndex(func() {})
	s := NewSource(x)
	loop := func() {
		if _, err := s.Process(snapshot(t), nil); err != nil {
			t.Fatal(err)
		}
	}
	p := makePod("a")
	x.OnAdd(p, false)
	loop()
	x.OnUpdate(p, makePod("a", bound))
	if len(s.Current()) != 1 || !s.IsPending(p.UID) {
		t.Errorf("demands %v, pending %v; want the pod in both until the loop ends", s.Current(), s.IsPending(p.UID))
	}
	loop()
	if len(s.Current()) != 0 || s.IsPending(p.UID) {
		t.Errorf("demands %v, pending %v; want none", s.Current(), s.IsPending(p.UID))
	}
}

// snapshot is a loop's view of a node with pods.
func snapshot(t *testing.T, pods ...*corev1.Pod) *context.AutoscalingContext {
	t.Helper()
	s := testsnapshot.NewTestSnapshotOrDie(t)
	if err := s.AddNodeInfo(framework.NewTestNodeInfo(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node"}}, pods...)); err != nil {
		t.Fatal(err)
	}
	return &context.AutoscalingContext{ClusterSnapshot: s}
}

// A loop may see a pod on its node before the index has heard of it. What is placed is not wanted: it would be bought for twice.
func TestPodsOfTheSnapshotAreNotWanted(t *testing.T) {
	t.Parallel()
	x := NewIndex(func() {})
	ofGang := func(name string, change ...func(*corev1.Pod)) *corev1.Pod {
		return makePod(name, append(change, member("g", 3))...)
	}
	for _, p := range []*corev1.Pod{makePod("a"), makePod("b"), ofGang("g-0"), ofGang("g-1"), ofGang("g-2")} {
		x.OnAdd(p, false)
	}
	s := NewSource(x)
	wants := func(pods ...*corev1.Pod) (n int) {
		if _, err := s.Process(snapshot(t, pods...), nil); err != nil {
			t.Fatal(err)
		}
		for _, d := range s.Current() {
			for _, part := range d.Parts {
				n += part.Count
			}
		}
		return n
	}
	if got := wants(); got != 5 {
		t.Errorf("%d pods are wanted, want 5", got)
	}
	onNodes := []*corev1.Pod{makePod("a", bound), ofGang("g-0", bound), ofGang("g-1", bound), makePod("stranger", bound)}
	if got := wants(onNodes...); got != 2 {
		t.Errorf("%d pods are wanted beside those that have nodes, want 2", got)
	}
	for _, p := range onNodes {
		x.OnUpdate(nil, p)
	}
	if got := wants(onNodes...); got != 2 {
		t.Errorf("%d pods are wanted once the index heard of the nodes, want 2", got)
	}
	x.OnUpdate(nil, ofGang("g-2", bound))
	x.OnUpdate(nil, makePod("b", bound))
	if got := wants(); got != 0 {
		t.Errorf("%d pods are wanted though all have nodes", got)
	}
}

func TestPodsOfAPart(t *testing.T) {
	t.Parallel()
	x := NewIndex(func() {})
	for i := range 10 {
		x.OnAdd(makePod(fmt.Sprint("single-", i)), false)
		x.OnAdd(makePod(fmt.Sprint("member-", i), member("g", 10), least(4)), false)
		x.OnAdd(makePod(fmt.Sprint("grouped-", i), func(p *corev1.Pod) { p.Labels[batchmeta.PodGroup] = "g" }), false)
	}
	for _, d := range x.Demands() {
		for _, p := range d.Parts {
			if got := x.Pods(p.Key, 3); len(got) != 3 || gangOf(got[0]) != d.Gang {
				t.Errorf("Pods(%s) = %d pods", p.Key, len(got))
			}
		}
	}
	if got := x.Pods("gang/jobs/nosuch/x", 3); len(got) != 0 {
		t.Errorf("Pods of an unknown key = %d", len(got))
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	p := makePod("a", func(p *corev1.Pod) {
		p.Spec.Containers[0].Resources.Requests["nvidia.com/gpu"] = resource.MustParse("2")
		p.Spec.InitContainers = []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("3"),
		}}}}
	})
	got, complete := Request(p)
	want := pack.Vector{CPUMillis: 3000, Memory: 1 << 30, GPUs: 2, Pods: 1}
	if diff := cmp.Diff(want, got); diff != "" || !complete {
		t.Errorf("complete = %v, request mismatch (-want +got):\n%s", complete, diff)
	}
}

func TestExemplarsAreOldEnoughForCore(t *testing.T) {
	t.Parallel()
	x := NewIndex(func() {})
	x.OnAdd(makePod("a", created(time.Now().Unix()+3600)), false)
	s := NewSource(x)
	got, err := s.Process(snapshot(t), nil)
	if err != nil || len(got) != 1 || !got[0].CreationTimestamp.Time.Before(time.Now()) {
		t.Errorf("Process = %+v, %v", got, err)
	}
	if len(s.Current()) != 1 {
		t.Errorf("Current = %+v", s.Current())
	}
}
