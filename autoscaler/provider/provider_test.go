// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/autoscaler/cluster-autoscaler/cloudprovider"
	"k8s.io/autoscaler/cluster-autoscaler/config"
	"k8s.io/client-go/kubernetes/fake"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/autoscaler/fleet"
	fakefleet "github.com/muster-batch/muster/autoscaler/fleet/fake"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// world is a provider and all around it.
type world struct {
	*Provider
	t            *testing.T
	fleet        *fakefleet.Fleet
	environments []*computeenv.Environment
	nodes        []*corev1.Node
	occupant     string // pod that the API server sees on every node
	deleted      []string
	failures     []FailedLaunch
	clock        *testingclock.FakeClock
}

func (w *world) Snapshot() *computeenv.Snapshot                   { return computeenv.NewSnapshot(w.environments...) }
func (w *world) List() ([]*corev1.Node, error)                    { return w.nodes, nil }
func (w *world) Get(string) (*corev1.Node, error)                 { return nil, errors.New("not asked") }
func (w *world) Occupant(context.Context, string) (string, error) { return w.occupant, nil }
func (w *world) DeleteNode(_ context.Context, n *corev1.Node) error {
	w.deleted = append(w.deleted, n.Name)
	return nil
}
func (w *world) Node(_ context.Context, id string) (*corev1.Node, error) {
	i := slices.IndexFunc(w.nodes, func(n *corev1.Node) bool { return n.Labels[batchmeta.InstanceID] == id })
	if i < 0 {
		return nil, nil
	}
	return w.nodes[i], nil
}

// env is an environment of c5.large (2 vCPUs) and c5.xlarge (4 vCPUs).
func env(change ...func(*computeenv.Environment)) *computeenv.Environment {
	types, err := instancetype.Builtin().Resolve([]string{"c5.large", "c5.xlarge"})
	if err != nil {
		panic(err)
	}
	e := &computeenv.Environment{
		Name: "env", UUID: "u-1", State: batch.Enabled, Status: batch.ResourceValid, MaxvCPUs: 16,
		CapacityType: batchmeta.CapacityOnDemand, Types: types,
	}
	for _, f := range change {
		f(e)
	}
	return e
}

func newWorld(t *testing.T, environments ...*computeenv.Environment) *world {
	t.Helper()
	w := &world{
		t: t, fleet: fakefleet.New(fakefleet.Config{}), environments: environments, clock: testingclock.NewFakeClock(time.Unix(1000, 0)),
	}
	w.restart(NewConfigMapLedger(fake.NewClientset().CoreV1().ConfigMaps("muster-system"), "launches"))
	return w
}

func (w *world) restart(l Ledger) {
	w.t.Helper()
	w.Provider = New(w.t.Context(), w.fleet, w, w, l, w, Config{
		Clock: w.clock, LaunchFailed: func(f FailedLaunch) { w.failures = append(w.failures, f) },
	})
	if err := w.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) group(id string) *Group {
	w.t.Helper()
	for _, ng := range w.NodeGroups() {
		if g, ok := ng.(*Group); ok && g.Id() == id {
			return g
		}
	}
	w.t.Fatalf("no group %s", id)
	return nil
}

func (w *world) ids() []string {
	var out []string
	for _, g := range w.NodeGroups() {
		out = append(out, g.Id())
	}
	return out
}

// grow grows a group and waits for what comes of it.
func (w *world) grow(id string, n int) {
	w.t.Helper()
	if err := w.group(id).Grow(n, false, []string{"demand"}); err != nil {
		w.t.Fatal(err)
	}
	w.Wait()
}

// register makes nodes of all instances.
func (w *world) register() {
	w.t.Helper()
	listed, err := w.fleet.List(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.nodes = nil
	for _, i := range listed {
		w.nodes = append(w.nodes, nodeOf(i))
	}
	w.refresh()
}

func nodeOf(i fleet.Instance) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: i.ID, Labels: map[string]string{
			batchmeta.InstanceID: i.ID, batchmeta.NodeGroup: i.NodeGroup, batchmeta.ComputeEnvironmentUUID: i.EnvironmentUUID,
		}},
		Spec:   corev1.NodeSpec{ProviderID: i.ProviderID},
		Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
	}
}

