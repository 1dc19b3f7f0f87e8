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

// requests is what Score has to know of the pod and of the nodes where it fits.
type requests struct {
	*framework.Resource
	choice bool // some of the nodes have more that the pod does not ask for than others
	least  int  // how many extended resources each of the nodes has at least that the pod does not ask for
}

// Clone returns the same requests: they do not change during a cycle.
func (r *requests) Clone() framework.StateData { return r }

// PreScore computes the pod's requests once for all nodes, and looks for nodes to spare among these.
func (*GangPack) PreScore(_ context.Context, state *framework.CycleState, pod *corev1.Pod, nodes []*framework.NodeInfo) *framework.Status {
	r := &requests{Resource: framework.NewResource(resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{}))}
	for i, node := range nodes {
		n := Unasked(node, r.isAsked)
		r.choice = r.choice || (i > 0 && n != r.least)
		if i == 0 || n < r.least {
			r.least = n
		}
	}
	state.Write(requestsKey, r)
	return nil
}

func (r *requests) isAsked(name corev1.ResourceName) bool { return r.ScalarResources[name] > 0 }

// Score returns how full the node would be with the pod, in percent. If there is a choice, every node that has more than
// others that the pod does not ask for is in the lower half of the scores, and the others are in the upper.
func (*GangPack) Score(_ context.Context, state *framework.CycleState, _ *corev1.Pod, node *framework.NodeInfo) (int64, *framework.Status) {
	data, err := state.Read(requestsKey)
	if err != nil {
		return 0, framework.AsStatus(err)
	}
	r := data.(*requests)
	full := fullness(r.Resource, node)
	if !r.choice {
		return full, nil
	}
	const half = framework.MaxNodeScore / 2
	if Unasked(node, r.isAsked) > r.least {
		return full * (half - 1) / framework.MaxNodeScore, nil
	}
	return half + full*half/framework.MaxNodeScore, nil
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
