// SPDX-License-Identifier: Apache-2.0

package gangpack

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// requestsKey is where PreScore leaves the pod's requests for Score.
const requestsKey framework.StateKey = Name + "/requests"

type requests struct{ *framework.Resource }

// Clone returns the same requests: they do not change during a cycle.
func (r requests) Clone() framework.StateData { return r }

// PreScore computes the pod's requests once for all nodes.
func (*GangPack) PreScore(_ context.Context, state *framework.CycleState, pod *corev1.Pod, _ []*framework.NodeInfo) *framework.Status {
	list := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
	state.Write(requestsKey, requests{framework.NewResource(list)})
	return nil
}

// Score returns how full the node would be with the pod, in percent.
func (*GangPack) Score(_ context.Context, state *framework.CycleState, _ *corev1.Pod, node *framework.NodeInfo) (int64, *framework.Status) {
	data, err := state.Read(requestsKey)
	if err != nil {
		return 0, framework.AsStatus(err)
	}
	return fullness(data.(requests).Resource, node), nil
}

// ScoreExtensions returns nil: the scores are percentages as they are.
func (*GangPack) ScoreExtensions() framework.ScoreExtensions { return nil }

// fullness is the mean over CPU, memory and the extended resources that the pod asks for of the share of the node's
// allocatable that is requested once the pod is there.
func fullness(pod *framework.Resource, node *framework.NodeInfo) int64 {
	have, used := node.Allocatable, node.Requested
	sum := share(used.MilliCPU+pod.MilliCPU, have.MilliCPU) + share(used.Memory+pod.Memory, have.Memory)
	n := int64(2)
	for name, q := range pod.ScalarResources {
		sum += share(used.ScalarResources[name]+q, have.ScalarResources[name])
		n++
	}
	return sum / n
}

// share returns used as a percentage of have, at most framework.MaxNodeScore. A node that has none of a resource is full.
func share(used, have int64) int64 {
	if have <= 0 || used >= have {
		return framework.MaxNodeScore
	}
	return int64(float64(used) / float64(have) * float64(framework.MaxNodeScore))
}
