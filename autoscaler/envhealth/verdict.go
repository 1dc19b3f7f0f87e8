// SPDX-License-Identifier: Apache-2.0

package envhealth

import (
	"errors"
	"strings"
	"time"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/batch"
)

// Verdict is how an environment stands. The zero value is that of one of which nothing is known: VALID.
type Verdict struct {
	Status batch.ResourceStatus // batch.ResourceValid or batch.ResourceInvalid
	Reason string               // in AWS Batch's words where it has any
	At     time.Time            // when Status was decided
	// ShortAt is when a launch last failed for want of machines; zero if one has succeeded since.
	ShortAt time.Time
	// LastError is that of the last launch; empty if one has succeeded since.
	LastError string
}

// Reasons, AWS Batch's own words.
const (
	ReasonHealthy    = "ComputeEnvironment Healthy"
	ReasonNoneJoined = "Your compute environment has been INVALIDATED and scaled down because none of the nodes joined the " +
		"underlying EKS Cluster. Common issues preventing nodes joining are the following: networking configuration preventing " +
		"communication to EKS Cluster, incorrect EKS Instance Profile or Kubernetes RBAC policy preventing authorization to EKS " +
		"Cluster, customized AMI or LaunchTemplate configurations affecting EKS/Kubernetes node bootstrap."
	clientError = "CLIENT_ERROR - "
)

// reasonLimit bounds a reason, of which the cloud's words are most.
const reasonLimit = 1024

// words are the cloud's own about a failed launch, without what we were doing.
func words(err error) string {
	if e := (*fleet.RefusedError)(nil); errors.As(err, &e) {
		return e.Error()
	}
	if e := (*fleet.CapacityError)(nil); errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

func shortOf(instanceType string, err error) string {
	return cut(fleet.Shortage(instanceType, words(err)))
}

func refused(err error) string { return cut(clientError + words(err)) }

func cut(s string) string { return strings.ToValidUTF8(s[:min(len(s), reasonLimit)], "") }
