// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"strings"

	"github.com/muster-batch/muster/queue-api/batch"
)

// admitted is for a job whose pods exist and have no node.
func (f *Facts) admitted() (Code, string) {
	job := f.Job
	if cluster := f.cutOff(); cluster != "" {
		return ClusterUnreachable, whyAdmitted(job, cluster)
	}
	if job.StatusReason != "" {
		return f.codeOf(job.StatusReason), job.StatusReason
	}
	return f.scheduled(), whyAdmitted(job, "")
}

// cutOff names the cluster of the attempt under way, if that is known not to answer.
func (f *Facts) cutOff() string {
	if f.Home != nil && f.Home.EKS != nil && f.Home.StatusReason == Unreachable(f.Home.ClusterName()) {
		return f.Home.ClusterName()
	}
	return ""
}

// scheduled is the code of what the scheduler says. In a managed environment nodes come, as long as the autoscaler says nothing
// else; what keeps a pod off nodes for ever is told all the same.
func (f *Facts) scheduled() Code {
	words := ""
	if f.Look != nil {
		if f.Look.Failed {
			return ClusterUnreachable
		}
		words = f.Look.Scheduler
	}
	isManaged := f.Home == nil || f.Home.Type == batch.Managed
	switch code := schedulerCode(words); {
	case code == GangShort, code == SchedulingTaint:
		return code
	case isManaged:
		return NodeLaunching
	case code != "":
		return code
	}
	return NodeNone
}

// systemTaints begin the taints of nodes that are no environment's, or are not ready yet.
var systemTaints = []string{"untolerated taint {node-role.kubernetes.io/", "untolerated taint {node.kubernetes.io/", "untolerated taint {node.cloudprovider.kubernetes.io/"}

// schedulerCode reads the scheduler's words, which count reasons over all nodes of the cluster: what is said of nodes that
// might do counts before what is said of others.
func schedulerCode(words string) Code {
	taints := strings.Count(words, "untolerated taint")
	for _, t := range systemTaints {
		taints -= strings.Count(words, t)
	}
	switch {
	case words == "":
		return ""
	case strings.Contains(words, "members fit"):
		return GangShort
	case strings.Contains(words, "Insufficient "), strings.Contains(words, "Too many pods"):
		return SchedulingNoRoom
	case taints > 0:
		return SchedulingTaint
	case hasOne(words, []string{"didn't match Pod's node affinity/selector", "no nodes available", "0/0 nodes", "untolerated taint"}):
		return NodeNone
	}
	return SchedulingOther
}

// placed is for a job that has a node.
func (f *Facts) placed() (Code, string) {
	job := f.Job
	switch {
	case f.cutOff() != "":
		return ClusterUnreachable, strings.TrimSuffix(whyPlaced(job), ".") + "; cluster " + f.cutOff() + " does not answer."
	case job.Stop != nil:
		return JobStopping, whyStopping(job.Stop)
	case job.StatusReason != "":
		return f.codeOf(job.StatusReason), job.StatusReason
	case job.Status == batch.StatusStarting:
		return PodStarting, whyPlaced(job)
	}
	return JobRunning, whyPlaced(job)
}