func (w *world) refresh() {
	w.t.Helper()
	if err := w.Refresh(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) reconcile(after time.Duration) {
	w.t.Helper()
	w.clock.Step(after)
	if err := w.Reconcile(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.refresh()
}

// sizes are the target sizes of groups that are not empty.
func (w *world) sizes() map[string]int {
	out := map[string]int{}
	for _, g := range w.NodeGroups() {
		if n, _ := g.TargetSize(); n > 0 {
			out[g.Id()] = n
		}
	}
	return out
}

func (w *world) wantSizes(want map[string]int) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.sizes()); diff != "" {
		w.t.Errorf("sizes mismatch (-want +got):\n%s", diff)
	}
}

const large, xlarge = "env.c5.large.on-demand", "env.c5.xlarge.on-demand"

func TestGroupsFollowEnvironments(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	if diff := cmp.Diff([]string{large, xlarge}, w.ids()); diff != "" {
		t.Errorf("groups mismatch (-want +got):\n%s", diff)
	}
	w.grow(large, 1)
	w.environments = []*computeenv.Environment{env(func(e *computeenv.Environment) { e.Types = e.Types[1:] })}
	w.refresh()
	if err := w.group(large).Grow(1, false, nil); err == nil {
		t.Error("a type that the environment dropped can still be bought")
	}
	if diff := cmp.Diff(map[string]int{large: 1}, w.sizes()); diff != "" {
		t.Errorf("a group with instances went (-want +got):\n%s", diff)
	}
	w.environments = []*computeenv.Environment{env(func(e *computeenv.Environment) { e.UUID = "u-2" })}
	w.refresh()
	want := []string{large, xlarge, large + "~u-1"}
	if diff := cmp.Diff(want, w.ids()); diff != "" {
		t.Errorf("groups after the environment was made anew (-want +got):\n%s", diff)
	}
}

func TestSizesAreBoundByMaxvCpus(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	w.grow(large, 3)  // 6 vCPUs
	w.grow(xlarge, 1) // 10 vCPUs
	if got := []int{w.group(large).MaxSize(), w.group(xlarge).MaxSize()}; !cmp.Equal(got, []int{6, 2}) {
		t.Errorf("MaxSize = %v, want [6 2]", got)
	}
	if err := w.group(large).Grow(4, false, nil); err == nil {
		t.Error("grew beyond maxvCpus")
	}
	w.environments[0].MaxvCPUs = 4
	if got := w.group(large).MaxSize(); got != 3 {
		t.Errorf("MaxSize = %d with more than maxvCpus in use, want the 3 that exist", got)
	}
}

func TestOneInstanceBeyondMaxvCpusIfNoneFitsWithin(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		strategy string
		want     bool
	}{
		"progressive": {strategy: "BEST_FIT_PROGRESSIVE", want: true},
		"best fit":    {strategy: computeenv.BestFit},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, env(func(e *computeenv.Environment) { e.MaxvCPUs, e.Strategy = 3, tc.strategy }))
			if err := w.group(xlarge).Grow(2, false, nil); err == nil {
				t.Error("two instances beyond maxvCpus")
			}
			err := w.group(xlarge).Grow(1, false, nil)
			if (err == nil) != tc.want {
				t.Errorf("one instance beyond maxvCpus: %v", err)
			}
			w.Wait()
			if err := w.group(xlarge).Grow(1, false, nil); err == nil {
				t.Error("another one beyond maxvCpus")
			}
		})
	}
}

func TestLaunchGoesThroughPlaceholders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	release := w.fleet.Hold()
	if err := w.group(large).Grow(2, false, nil); err != nil {
		t.Fatal(err)
	}
	before, _ := w.group(large).Nodes()
	for _, i := range before {
		ng, err := w.NodeGroupForNode(&corev1.Node{Spec: corev1.NodeSpec{ProviderID: i.Id}})
		if i.Status.State != cloudprovider.InstanceCreating || err != nil || ng == nil || ng.Id() != large {
			t.Errorf("placeholder %+v of group %v, %v", i, ng, err)
		}
	}
	w.wantSizes(map[string]int{large: 2})
	release()
	w.Wait()
	after, _ := w.group(large).Nodes()
	if len(after) != 2 || after[0].Status.State != cloudprovider.InstanceRunning || after[0].Id == before[0].Id {
		t.Errorf("instances after the launch: %+v", after)
	}
	w.wantSizes(map[string]int{large: 2})
}

func TestForeignNodesHaveNoGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	for _, id := range []string{"", "aws:///us-east-1a/i-1"} {
		if ng, err := w.NodeGroupForNode(&corev1.Node{Spec: corev1.NodeSpec{ProviderID: id}}); ng != nil || err != nil {
			t.Errorf("NodeGroupForNode(%q) = %v, %v", id, ng, err)
		}
	}
}

func TestFailedLaunch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	w.fleet.SetStock("c5.large", 1)
	w.grow(large, 3)
	var failures int
	nodes, _ := w.group(large).Nodes()
	for _, i := range nodes {
		info := i.Status.ErrorInfo
		if info == nil {
			continue
		}
		failures++
		if info.ErrorClass != cloudprovider.OutOfResourcesErrorClass || info.ErrorCode != CodeOutOfCapacity || i.Status.State != cloudprovider.InstanceCreating {
			t.Errorf("failed instance %+v", i)
		}
		if err := w.group(large).DeleteNodes([]*corev1.Node{{Spec: corev1.NodeSpec{ProviderID: i.Id}}}); err != nil {
			t.Errorf("drop a failed instance: %v", err)
		}
	}
	w.wantSizes(map[string]int{large: 1})
	if failures != 2 || len(w.failures) != 1 || w.failures[0].Missing != 2 || !cmp.Equal(w.failures[0].Demands, []string{"demand"}) {
		t.Errorf("%d failed instances, told %+v", failures, w.failures)
	}
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	t.Run("an instance that the fleet loses is gone after a while, with its node", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, env())
		w.grow(large, 2)
		w.register()
		w.fleet.Lose(w.nodes[0].Name)
		w.reconcile(time.Second)
		w.wantSizes(map[string]int{large: 2})
		w.reconcile(lostAfter)
		w.wantSizes(map[string]int{large: 1})
		if !cmp.Equal(w.deleted, []string{w.nodes[0].Name}) {
			t.Errorf("deleted nodes %v", w.deleted)
		}
	})
	t.Run("silence of the fleet changes nothing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, env())
		w.grow(large, 2)
		w.fleet.Fail(errors.New("no answer"))
		w.clock.Step(time.Hour)
		if err := w.Reconcile(t.Context()); err == nil {
			t.Error("Reconcile succeeded without a list")
		}
		w.wantSizes(map[string]int{large: 2})
	})
	t.Run("a dead node without an instance is deleted, a living one is not", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, env())
		dead, living := nodeOf(fleet.Instance{ID: "dead", ProviderID: "x:///dead", NodeGroup: large}), nodeOf(fleet.Instance{ID: "living", ProviderID: "x:///living", NodeGroup: large})
		dead.Status.Conditions[0].Status = corev1.ConditionUnknown
		w.nodes = []*corev1.Node{dead, living}
		w.reconcile(time.Second)
		w.reconcile(strangerAfter)
		if !cmp.Equal(w.deleted, []string{"dead"}) {
			t.Errorf("deleted nodes %v", w.deleted)
		}
	})
	t.Run("after a restart instances are found, those of gone environments too", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, env(), env(func(e *computeenv.Environment) { e.Name, e.UUID, e.CapacityType = "old", "u-0", batchmeta.CapacitySpot }))
		w.grow(large, 1)
		w.grow("old.c5.xlarge.spot", 2)
		w.environments = w.environments[:1]
		w.restart(w.ledger)
		w.wantSizes(map[string]int{large: 1, "old.c5.xlarge.spot": 2})
		if err := w.group("old.c5.xlarge.spot").Grow(1, false, nil); err == nil {
			t.Error("grew a group of an environment that is gone")
		}
	})
}

