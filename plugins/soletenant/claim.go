// SPDX-License-Identifier: Apache-2.0

package soletenant

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

// PreBind claims a node that is for one pod. It is called beside the scheduling loop, and for a node of another kind it
// does nothing.
func (s *SoleTenant) PreBind(ctx context.Context, _ *framework.CycleState, pod *corev1.Pod, nodeName string) *framework.Status {
	node, err := s.nodes.Get(nodeName)
	if err != nil { // gone since the pod was placed: another attempt finds another node
		return framework.AsStatus(fmt.Errorf("claim node %s: %w", nodeName, err))
	}
	if !Is(node) {
		return nil
	}
	// The node's status is written all the time, so the version may be an old one: then the node is looked at anew.
	err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if node == nil {
			if node, err = s.client.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{}); err != nil {
				return err
			}
		}
		seen := node
		node = nil
		return s.claim(ctx, pod.UID, seen)
	})
	if err != nil {
		return framework.AsStatus(fmt.Errorf("claim node %s: %w", nodeName, err))
	}
	return nil
}

// takenError says that a node was given to another pod.
type takenError struct{ tenant string }

func (e *takenError) Error() string { return "it is for one pod, and pod " + e.tenant + " has it" }

// claim writes the claim, if the node is still as it was seen.
func (s *SoleTenant) claim(ctx context.Context, pod types.UID, seen *corev1.Node) error {
	if IsTaken(seen, pod) {
		return &takenError{tenant: seen.Annotations[batchmeta.Tenant]}
	}
	if seen.Annotations[batchmeta.Tenant] == string(pod) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": seen.UID, "resourceVersion": seen.ResourceVersion,
		"annotations": map[string]string{batchmeta.Tenant: string(pod)},
	}})
	if err != nil {
		return fmt.Errorf("encode claim: %w", err)
	}
	return crashpoint.Around("nodes/claim", func() error {
		_, err := s.client.CoreV1().Nodes().Patch(ctx, seen.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
}
