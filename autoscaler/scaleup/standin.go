// SPDX-License-Identifier: Apache-2.0

package scaleup

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/autoscaler/nodetemplate"
	"github.com/muster-batch/muster/autoscaler/pack"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// standIns is the namespace of stand-ins.
const standIns = "batch-autoscaler"

// placeStandIns puts one pod on each node that demands were placed on, as large as all of them, into the snapshot.
func (b *board) placeStandIns(used []pack.Vector) error {
	for i, v := range used {
		if v.Pods == 0 {
			continue
		}
		node := b.binNodes[i].Name
		if err := b.snapshot.ForceAddPod(standIn(node, v), node); err != nil {
			return fmt.Errorf("add stand-in to node %s of the snapshot: %w", node, err)
		}
	}
	return nil
}

// standIn is a pod that exists in the snapshot alone. The gang label makes it one that keeps its node.
func standIn(node string, v pack.Vector) *corev1.Pod {
	requests := corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewMilliQuantity(v.CPUMillis, resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(v.Memory, resource.BinarySI),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(v.Disk, resource.BinarySI),
	}
	if v.GPUs > 0 {
		requests[nodetemplate.GPU] = *resource.NewQuantity(v.GPUs, resource.DecimalSI)
	}
	name := "stand-in-" + node
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: standIns, Name: name, UID: types.UID(name),
			Labels: map[string]string{batchmeta.Gang: "stand-in"},
		},
		Spec: corev1.PodSpec{
			NodeName:   node,
			Containers: []corev1.Container{{Name: "demand", Resources: corev1.ResourceRequirements{Requests: requests}}},
		},
	}
}
