// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// spread is a rig with pods a, b and c of 1 CPU, each on a node of its own.
func spread(t *testing.T) (r *rig, nodeOf map[string]string) {
	t.Helper()
	r, nodeOf = newRig(t, environment(0, 64)), map[string]string{}
	names := []string{"a", "b", "c"}
	for _, name := range names {
		r.create(pod(name, cpus(3)))
	}
	r.loops("three nodes", func() bool { return len(r.nodeNames()) == 3 })
	r.provider.Wait()
	for i, node := range r.nodeNames() {
		r.change(names[i], func(p *corev1.Pod) {
			cpus(1)(p)
			p.Spec.NodeName, p.Status.Phase = node, corev1.PodRunning
		})
		nodeOf[names[i]] = node
	}
	r.loops("the pods to be bound", func() bool { return len(r.index.Demands()) == 0 })
	return r, nodeOf
}

// cluster-autoscaler #4813, #7095: what would fit on fewer nodes is left where it runs.
func TestConsolidationMovesNoJob(t *testing.T) {
	t.Parallel()
	r, _ := spread(t)
	r.client.ClearActions()
	r.age()
	r.age()
	for _, a := range r.client.Actions() {
		if a.GetSubresource() == "eviction" || a.GetResource().Resource == "pods" && a.GetVerb() == "delete" {
			t.Errorf("%s %s of a running job's pod", a.GetVerb(), a.GetSubresource())
		}
	}
	if r.instances() != 3 {
		t.Errorf("%d instances, want three", r.instances())
	}
}

// cluster-autoscaler #1508: it is not for the cloud to choose which machine goes. The one that is idle does, by its id.
func TestOnlyTheIdleNodesInstanceEnds(t *testing.T) {
	t.Parallel()
	r, nodeOf := spread(t)
	r.change("b", finish(corev1.PodSucceeded))
	r.age()
	r.loops("the idle node to go", func() bool { return len(r.nodeNames()) == 2 && r.instances() == 2 })
	listed, err := r.fleet.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range listed {
		if i.ID == nodeOf["b"] {
			t.Error("the idle node's instance is left")
		}
	}
	for _, name := range []string{"a", "c"} {
		if _, err := r.client.CoreV1().Nodes().Get(t.Context(), nodeOf[name], metav1.GetOptions{}); err != nil {
			t.Errorf("node of %s: %v", name, err)
		}
	}
}
