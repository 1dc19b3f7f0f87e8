// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/autoscaler/cluster-autoscaler/cloudprovider"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Karpenter #7708: there is one place that decides, and no way to end an instance around it.
func TestEveryWayToEndAnInstanceAsksFirst(t *testing.T) {
	t.Parallel()
	ways := map[string]func(*world) error{
		"scale-down":        func(w *world) error { return w.group(large).DeleteNodes(w.nodes) },
		"with force":        func(w *world) error { return w.group(large).ForceDeleteNodes(w.nodes) },
		"one never joined":  func(w *world) error { return w.group(large).DeleteNodes([]*corev1.Node{standInOf(w.nodes[0])}) },
		"one is taken back": func(w *world) error { w.Abandon(w.nodes[0].Name); return nil },
		"one is given back": func(w *world) error { w.group(large).GiveBack(1); return nil },
		"its type is no more": func(w *world) error {
			w.environments[0].Types = w.environments[0].Types[1:]
			w.refresh()
			return w.group(large).DeleteNodes(w.nodes)
		},
		"its environment is no more": func(w *world) error {
			g := w.group(large)
			w.environments = nil
			w.refresh()
			return g.DeleteNodes(w.nodes)
		},
		"it is outdated": func(w *world) error {
			w.environments[0].Generation = 2
			w.nodes[0].Labels[batchmeta.Generation] = "1"
			w.refresh()
			ng, err := w.NodeGroupForNode(w.nodes[0])
			if err != nil {
				return err
			}
			return ng.DeleteNodes(w.nodes)
		},
	}
	for name, end := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, env())
			w.grow(large, 1)
			w.register()
			w.occupant = "jobs/a"
			_ = end(w)
			w.Wait()
			if left, err := w.fleet.List(t.Context()); len(left) != 1 || err != nil {
				t.Errorf("instances left: %v, %v", left, err)
			}
		})
	}
}

// standInOf is what core makes of an instance that it knows no node of.
func standInOf(n *corev1.Node) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{cloudprovider.FakeNodeReasonAnnotation: cloudprovider.FakeNodeUnregistered}},
		Spec:       corev1.NodeSpec{ProviderID: n.Spec.ProviderID},
	}
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
	t.Run("ends none that still takes pods", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, env())
		w.grow(large, 1)
		w.register()
		w.open = true
		if err := w.group(large).ForceDeleteNodes(w.nodes); err == nil {
			t.Error("a node went that no taint kept pods from")
		}
		w.wantSizes(map[string]int{large: 1})
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
		if err := w.group(large).DeleteNodes([]*corev1.Node{standIn}); err != nil {
			t.Fatal(err)
		}
		w.Wait()
		w.wantSizes(map[string]int{large: 1})
		w.clock.Step(spareFor)
		w.nodes[0].Spec.ProviderID, w.occupant = "strange:///"+w.nodes[0].Name, "jobs/a" // core cannot find it
		if err := w.group(large).DeleteNodes([]*corev1.Node{standIn}); err != nil {
			t.Fatal(err)
		}
		w.Wait()
		w.wantSizes(map[string]int{large: 1})
		w.clock.Step(spareFor)
		w.occupant, w.nodes, w.homeless = "", nil, "jobs/b" // it may run on this machine
		if err := w.group(large).DeleteNodes([]*corev1.Node{standIn}); err != nil {
			t.Fatal(err)
		}
		w.Wait()
		w.wantSizes(map[string]int{large: 1})
		w.homeless = ""
		for _, want := range []map[string]int{{large: 1}, {}} { // core asks again and again
			if err := w.group(large).DeleteNodes([]*corev1.Node{standIn}); err != nil {
				t.Fatal(err)
			}
			w.Wait()
			w.wantSizes(want)
			w.clock.Step(spareFor)
		}
	})
}

func TestHeldInstanceIsNotEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	w.grow(large, 1)
	w.register()
	id := w.nodes[0].Spec.ProviderID
	done, err := w.Hold(id, func() error {
		if err := w.group(large).DeleteNodes(w.nodes); err == nil {
			t.Error("a held instance is ended")
		}
		if again, err := w.Hold(id, func() error { return nil }); again || err != nil {
			t.Errorf("held a second time: %v, %v", again, err)
		}
		return nil
	})
	if !done || err != nil {
		t.Fatalf("Hold = %v, %v", done, err)
	}
	if err := w.group(large).DeleteNodes(w.nodes); err != nil {
		t.Fatalf("end the instance that was held: %v", err)
	}
	w.Wait()
	if left, err := w.fleet.List(t.Context()); len(left) != 0 || err != nil {
		t.Errorf("instances left: %v, %v", left, err)
	}
	if done, err := w.Hold(id, func() error { return nil }); done || err != nil {
		t.Errorf("an instance that has ended is held: %v, %v", done, err)
	}
}