func TestDeleteNodes(t *testing.T) {
	t.Parallel()
	t.Run("ends the instance and deletes the node", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, env())
		w.grow(large, 2)
		w.register()
		if err := w.group(large).DeleteNodes(w.nodes[:1]); err != nil {
			t.Fatal(err)
		}
		w.wantSizes(map[string]int{large: 1})
		if !cmp.Equal(w.deleted, []string{w.nodes[0].Name}) {
			t.Errorf("deleted nodes %v", w.deleted)
		}
		w.reconcile(time.Second)
		w.wantSizes(map[string]int{large: 1})
	})
	t.Run("ends none if one is occupied", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, env())
		w.grow(large, 2)
		w.register()
		w.occupant = "jobs/a"
		err := w.group(large).DeleteNodes(w.nodes)
		if e := (*OccupiedError)(nil); !errors.As(err, &e) || e.Pod != "jobs/a" {
			t.Errorf("error = %v", err)
		}
		w.wantSizes(map[string]int{large: 2})
		w.occupant = ""
		if err := w.group(large).DeleteNodes(w.nodes); err != nil {
			t.Errorf("once the pod has finished: %v", err)
		}
	})
	t.Run("keeps an instance that the fleet cannot end", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, env())
		w.grow(large, 1)
		w.register()
		w.fleet.Fail(errors.New("no answer"))
		if err := w.group(large).DeleteNodes(w.nodes); err == nil {
			t.Error("DeleteNodes succeeded")
		}
		w.wantSizes(map[string]int{large: 1})
		if len(w.deleted) > 0 {
			t.Errorf("deleted nodes %v", w.deleted)
		}
	})
	t.Run("ends an instance that never registered in the background, unless it has just done so", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, env())
		w.grow(large, 1)
		nodes, _ := w.group(large).Nodes()
		standIn := &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{cloudprovider.FakeNodeReasonAnnotation: cloudprovider.FakeNodeUnregistered}},
			Spec:       corev1.NodeSpec{ProviderID: nodes[0].Id},
		}
		w.register()
		w.occupant = "jobs/a"
		if err := w.group(large).DeleteNodes([]*corev1.Node{standIn}); err != nil {
			t.Fatal(err)
		}
		w.Wait()
		w.wantSizes(map[string]int{large: 1})
		w.occupant, w.nodes = "", nil
		if err := w.group(large).DeleteNodes([]*corev1.Node{standIn}); err != nil {
			t.Fatal(err)
		}
		w.Wait()
		w.wantSizes(map[string]int{})
	})
}

func TestTemplateIsWhatNodesReallyLookLike(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	cpu := func() int64 {
		info, err := w.group(large).TemplateNodeInfo()
		if err != nil {
			t.Fatal(err)
		}
		return info.Node().Status.Allocatable.Cpu().MilliValue()
	}
	if got := cpu(); got != 1930 {
		t.Errorf("allocatable CPU = %d by the type, want 1930", got)
	}
	w.grow(large, 1)
	w.register()
	list := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("1500m"), corev1.ResourceMemory: resource.MustParse("1Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Gi"), corev1.ResourcePods: resource.MustParse("10"),
	}
	w.nodes[0].Status.Allocatable, w.nodes[0].Status.Capacity = list, list
	w.refresh()
	if got := cpu(); got != 1500 {
		t.Errorf("allocatable CPU = %d as observed, want 1500", got)
	}
	w.clock.Step(observedFor + time.Second)
	if got := cpu(); got != 1930 {
		t.Errorf("allocatable CPU = %d after a while without nodes, want 1930", got)
	}
}

func TestScaleDownDelayOfAGroup(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*computeenv.Environment)
		want   time.Duration
	}{
		"the default":                {change: func(*computeenv.Environment) {}, want: time.Minute},
		"the environment's own":      {change: func(e *computeenv.Environment) { e.ScaleDownDelay = 20 * time.Minute }, want: 20 * time.Minute},
		"none when it is being left": {change: func(e *computeenv.Environment) { e.Status = batch.ResourceDeleting }, want: 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, env(tc.change))
			got, err := w.group(large).GetOptions(config.NodeGroupAutoscalingOptions{ScaleDownUnneededTime: time.Minute})
			if err != nil || got.ScaleDownUnneededTime != tc.want {
				t.Errorf("GetOptions = %+v, %v", got, err)
			}
		})
	}
}

func TestNodeOfAGPUTypeWaitsForItsGPUs(t *testing.T) {
	t.Parallel()
	types, err := instancetype.Builtin().Resolve([]string{"g4dn.xlarge"})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, env(func(e *computeenv.Environment) { e.Types = types }))
	w.grow("env.g4dn.xlarge.on-demand", 1)
	w.register()
	r := GPUReadiness{Provider: w.Provider}
	all, ready := r.FilterOutNodesWithUnreadyResources(nil, w.nodes, w.nodes, nil)
	if len(ready) != 0 || all[0].Status.Conditions[0].Status != corev1.ConditionFalse {
		t.Errorf("without GPUs: ready %v, all %+v", ready, all[0].Status.Conditions)
	}
	w.nodes[0].Status.Allocatable = corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("1")}
	if _, ready = r.FilterOutNodesWithUnreadyResources(nil, w.nodes, w.nodes, nil); len(ready) != 1 {
		t.Error("with GPUs: not ready")
	}
}
