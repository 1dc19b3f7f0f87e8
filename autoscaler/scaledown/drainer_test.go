// SPDX-License-Identifier: Apache-2.0

package scaledown

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// site is a Drainer and all around it. Its nodes are listed from the API server, its environment is known since readAt.
type site struct {
	*Drainer
	t           *testing.T
	client      *fake.Clientset
	clock       *testingclock.FakeClock
	environment computeenv.Environment
	readAt      time.Time
	writes      int
}

func newSite(t *testing.T, nodes ...runtime.Object) *site {
	t.Helper()
	s := &site{
		t: t, client: fake.NewClientset(nodes...), clock: testingclock.NewFakeClock(time.Unix(1000, 0)),
		environment: computeenv.Environment{Name: "env", UUID: "u", Generation: 2, UpdateGrace: 30 * time.Minute},
	}
	s.readAt = s.clock.Now()
	s.client.PrependReactor("*", "nodes", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if a.GetVerb() == "patch" || a.GetVerb() == "update" {
			s.writes++
		}
		return false, nil, nil
	})
	s.Drainer = NewDrainer(s.client.CoreV1().Nodes(), s, s, 30*time.Second, s.clock)
	return s
}

func (s *site) Snapshot() *computeenv.Snapshot {
	e := s.environment
	return computeenv.NewSnapshot(&e)
}

func (s *site) ReadAt() time.Time { return s.readAt }

func (s *site) List() ([]*corev1.Node, error) {
	list, err := s.client.CoreV1().Nodes().List(s.t.Context(), metav1.ListOptions{LabelSelector: labels.Everything().String()})
	if err != nil {
		return nil, err
	}
	var out []*corev1.Node
	for i := range list.Items {
		out = append(out, &list.Items[i])
	}
	return out, nil
}

func (s *site) Get(name string) (*corev1.Node, error) {
	return s.client.CoreV1().Nodes().Get(s.t.Context(), name, metav1.GetOptions{})
}

// after lets time pass, with the environments known up to then, and drains.
func (s *site) after(d time.Duration) {
	s.t.Helper()
	s.clock.Step(d)
	s.readAt = s.clock.Now()
	if err := s.Drain(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// effects are those of the node's taints of ours.
func (s *site) effects(name string) []corev1.TaintEffect {
	s.t.Helper()
	n, err := s.Get(name)
	if err != nil {
		s.t.Fatal(err)
	}
	var out []corev1.TaintEffect
	for _, t := range n.Spec.Taints {
		if t.Key == batchmeta.Outdated {
			out = append(out, t.Effect)
		}
	}
	return out
}

func (s *site) wantEffects(name string, want ...corev1.TaintEffect) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.effects(name)); diff != "" {
		s.t.Errorf("effects on %s mismatch (-want +got):\n%s", name, diff)
	}
}

// nodeOf is a node of the environment u.
func nodeOf(name, generation string) *corev1.Node {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: "uid", Labels: map[string]string{batchmeta.ComputeEnvironmentUUID: "u"}},
		Spec:       corev1.NodeSpec{Taints: []corev1.Taint{{Key: batchmeta.BatchNode, Value: "u", Effect: corev1.TaintEffectNoSchedule}}},
	}
	if generation != "" {
		n.Labels[batchmeta.Generation] = generation
	}
	return n
}

func TestOldNodesTakeNoNewPodsAndEndTheirJobsInTime(t *testing.T) {
	t.Parallel()
	s := newSite(t, nodeOf("old", "1"), nodeOf("new", "2"), nodeOf("silent", ""))
	s.after(0)
	s.wantEffects("old", corev1.TaintEffectNoSchedule)
	s.after(29 * time.Minute)
	s.wantEffects("old", corev1.TaintEffectNoSchedule)
	s.after(time.Minute)
	s.wantEffects("old", corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute)
	s.wantEffects("new")
	s.wantEffects("silent")
	s.after(time.Hour)
	if s.writes != 2 {
		t.Errorf("%d writes, want one for each taint", s.writes)
	}
	n, _ := s.Get("old")
	if n.Spec.Taints[0].Key != batchmeta.BatchNode {
		t.Errorf("taints = %v", n.Spec.Taints)
	}
}

func TestTerminateJobsOnUpdateEndsJobsAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, nodeOf("old", "1"))
	s.environment.UpdateGrace = 0
	s.after(0)
	s.wantEffects("old", corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute)
	if s.writes != 1 {
		t.Errorf("%d writes, want one", s.writes)
	}
}

func TestTheTimeOfJobsOutlivesTheDrainer(t *testing.T) {
	t.Parallel()
	s := newSite(t, nodeOf("old", "1"))
	s.after(0)
	s.clock.Step(29 * time.Minute)
	s.Drainer = NewDrainer(s.client.CoreV1().Nodes(), s, s, 30*time.Second, s.clock)
	s.after(time.Minute)
	s.wantEffects("old", corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute)
}

func TestNoJobEndsByOldKnowledge(t *testing.T) {
	t.Parallel()
	s := newSite(t, nodeOf("old", "1"))
	s.after(0)
	s.clock.Step(time.Hour) // the Batch API is silent
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.wantEffects("old", corev1.TaintEffectNoSchedule)
	s.after(0)
	s.wantEffects("old", corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute)
}

func TestNodesOfUnknownEnvironmentsAreLeftAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t, nodeOf("old", "1"))
	s.environment.UUID = "another"
	s.environment.UpdateGrace = 0
	s.after(time.Hour)
	s.wantEffects("old")
}

func TestATaintThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	t.Parallel()
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "nodes"}, "old", errors.New("changed"))
	for name, tc := range map[string]struct{ err, want error }{
		"the API server is down":         {err: context.DeadlineExceeded, want: context.DeadlineExceeded},
		"the node has changed meanwhile": {err: conflict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, nodeOf("old", "1"), nodeOf("other", "1"))
			broken := true
			s.client.PrependReactor("patch", "nodes", func(a clienttesting.Action) (bool, runtime.Object, error) {
				p, ok := a.(clienttesting.PatchAction)
				return broken && ok && p.GetName() == "old", nil, tc.err
			})
			if err := s.Drain(t.Context()); !errors.Is(err, tc.want) {
				t.Errorf("error = %v, want %v", err, tc.want)
			}
			s.wantEffects("old")
			s.wantEffects("other", corev1.TaintEffectNoSchedule)
			broken = false
			s.after(0)
			s.wantEffects("old", corev1.TaintEffectNoSchedule)
		})
	}
}
