// SPDX-License-Identifier: Apache-2.0

package scaleup

import (
	"errors"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/demand"
	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/provider"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const (
	podsPerReport = 50
	reportEvery   = 30 * time.Second // the same to one pod
	messageLimit  = 1000             // of an Event: 1024
)

// Messages in AWS Batch's words where AWS Batch has them. podwatch makes them the statusReason of waiting jobs.
const (
	tooLarge = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) is higher than " +
		"that can be met by the CE(s) attached to the job queue."
	tooManyVCPUs = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue cannot meet the " +
		"CPU requirement of the job."
	launchFailed = "MISCONFIGURATION:FLEET_LAUNCH_FAILED - "
)

func fleetFailed(instanceType, message string) string {
	if instanceType != "" {
		message = "instance type [" + instanceType + "]: " + message
	}
	return launchFailed + message
}

func explain(instanceType string, outOfCapacity bool, message string) string {
	if outOfCapacity {
		return fleet.Shortage(instanceType, message)
	}
	return fleetFailed(instanceType, message)
}

// Reporter puts Events on pending pods that say why no node comes. It is safe for concurrent use.
type Reporter struct {
	recorder record.EventRecorder
	index    *demand.Index
	clock    clock.PassiveClock

	mu   sync.Mutex // guards last
	last map[told]time.Time
}

// told is what a pod was told: the code, which begins a message, as the rest may differ from one time to the next.
type told struct {
	pod  types.UID
	code string
}

// NewReporter makes a reporter on the pods that the index counts.
func NewReporter(recorder record.EventRecorder, index *demand.Index, c clock.PassiveClock) *Reporter {
	return &Reporter{recorder: recorder, index: index, clock: c, last: map[told]time.Time{}}
}

// LaunchFailed reports a failed launch to the pods that it was for.
func (r *Reporter) LaunchFailed(f provider.FailedLaunch) {
	message := f.Err.Error()
	if e := (*fleet.CapacityError)(nil); errors.As(f.Err, &e) {
		message = e.Err.Error()
	}
	r.Report(f.Demands, explain(f.InstanceType, fleet.IsOutOfCapacity(f.Err), message))
}

// Report puts an Event on up to podsPerReport of the pods that the keys of parts stand for, but the same on no pod too often.
func (r *Reporter) Report(keys []string, message string) {
	message = strings.ToValidUTF8(message[:min(len(message), messageLimit)], "")
	code, _, _ := strings.Cut(message, " - ")
	left := podsPerReport
	for _, key := range keys {
		for _, pod := range r.index.Pods(key, left) {
			left--
			if r.isDue(told{pod.UID, code}) {
				r.recorder.Event(pod, corev1.EventTypeWarning, batchmeta.ReasonScaleUpFailed, message)
			}
		}
	}
}

func (r *Reporter) isDue(t told) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.Now()
	if at, known := r.last[t]; known && now.Sub(at) < reportEvery {
		return false
	}
	for old, at := range r.last {
		if now.Sub(at) >= reportEvery {
			delete(r.last, old)
		}
	}
	r.last[t] = now
	return true
}
