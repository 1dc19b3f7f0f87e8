// SPDX-License-Identifier: Apache-2.0

package interruption

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func node(name, instance string, taints ...corev1.Taint) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.NodeSpec{ProviderID: "aws:///us-east-1a/" + instance, Taints: taints},
	}
}

func taint(key, value string, effect corev1.TaintEffect) corev1.Taint {
	return corev1.Taint{Key: key, Value: value, Effect: effect, TimeAdded: new(metav1.NewTime(now))}
}

func TestMark(t *testing.T) {
	t.Parallel()
	own := taint(batchmeta.BatchNode, "e", corev1.TaintEffectNoSchedule)
	cordon := taint(batchmeta.Interruption, "rebalance", corev1.TaintEffectNoSchedule)
	evict := taint(batchmeta.Interruption, "spot", corev1.TaintEffectNoExecute)
	spot := Notice{Kind: Spot, InstanceID: "i-1", Deadline: now.Add(2 * time.Minute)}
	cases := map[string]struct {
		node         *corev1.Node
		notice       Notice
		wantTaints   []corev1.Taint
		wantDeadline string
	}{
		"a Spot interruption ends the pods":          {node("n", "i-1", own), spot, []corev1.Taint{own, evict}, "2026-01-02T03:06:05Z"},
		"a rebalance recommendation keeps pods away": {node("n", "i-1", own), Notice{Kind: Rebalance, InstanceID: "i-1"}, []corev1.Taint{own, cordon}, ""},
		"a scheduled change keeps pods away": {
			node("n", "i-1"),
			Notice{Kind: ScheduledChange, InstanceID: "i-1", Deadline: now.Add(time.Hour)},
			[]corev1.Taint{taint(batchmeta.Interruption, "scheduled-change", corev1.TaintEffectNoSchedule)},
			"",
		},
		"an interruption follows a recommendation":          {node("n", "i-1", cordon), spot, []corev1.Taint{cordon, evict}, "2026-01-02T03:06:05Z"},
		"nothing follows an interruption":                   {node("n", "i-1", evict), Notice{Kind: Rebalance, InstanceID: "i-1"}, []corev1.Taint{evict}, ""},
		"a repeat changes nothing":                          {node("n", "i-1", evict), spot, []corev1.Taint{evict}, ""},
		"a node of the name but another instance is spared": {node("n", "i-2", own), spot, []corev1.Taint{own}, ""},
		"a node without provider id is its name's":          {&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}, spot, []corev1.Taint{evict}, "2026-01-02T03:06:05Z"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := fake.NewClientset(tc.node)
			m := NewMarker(client.CoreV1().Nodes(), testingclock.NewFakePassiveClock(now))
			before := tc.node.DeepCopy()
			changed, err := m.Mark(t.Context(), "n", &tc.notice)
			if err != nil {
				t.Fatal(err)
			}
			got, err := client.CoreV1().Nodes().Get(t.Context(), "n", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.wantTaints, got.Spec.Taints); diff != "" {
				t.Errorf("taints mismatch (-want +got):\n%s", diff)
			}
			if deadline := got.Annotations[batchmeta.InterruptionDeadline]; deadline != tc.wantDeadline {
				t.Errorf("deadline %q, want %q", deadline, tc.wantDeadline)
			}
			if want := !cmp.Equal(before.Spec.Taints, tc.wantTaints); changed != want {
				t.Errorf("changed = %v, want %v", changed, want)
			}
		})
	}
}

func TestMarkOfANodeThatIsGone(t *testing.T) {
	t.Parallel()
	m := NewMarker(fake.NewClientset().CoreV1().Nodes(), testingclock.NewFakePassiveClock(now))
	if changed, err := m.Mark(t.Context(), "n", &Notice{Kind: Spot, InstanceID: "i-1"}); changed || err != nil {
		t.Errorf("changed %v, error %v", changed, err)
	}
	if err := m.OutOfService(t.Context(), "n", "i-1"); err != nil {
		t.Error(err)
	}
}

func TestMarkIsWrittenOverWhatOthersWrote(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset(node("n", "i-1"))
	conflicts := 0
	client.PrependReactor("patch", "nodes", func(clienttesting.Action) (bool, runtime.Object, error) {
		if conflicts++; conflicts > 2 {
			return false, nil, nil
		}
		return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "nodes"}, "n", errors.New("changed"))
	})
	m := NewMarker(client.CoreV1().Nodes(), testingclock.NewFakePassiveClock(now))
	if changed, err := m.Mark(t.Context(), "n", &Notice{Kind: Spot, InstanceID: "i-1"}); !changed || err != nil {
		t.Errorf("changed %v, error %v", changed, err)
	}
	if conflicts != 3 {
		t.Errorf("written %d times, want 3", conflicts)
	}
}

func TestOutOfService(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset(node("n", "i-1"))
	m := NewMarker(client.CoreV1().Nodes(), testingclock.NewFakePassiveClock(now))
	for range 2 {
		if err := m.OutOfService(t.Context(), "n", "i-1"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := client.CoreV1().Nodes().Get(t.Context(), "n", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []corev1.Taint{taint("node.kubernetes.io/out-of-service", "terminated", corev1.TaintEffectNoExecute)}
	if diff := cmp.Diff(want, got.Spec.Taints); diff != "" {
		t.Errorf("taints mismatch (-want +got):\n%s", diff)
	}
}
