// SPDX-License-Identifier: Apache-2.0

package nodetemplate

import (
	"cmp"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// GPU is the resource that GPU jobs request.
const GPU corev1.ResourceName = "nvidia.com/gpu"

// Spec is what all nodes of a node group have in common.
type Spec struct {
	Group           string // node group id
	EnvironmentUUID string
	CapacityType    string // batchmeta.CapacityOnDemand or batchmeta.CapacitySpot
	Generation      int    // of the environment's infrastructure; 0 stands for 1, the first
	Type            instancetype.Type
	// SoleTenant nodes are for one pod each.
	SoleTenant bool
	// Mixed nodes are of several types that have Type in common: which one, each node says itself.
	Mixed bool
}

// Labels are those that a node of the group registers with, but for the instance id, which only the fleet knows.
func (s *Spec) Labels() map[string]string {
	labels := map[string]string{
		batchmeta.ComputeEnvironmentUUID: s.EnvironmentUUID,
		batchmeta.CapacityType:           s.CapacityType,
		batchmeta.NodeGroup:              s.Group,
		batchmeta.Generation:             strconv.Itoa(max(s.Generation, 1)),
	}
	if s.SoleTenant {
		labels[batchmeta.SoleTenant] = "true"
	}
	if !s.Mixed {
		labels[corev1.LabelInstanceTypeStable] = s.Type.Name
	}
	return labels
}

// Taints keep everything off the node but Batch pods and DaemonSets that tolerate them.
func Taints(environmentUUID string) []corev1.Taint {
	return []corev1.Taint{
		{Key: batchmeta.BatchNode, Value: environmentUUID, Effect: corev1.TaintEffectNoSchedule},
		{Key: batchmeta.BatchNode, Value: environmentUUID, Effect: corev1.TaintEffectNoExecute},
	}
}

// Node is the node as it will look once it is ready: what the kubelet adds by itself is there too.
func Node(name string, s *Spec) *corev1.Node {
	labels := s.Labels()
	labels[corev1.LabelHostname] = name
	labels[corev1.LabelOSStable] = "linux"
	labels[corev1.LabelArchStable] = architecture(&s.Type)
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec:       corev1.NodeSpec{Taints: Taints(s.EnvironmentUUID)},
		Status: corev1.NodeStatus{
			Capacity:    capacity(&s.Type),
			Allocatable: allocatable(&s.Type),
			Conditions: []corev1.NodeCondition{
				{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "NodeTemplate"},
			},
		},
	}
}

func architecture(t *instancetype.Type) string {
	if t.Architecture == "" {
		return instancetype.AMD64
	}
	return t.Architecture
}

func capacity(t *instancetype.Type) corev1.ResourceList {
	return resources(t, int64(t.VCPUs)*1000, t.MemoryMiB, diskMiB)
}

func allocatable(t *instancetype.Type) corev1.ResourceList {
	a := Allocatable(t)
	return resources(t, a.CPUMillis, a.MemoryMiB, a.DiskMiB)
}

// Allocatable is what pods may ask of a node of the type. It is complete.
func Allocatable(t *instancetype.Type) instancetype.Allocatable {
	if t.Allocatable == nil {
		return instancetype.Allocatable{
			CPUMillis: int64(t.VCPUs)*1000 - reservedCPUMillis(t.VCPUs),
			MemoryMiB: max(t.MemoryMiB-reservedMemoryMiB(t), 0),
			DiskMiB:   diskMiB * 9 / 10,
		}
	}
	a := *t.Allocatable
	a.DiskMiB = cmp.Or(a.DiskMiB, diskMiB)
	return a
}

func resources(t *instancetype.Type, cpuMillis, memoryMiB, diskMiB int64) corev1.ResourceList {
	list := corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewMilliQuantity(cpuMillis, resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(memoryMiB<<20, resource.BinarySI),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(diskMiB<<20, resource.BinarySI),
		corev1.ResourcePods:             *resource.NewQuantity(int64(pods(t)), resource.DecimalSI),
	}
	if t.GPUs > 0 {
		list[GPU] = *resource.NewQuantity(int64(t.GPUs), resource.DecimalSI)
	}
	return list
}
