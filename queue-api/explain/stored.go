// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"
	"slices"
	"strings"

	"github.com/muster-batch/muster/queue-api/fairshare"
)

// reading tells the code of a stored reason: it begins so, and has one of the words, if there are any.
type reading struct {
	code   Code
	begins string
	words  []string
}

// Sentences that others store, and that are told apart here.
const (
	// ReasonNoGangs is what a multi-node job is told in a queue that has no place for it. AWS Batch has no text for it.
	ReasonNoGangs = "ACTION_REQUIRED - Multi-node parallel jobs run neither in UNMANAGED nor in Spot compute environments, and the job queue has no others."
	// Refused begins what a job is told whose pod the cluster refuses for what is around it; Kubernetes' own words follow.
	Refused = "ACTION_REQUIRED - Kubernetes refuses the pod"
	// ConsumableWait begins what a job is told that waits for a consumable resource.
	ConsumableWait = "Waiting for consumable resource "
	// CannotPull begins the reason of a container whose image cannot be pulled, AWS Batch's own word.
	CannotPull = "CannotPullContainerError"
)

const fleetFailed = "MISCONFIGURATION:FLEET_LAUNCH_FAILED"

// readings are tried in their order.
var readings = [...]reading{
	{LaunchThrottled, fleetFailed, []string{"RequestLimitExceeded", "Throttl", "TooManyRequests"}},
	{LaunchThrottled, string(InsufficientCapacity), []string{"RequestLimitExceeded", "Throttl"}},
	{CapacitySubnet, string(InsufficientCapacity), []string{"InsufficientFreeAddressesInSubnet"}},
	{CapacityCloudQuota, string(InsufficientCapacity), []string{"LimitExceeded", "MaxSpotInstanceCountExceeded", "MaxFleetCountExceeded"}},
	{InsufficientCapacity, string(InsufficientCapacity), nil},
	{LaunchDenied, fleetFailed, []string{"UnauthorizedOperation", "AccessDenied", "AuthFailure"}},
	{LaunchFailed, fleetFailed, nil},
	{MaxResource, string(MaxResource), nil},
	{SchedulingSelector, string(JobRequirement), []string{"node selector, affinity or tolerations"}},
	{JobRequirement, string(JobRequirement), nil},
	{GangNoEnvironment, ReasonNoGangs, nil},
	{PodServiceAccount, Refused, []string{"error looking up service account"}},
	{PodQuota, Refused, []string{"exceeded quota"}},
	{PodAdmissionDenied, Refused, []string{"violates PodSecurity", "denied the request", "denied request"}},
	{PodNamespace, Refused, []string{"namespaces \""}},
	{PodRefused, Refused, nil},
	{ConsumableMissing, ConsumableWait, []string{"it does not exist"}},
	{ConsumableShort, ConsumableWait, nil},
	{PodImagePull, CannotPull, nil},
	{PodContainerConfig, "CreateContainer", nil},
	{PodContainerConfig, "RunContainerError", nil},
}

// codeOf is the code of a reason that was stored of a job that does not run yet.
func (f *Facts) codeOf(reason string) Code {
	if reason == fairshare.ReasonInvalidCEs {
		return f.unusable()
	}
	for _, r := range readings {
		if strings.HasPrefix(reason, r.begins) && (len(r.words) == 0 || hasOne(reason, r.words)) {
			if r.code == ConsumableShort {
				return cmp.Or(f.shortage(), r.code)
			}
			return r.code
		}
	}
	return JobBlocked
}

func hasOne(s string, words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(s, word) })
}
