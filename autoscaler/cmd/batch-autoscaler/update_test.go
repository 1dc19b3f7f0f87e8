// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// update starts an infrastructure update of the rig's environment, its first.
func (r *rig) update(policy *types.UpdatePolicy) {
	r.Helper()
	e := r.api.environments[0]
	e.Status, e.UpdatePolicy = types.CEStatusUpdating, policy
	e.Tags = map[string]string{batchmeta.GenerationTag: "2"}
	r.api.environments = []types.ComputeEnvironmentDetail{e}
}

func (r *rig) node(name string) *corev1.Node {
	r.Helper()
	n, err := r.client.CoreV1().Nodes().Get(r.Context(), name, metav1.GetOptions{})
	if err != nil {
		r.Fatal(err)
	}
	return n
}

// has reports whether the node has the taint of nodes that are to be replaced, with this effect.
func (r *rig) has(node string, effect corev1.TaintEffect) bool {
	r.Helper()
	return slices.ContainsFunc(r.node(node).Spec.Taints, func(t corev1.Taint) bool { return t.Key == batchmeta.Outdated && t.Effect == effect })
}

// Karpenter #7708: a node that has drifted and must not be disrupted was. Here one place decides, whatever the reason is
// that a node is to go.
func TestAnUpdateReplacesABusyNodeOnceItsJobsAreOver(t *testing.T) {
	t.Parallel()
	r := running(t, environment(0, 64))
	old := r.nodeNames()[0]
	r.update(nil)
	r.loops("the old node to take no more pods", func() bool { return r.has(old, corev1.TaintEffectNoSchedule) })

	r.pods("b") // there would be room for it on the old node
	r.loops("a node of the new generation", func() bool { return len(r.nodeNames()) == 2 })
	r.provider.Wait()
	for _, name := range r.nodeNames() {
		if got := r.node(name).Labels[batchmeta.Generation]; (got == "2") == (name == old) {
			t.Errorf("node %s is of generation %s", name, got)
		}
	}
	r.age()
	if r.instances() != 2 || r.has(old, corev1.TaintEffectNoExecute) {
		t.Errorf("%d instances; jobs have half an hour", r.instances())
	}
	r.elapse(30 * time.Minute)
	r.loops("the old node's jobs to be ended", func() bool { return r.has(old, corev1.TaintEffectNoExecute) })
	if r.instances() != 2 {
		t.Error("the old node was ended under its job")
	}
	r.change("a", finish(corev1.PodFailed))
	r.loops("the old node to go at once", func() bool { return !slices.Contains(r.nodeNames(), old) && r.instances() == 1 })
}

func TestAnUpdateThatTerminatesJobsSaysSoAtOnce(t *testing.T) {
	t.Parallel()
	r := running(t, environment(0, 64))
	r.update(&types.UpdatePolicy{TerminateJobsOnUpdate: aws.Bool(true)})
	r.loops("the old node's jobs to be ended", func() bool { return r.has(r.nodeNames()[0], corev1.TaintEffectNoExecute) })
}

func TestAnUpdateReplacesIdleNodesAtOnceAndKeepsMinvCpus(t *testing.T) {
	t.Parallel()
	e := environment(4, 64)
	e.ComputeResources.ScalingPolicy = &types.ComputeScalingPolicy{MinScaleDownDelayMinutes: aws.Int32(600)}
	r := newRig(t, e)
	r.loops("the node of minvCpus", func() bool { return len(r.nodeNames()) == 1 })
	old := r.nodeNames()[0]
	r.loop(10)
	if !slices.Equal(r.nodeNames(), []string{old}) {
		t.Fatalf("nodes = %v", r.nodeNames())
	}
	started := r.clock.Now()
	r.update(nil)
	r.loops("another in its place", func() bool {
		names := r.nodeNames()
		return len(names) == 1 && names[0] != old && r.instances() == 1
	})
	if took := r.clock.Since(started); took > 10*time.Hour {
		t.Errorf("it took %v", took)
	}
	r.age()
	if r.launched() != 2 {
		t.Errorf("%d launched, want one for each generation", r.launched())
	}
}

func TestAScalingUpdateReplacesNothing(t *testing.T) {
	t.Parallel()
	r := running(t, environment(0, 64))
	e := environment(0, 32)
	e.Status = types.CEStatusUpdating
	r.api.environments = []types.ComputeEnvironmentDetail{e}
	r.age()
	if n := r.nodeNames(); len(n) != 1 || r.has(n[0], corev1.TaintEffectNoSchedule) || r.launched() != 1 {
		t.Errorf("nodes %v, %d launched", n, r.launched())
	}
}

// An instance that was on its way when the update began becomes a node of the old generation.
func TestAnInstanceThatJoinsLateIsReplaced(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	r.mute = true
	r.pods("a")
	r.loops("an instance", func() bool { return r.instances() == 1 })
	r.provider.Wait()
	r.update(nil)
	r.loop(2)
	r.mute = false
	listed, err := r.fleet.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.register(listed[0], r.fleet.Launches()[0])
	r.loops("one of the new generation instead", func() bool {
		names := r.nodeNames()
		return len(names) == 1 && r.node(names[0]).Labels[batchmeta.Generation] == "2"
	})
}
