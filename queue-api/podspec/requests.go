// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Requests are what an attempt counts against its compute environment, all its nodes together: of each pod the sum of its
// containers, or its largest init container where that is more. It returns a *batch.Error when vCPUs or memory are missing
// or no amount of either, or no size that Fargate has.
func (s Spec) Requests() (batch.Requests, error) {
	if s.Nodes == nil {
		return s.podRequests(s.path(nil))
	}
	var total batch.Requests
	for _, seg := range segments(s.Nodes) {
		node, at := s.property(seg.property)
		r, err := node.podRequests(at)
		if err != nil {
			return batch.Requests{}, err
		}
		n := int64(seg.to - seg.from)
		total = plus(total, batch.Requests{MilliVCPU: n * r.MilliVCPU, MemoryMiB: n * r.MemoryMiB, GPU: n * r.GPU})
	}
	return total, nil
}

// NodeRequests are what each pod of an attempt asks for, by node index; the only one's, unless the job has many nodes.
func (s Spec) NodeRequests() ([]batch.Requests, error) {
	list := make([]batch.Requests, s.NumNodes())
	for i := range list {
		node, at := s.node(i)
		var err error
		if list[i], err = node.podRequests(at); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// podRequests are those of one pod, whose properties stand at at.
func (s Spec) podRequests(at *field.Path) (batch.Requests, error) {
	inits, mains, err := s.podAmounts(at)
	if err != nil {
		return batch.Requests{}, err
	}
	var total batch.Requests
	for _, a := range mains {
		total = plus(total, a.Requests)
	}
	switch {
	case total.MilliVCPU == 0:
		return batch.Requests{}, s.missing(at, "vCPU", "cpu")
	case total.MemoryMiB == 0:
		return batch.Requests{}, s.missing(at, "Memory", "memory")
	}
	for _, a := range inits {
		total.MilliVCPU = max(total.MilliVCPU, a.MilliVCPU)
		total.MemoryMiB = max(total.MemoryMiB, a.MemoryMiB)
		total.GPU = max(total.GPU, a.GPU)
	}
	if s.Fargate {
		return total, checkFargateSize(total)
	}
	return total, nil
}

func plus(a, b batch.Requests) batch.Requests {
	return batch.Requests{MilliVCPU: a.MilliVCPU + b.MilliVCPU, MemoryMiB: a.MemoryMiB + b.MemoryMiB, GPU: a.GPU + b.GPU}
}

// missing says what no container asks for. AWS Batch: "vCPU is not provided."
func (s Spec) missing(at *field.Path, what, resource string) error {
	if s.EKS != nil {
		return batch.Invalidf("%s is not provided. %s must be in limits or requests of %s[].resources", what, resource, at.Child("containers"))
	}
	return batch.Invalidf("%s is not provided. It must be in resourceRequirements, of the job definition or of containerOverrides", what)
}

// podAmounts are what the containers ask for, init containers apart.
func (s Spec) podAmounts(at *field.Path) (inits, mains []amounts, err error) {
	if s.EKS == nil {
		return taskAmounts(s.task(at))
	}
	for i := range s.EKS.Containers {
		a, err := eksAmounts(at.Child("containers").Index(i).Child("resources"), s.EKS.Containers[i].Resources)
		if err != nil {
			return nil, nil, err
		}
		mains = append(mains, a)
	}
	for i := range s.EKS.InitContainers {
		a, err := eksAmounts(at.Child("initContainers").Index(i).Child("resources"), s.EKS.InitContainers[i].Resources)
		if err != nil {
			return nil, nil, err
		}
		inits = append(inits, a)
	}
	return inits, mains, nil
}

func taskAmounts(t task) (inits, mains []amounts, err error) {
	list, err := t.amounts()
	if err != nil {
		return nil, nil, err
	}
	first, rest, err := startOrder(&t)
	if err != nil {
		return nil, nil, err
	}
	for _, i := range first {
		inits = append(inits, list[i])
	}
	for _, i := range rest {
		mains = append(mains, list[i])
	}
	return inits, mains, nil
}
