// SPDX-License-Identifier: Apache-2.0

package fleet

import "errors"

// CapacityError says that the fleet has no machine of the type to give now: a stock-out, a quota, an unfulfilled bid.
type CapacityError struct {
	InstanceType string
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
