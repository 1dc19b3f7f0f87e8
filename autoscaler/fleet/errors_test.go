// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"errors"
	"fmt"
	"testing"
)

func TestClassOf(t *testing.T) {
	t.Parallel()
	quota := &RefusedError{Class: Quota, Code: "VcpuLimitExceeded", Message: "too many"}
	cases := map[string]struct {
		err          error
		want         Class
		wantCapacity bool
	}{
		"an error without a class is unknown":    {err: errors.New("boom"), want: Unknown},
		"a capacity error is one of no capacity": {err: &CapacityError{Err: errors.New("none")}, want: NoCapacity, wantCapacity: true},
		"a capacity error may be one of quota":   {err: fmt.Errorf("launch: %w", &CapacityError{Err: quota}), want: Quota, wantCapacity: true},
		"a refusal tells its class":              {err: fmt.Errorf("list: %w", &RefusedError{Class: Denied}), want: Denied},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ClassOf(tc.err); got != tc.want || IsOutOfCapacity(tc.err) != tc.wantCapacity {
				t.Errorf("ClassOf = %s, IsOutOfCapacity = %t", got, IsOutOfCapacity(tc.err))
			}
		})
	}
}
