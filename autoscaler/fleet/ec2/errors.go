// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/muster-batch/muster/autoscaler/fleet"
)

// Codes of EC2 that the fleet itself acts on.
const (
	codeInstanceNotFound = "InvalidInstanceID.NotFound"
	codeTokenReused      = "IdempotentParameterMismatch"
	codeTemplateExists   = "InvalidLaunchTemplateName.AlreadyExistsException"
	codeUnfulfillable    = "UnfulfillableCapacity"
	// codesTemplateGone begin with this: InvalidLaunchTemplateId.NotFound, InvalidLaunchTemplateName.NotFoundException.
	codesTemplateGone = "InvalidLaunchTemplate"
)

// codes are those whose class their beginning does not tell.
var codes = map[fleet.Class][]string{
	fleet.NoCapacity: {
		"InsufficientInstanceCapacity", "InsufficientCapacity", "InsufficientHostCapacity", "InsufficientCapacityOnOutpost",
		"InsufficientReservedInstanceCapacity", "InsufficientFreeAddressesInSubnet", "InsufficientVolumeCapacity",
		"ReservationCapacityExceeded", "SpotMaxPriceTooLow", "Unsupported", codeUnfulfillable,
	},
	fleet.Quota: {
		"VcpuLimitExceeded", "InstanceLimitExceeded", "MaxSpotInstanceCountExceeded", "MaxFleetCountExceeded", "FleetLimitExceeded",
		"VolumeLimitExceeded", "MaxIOPSLimitExceeded", "NetworkInterfaceLimitExceeded", "ResourceLimitExceeded", "LaunchTemplateLimitExceeded",
	},
	fleet.Throttled: {
		"RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "Throttling", "ThrottlingException", "ThrottledException",
		"TooManyRequestsException", "EC2ThrottledException",
	},
	fleet.Denied: {
		"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "Blocked", "ExpiredToken", "ExpiredTokenException",
		"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "OptInRequired", "PendingVerification",
	},
}

var classes = invert(codes)

func invert(codes map[fleet.Class][]string) map[string]fleet.Class {
	out := map[string]fleet.Class{}
	for class, list := range codes {
		for _, code := range list {
			out[code] = class
		}
	}
	return out
}

// classOf is the class of a code. EC2's client errors begin with what is wrong.
func classOf(code string) fleet.Class {
	if class, ok := classes[code]; ok {
		return class
	}
	switch {
	case strings.HasPrefix(code, "AuthFailure"):
		return fleet.Denied
	case strings.HasPrefix(code, "Invalid"), strings.HasPrefix(code, "Missing"), strings.HasPrefix(code, "Unknown"),
		strings.HasPrefix(code, "Malformed"), strings.HasSuffix(code, "NotFound"), strings.HasSuffix(code, "NotFoundException"),
		code == codeTokenReused:
		return fleet.BadRequest
	}
	return fleet.Unknown
}

// codeOf is the code of an error of AWS; empty if it is none.
func codeOf(err error) string {
	if e := smithy.APIError(nil); errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// explain says what was being done, and gives errors of AWS their class. Codes of no capacity become capacity errors of the
// instance type, if there is one.
func explain(action, instanceType string, err error) error {
	e := smithy.APIError(nil)
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", action, err)
	}
	return fmt.Errorf("%s: %w", action, refusal(instanceType, e.ErrorCode(), e.ErrorMessage()))
}

// isAnswered reports whether EC2 said itself what came of a call that may have been tried several times. It did not if a reply
// was lost, if EC2 was out of order, or if the last try was refused before EC2 looked at it.
func isAnswered(err error) bool {
	code := codeOf(err)
	response := (*smithyhttp.ResponseError)(nil)
	isFault := errors.As(err, &response) && response.HTTPStatusCode() >= http.StatusInternalServerError
	return code != "" && !isFault && classOf(code) != fleet.Throttled
}

func refusal(instanceType, code, message string) error {
	refused := &fleet.RefusedError{Class: classOf(code), Code: code, Message: message}
	if instanceType != "" && (refused.Class == fleet.NoCapacity || refused.Class == fleet.Quota) {
		return &fleet.CapacityError{InstanceType: instanceType, Err: refused}
	}
	return refused
}

// invalid is the refusal of an environment that EC2 need not be asked about.
func invalid(format string, args ...any) error {
	return &fleet.RefusedError{Class: fleet.BadRequest, Code: "InvalidComputeEnvironment", Message: fmt.Sprintf(format, args...)}
}
