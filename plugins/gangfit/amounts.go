// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// requestOf returns what one pod takes of a node, itself counted as one of AllowedPodNumber.
func requestOf(pod *corev1.Pod) *framework.Resource {
	r := framework.NewResource(resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{}))
	r.AllowedPodNumber = 1
	return r
}

// fitsBeside reports whether request fits on a node together with what is there and what is kept. A resource that is not
// asked for does not matter.
func fitsBeside(request *framework.Resource, info *framework.NodeInfo, kept *framework.Resource) bool {
	has, used := info.Allocatable, info.Requested
	fits := func(request, has, used, kept int64) bool { return request == 0 || request <= has-used-kept }
	if len(info.Pods)+request.AllowedPodNumber+kept.AllowedPodNumber > has.AllowedPodNumber ||
		!fits(request.MilliCPU, has.MilliCPU, used.MilliCPU, kept.MilliCPU) ||
		!fits(request.Memory, has.Memory, used.Memory, kept.Memory) ||
		!fits(request.EphemeralStorage, has.EphemeralStorage, used.EphemeralStorage, kept.EphemeralStorage) {
		return false
	}
	for name, amount := range request.ScalarResources {
		if !fits(amount, has.ScalarResources[name], used.ScalarResources[name], kept.ScalarResources[name]) {
			return false
		}
	}
	return true
}

// add adds b to a.
func add(a, b *framework.Resource) {
	a.MilliCPU += b.MilliCPU
	a.Memory += b.Memory
	a.EphemeralStorage += b.EphemeralStorage
	a.AllowedPodNumber += b.AllowedPodNumber
	for name, amount := range b.ScalarResources {
		a.AddScalar(name, amount)
	}
}

// subtract takes b from a, down to nothing.
func subtract(a, b *framework.Resource) {
	a.MilliCPU = max(0, a.MilliCPU-b.MilliCPU)
	a.Memory = max(0, a.Memory-b.Memory)
	a.EphemeralStorage = max(0, a.EphemeralStorage-b.EphemeralStorage)
	a.AllowedPodNumber = max(0, a.AllowedPodNumber-b.AllowedPodNumber)
	for name, amount := range a.ScalarResources {
		a.ScalarResources[name] = max(0, amount-b.ScalarResources[name])
	}
}

// remove takes b from a, whatever is left.
func remove(a, b *framework.Resource) {
	a.MilliCPU -= b.MilliCPU
	a.Memory -= b.Memory
	a.EphemeralStorage -= b.EphemeralStorage
	a.AllowedPodNumber -= b.AllowedPodNumber
	for name, amount := range b.ScalarResources {
		a.AddScalar(name, -amount)
	}
}

// covers reports whether a is at least b in every resource.
func covers(a, b *framework.Resource) bool {
	rest := *b.Clone()
	subtract(&rest, a)
	return isZero(&rest)
}

func isZero(r *framework.Resource) bool {
	for _, amount := range r.ScalarResources {
		if amount != 0 {
			return false
		}
	}
	return r.MilliCPU == 0 && r.Memory == 0 && r.EphemeralStorage == 0 && r.AllowedPodNumber == 0
}

// overBy returns when pod's room is free again at the latest, if it starts now or has started: the job's timeout and the
// pod's own deadline bound that. It returns the zero time when nothing does.
func overBy(pod *corev1.Pod, now time.Time) time.Time {
	limit, bounded := durationOf(pod)
	if !bounded {
		return time.Time{}
	}
	start := now
	if pod.Status.StartTime != nil {
		start = pod.Status.StartTime.Time
	}
	return start.Add(limit)
}

// durationOf returns how long pod runs at most, with the grace it has to end; false when it may run for ever.
func durationOf(pod *corev1.Pod) (time.Duration, bool) {
	seconds, bounded := int64(0), false
	if text, ok := pod.Annotations[batchmeta.AttemptDuration]; ok {
		if n, err := strconv.ParseInt(text, 10, 32); err == nil && n > 0 {
			seconds, bounded = n, true
		}
	}
	if d := pod.Spec.ActiveDeadlineSeconds; d != nil && (!bounded || *d < seconds) {
		seconds, bounded = *d, true
	}
	grace := int64(corev1.DefaultTerminationGracePeriodSeconds)
	if g := pod.Spec.TerminationGracePeriodSeconds; g != nil {
		grace = *g
	}
	return time.Duration(seconds+grace) * time.Second, bounded
}

// isOverSooner reports whether a is bounded to run for less time than b.
func isOverSooner(a, b *corev1.Pod) bool {
	mine, bounded := durationOf(a)
	other, otherBounded := durationOf(b)
	return bounded && (!otherBounded || mine < other)
}
