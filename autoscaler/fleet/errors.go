// SPDX-License-Identifier: Apache-2.0

package fleet

import "errors"

// CapacityError says that the fleet has no machine of the type to give now: a stock-out, a quota, an unfulfilled bid.
type CapacityError struct {
	InstanceType string // or the names of several
	Err          error
}

func (e *CapacityError) Error() string {
	return "no capacity for instance type " + e.InstanceType + ": " + e.Err.Error()
}

func (e *CapacityError) Unwrap() error { return e.Err }

// IsOutOfCapacity reports whether a launch failed only for want of machines.
func IsOutOfCapacity(err error) bool {
	e := (*CapacityError)(nil)
	return errors.As(err, &e)
}

// Shortage says in AWS Batch's words that there is no machine of a type, or of any of several, and in the fleet's own why.
func Shortage(instanceType, why string) string {
	return "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type [" + instanceType + "]: " + why
}

// UncertainError says that nobody knows what came of a launch, as when its answer was lost. The same request tells, made again.
type UncertainError struct {
	Err error
}

func (e *UncertainError) Error() string { return "what came of it is not known: " + e.Err.Error() }

func (e *UncertainError) Unwrap() error { return e.Err }

// IsUncertain reports whether there may be instances of a launch that failed.
func IsUncertain(err error) bool {
	e := (*UncertainError)(nil)
	return errors.As(err, &e)
}

// Class is why a fleet refused, as far as its callers care.
type Class string

// The classes. NoCapacity and Quota are those of a CapacityError.
const (
	NoCapacity Class = "OUT_OF_CAPACITY" // passes with time, or with another instance type
	Quota      Class = "QUOTA_EXCEEDED"  // passes when machines end or the quota is raised
	BadRequest Class = "BAD_REQUEST"     // the environment asks for what there is not
	Throttled  Class = "THROTTLED"       // passes soon
	Denied     Class = "ACCESS_DENIED"   // we may not
	Unknown    Class = "LAUNCH_FAILED"   // all else
)

// RefusedError is an answer of a fleet that did not do what it was asked for.
type RefusedError struct {
	Class   Class
	Code    string // the fleet's own
	Message string
}

func (e *RefusedError) Error() string { return e.Code + ": " + e.Message }

// ClassOf is the class of an error of a fleet.
func ClassOf(err error) Class {
	if e := (*RefusedError)(nil); errors.As(err, &e) {
		return e.Class
	}
	if IsOutOfCapacity(err) {
		return NoCapacity
	}
	return Unknown
}
