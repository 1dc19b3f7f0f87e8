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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	homeless     string // pod whose node is not there
	open         bool   // the API server sees no taint on any node
	deleted      []string
	broken       error // of every deletion of a node
	failures     []FailedLaunch
	clock        *testingclock.FakeClock
}

func (w *world) Snapshot() *computeenv.Snapshot                       { return computeenv.NewSnapshot(w.environments...) }
func (w *world) List() ([]*corev1.Node, error)                        { return w.nodes, nil }
func (w *world) Get(string) (*corev1.Node, error)                     { return nil, errors.New("not asked") }
func (w *world) Occupant(context.Context, string) (string, error)     { return w.occupant, nil }
func (w *world) Homeless(context.Context) (string, error)             { return w.homeless, nil }
func (w *world) IsClosed(context.Context, *corev1.Node) (bool, error) { return !w.open, nil }
func (w *world) LabelNode(_ context.Context, node, id string) error {
	for _, n := range w.nodes {
		if n.Name == node {
			n.Labels[batchmeta.InstanceID] = id
		}
	}
	return nil
}

func (w *world) ReserveNode(_ context.Context, node, value string) error {
	for _, n := range w.nodes {
		if n.Name == node {
			n.Annotations = map[string]string{batchmeta.Reserved: value}
		}
	}
	return nil
}

func (w *world) ProviderIDs(context.Context) (map[string]bool, error) {
	ids := map[string]bool{}
	for _, n := range w.nodes {
		ids[n.Spec.ProviderID] = true
	}
	return ids, nil
}

func (w *world) DeleteNode(_ context.Context, n *corev1.Node) error {
	if w.broken == nil {
		w.deleted = append(w.deleted, n.Name)
	}
	return w.broken
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
	if _, err := w.group(id).Grow(n, false, []string{"demand"}); err != nil {
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
