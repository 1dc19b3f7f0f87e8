// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const unmanagedUUID = "5f0d6c1e-97ab-4bb1-8a35-3f1f8f3b7c11"

// unmanaged is an environment whose nodes are the admin's.
func unmanaged() types.ComputeEnvironmentDetail {
	return types.ComputeEnvironmentDetail{
		ComputeEnvironmentName: aws.String("own"), Uuid: aws.String(unmanagedUUID), Type: types.CETypeUnmanaged,
		State: types.CEStateEnabled, Status: types.CEStatusValid, UnmanagedvCpus: aws.Int32(8),
	}
}

// adminNode is a node with an unmanaged environment's label, and whatever else the admin wrote.
func adminNode(name string, ready corev1.ConditionStatus, labels ...string) *corev1.Node {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{batchmeta.ComputeEnvironmentUUID: unmanagedUUID}},
		Spec:       corev1.NodeSpec{ProviderID: "metal:///" + name},
		Status: corev1.NodeStatus{
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}},
		},
	}
	for _, key := range labels {
		n.Labels[key] = "1"
	}
	return n
}

// Contract 6.8, and containers-roadmap #1814: an UNMANAGED environment is never scaled, its nodes never tainted or ended:
// idle, busy or dead, in any state of the environment.
func TestNodesOfAnUnmanagedEnvironmentAreTheAdmins(t *testing.T) {
	t.Parallel()
	states := map[string]func(*types.ComputeEnvironmentDetail){
		"VALID":    func(*types.ComputeEnvironmentDetail) {},
		"DISABLED": func(e *types.ComputeEnvironmentDetail) { e.State = types.CEStateDisabled },
		"DELETING": func(e *types.ComputeEnvironmentDetail) {
			e.State, e.Status = types.CEStateDisabled, types.CEStatusDeleting
		},
		"UPDATING": func(e *types.ComputeEnvironmentDetail) {
			e.Status, e.Tags = types.CEStatusUpdating, map[string]string{batchmeta.GenerationTag: "2"}
			e.UpdatePolicy = &types.UpdatePolicy{TerminateJobsOnUpdate: aws.Bool(true)}
		},
	}
	for name, change := range states {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := unmanaged()
			change(&e)
			r := newRig(t, environment(0, 64), e)
			for _, n := range []*corev1.Node{
				adminNode("idle", corev1.ConditionTrue), adminNode("busy", corev1.ConditionTrue), adminNode("dead", corev1.ConditionFalse),
				adminNode("numbered", corev1.ConditionTrue, batchmeta.Generation),
			} {
				if _, err := r.client.CoreV1().Nodes().Create(t.Context(), n, metav1.CreateOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			asks := func(p *corev1.Pod) { p.Spec.NodeSelector[batchmeta.ComputeEnvironmentUUID] = unmanagedUUID }
			r.create(pod("a", asks, func(p *corev1.Pod) { p.Spec.NodeName, p.Status.Phase = "busy", corev1.PodRunning }))
			r.create(pod("b", asks, cpus(2)))
			r.create(pod("c", asks, cpus(2), gang("g", 1)))
			r.client.ClearActions()
			for range 10 {
				r.elapse(time.Minute)
				if err := r.provider.Reconcile(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			for _, a := range r.client.Actions() {
				if a.GetResource().Resource == "nodes" && a.GetVerb() != "list" && a.GetVerb() != "get" && a.GetVerb() != "watch" {
					t.Errorf("%s of a node of the admin's", a.GetVerb())
				}
			}
			if len(r.nodeNames()) != 4 || r.launched() != 0 {
				t.Errorf("nodes %v, %d launched", r.nodeNames(), r.launched())
			}
		})
	}
}
