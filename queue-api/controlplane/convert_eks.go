// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// showEKS adds what AWS Batch shows of jobs with eksProperties: the merged pod with the run beside it, and the attempts
// that ended.
func showEKS(d *awsapi.JobDetail, job *batch.Job, p *awsapi.EksPropertiesDetail) {
	d.EksProperties = p
	pod := p.PodProperties
	if a, ok := shownAttempt(job); ok {
		pod.PodName, pod.NodeName = given(a.PodName), given(a.NodeName)
		showOutcomes(pod.Containers, a.Containers)
		showOutcomes(pod.InitContainers, a.InitContainers)
	}
	for i := range job.Attempts {
		d.EksAttempts = append(d.EksAttempts, eksAttempt(&job.Attempts[i], pod))
	}
}

// showOutcomes puts exit codes beside the containers they belong to.
func showOutcomes(shown []awsapi.EksContainerDetail, outcomes []batch.ContainerOutcome) {
	for i := range shown {
		for _, o := range outcomes {
			if o.Name == containerName(&shown[i]) {
				shown[i].ExitCode, shown[i].Reason = o.ExitCode, given(o.Reason)
			}
		}
	}
}

// containerName is what the container is called in the pod: default when it was registered without a name, or with
// AWS Batch's documented Default, which Kubernetes would refuse.
func containerName(c *awsapi.EksContainerDetail) string {
	if name := value(c.Name); name != "" && name != "Default" {
		return name
	}
	return "default"
}

// eksAttempt is an attempt that ended.
func eksAttempt(a *batch.Attempt, pod *awsapi.EksPodPropertiesDetail) awsapi.EksAttemptDetail {
	return awsapi.EksAttemptDetail{
		Containers:     attemptContainers(a.Containers, pod.Containers),
		InitContainers: attemptContainers(a.InitContainers, pod.InitContainers),
		PodName:        given(a.PodName),
		PodNamespace:   given(a.PodNamespace),
		NodeName:       given(a.NodeName),
		StartedAt:      millis(a.StartedAt),
		StoppedAt:      millis(a.StoppedAt),
		StatusReason:   given(a.StatusReason),
	}
}

// attemptContainers shows outcomes under the names that were registered. AWS Batch: a container without one has none here
// either.
func attemptContainers(outcomes []batch.ContainerOutcome, registered []awsapi.EksContainerDetail) []awsapi.EksAttemptContainerDetail {
	out := make([]awsapi.EksAttemptContainerDetail, len(outcomes))
	for i, o := range outcomes {
		out[i] = awsapi.EksAttemptContainerDetail{ContainerID: given(o.ContainerID), ExitCode: o.ExitCode, Reason: given(o.Reason)}
		for j := range registered {
			if containerName(&registered[j]) == o.Name {
				out[i].Name = registered[j].Name
			}
		}
	}
	return out
}
