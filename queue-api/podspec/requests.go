// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// Requests are what the job's pod counts against its compute environment: the sum of its containers, or its largest init
// container where that is more. It returns a *batch.Error when vCPUs or memory are missing or no amount of either.
func (s Spec) Requests() (batch.Requests, error) {
	if s.Container != nil {
		return containerRequests(s.Container)
	}
	return podPropertiesRequests(s.EKS)
}

func containerRequests(p *awsapi.ContainerProperties) (batch.Requests, error) {
	a, err := containerAmounts(field.NewPath("containerProperties"), p.Vcpus, p.Memory, p.ResourceRequirements)
	switch {
	case err != nil:
		return batch.Requests{}, err
	case a.MilliVCPU == 0:
		return batch.Requests{}, batch.Invalidf("vCPU is not provided. It must be in resourceRequirements, of the job definition or of containerOverrides")
	case a.MemoryMiB == 0:
		return batch.Requests{}, batch.Invalidf("Memory is not provided. It must be in resourceRequirements, of the job definition or of containerOverrides")
	}
	return a.Requests, nil
}

func podPropertiesRequests(p *awsapi.EksPodProperties) (batch.Requests, error) {
	at := podPropertiesPath()
	var total batch.Requests
	for i := range p.Containers {
		a, err := eksAmounts(at.Child("containers").Index(i).Child("resources"), p.Containers[i].Resources)
		if err != nil {
			return batch.Requests{}, err
		}
		total.MilliVCPU += a.MilliVCPU
		total.MemoryMiB += a.MemoryMiB
		total.GPU += a.GPU
	}
	switch {
	case total.MilliVCPU == 0:
		return batch.Requests{}, batch.Invalidf("vCPU is not provided. cpu must be in limits or requests of %s[].resources", at.Child("containers"))
	case total.MemoryMiB == 0:
		return batch.Requests{}, batch.Invalidf("Memory is not provided. memory must be in limits or requests of %s[].resources", at.Child("containers"))
	}
	for i := range p.InitContainers {
		a, err := eksAmounts(at.Child("initContainers").Index(i).Child("resources"), p.InitContainers[i].Resources)
		if err != nil {
			return batch.Requests{}, err
		}
		total.MilliVCPU = max(total.MilliVCPU, a.MilliVCPU)
		total.MemoryMiB = max(total.MemoryMiB, a.MemoryMiB)
		total.GPU = max(total.GPU, a.GPU)
	}
	return total, nil
}
