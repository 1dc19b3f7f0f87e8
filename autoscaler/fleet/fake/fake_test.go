// SPDX-License-Identifier: Apache-2.0

package fake_test

import (
	"testing"

	"github.com/muster-batch/muster/autoscaler/fleet/fake"
	"github.com/muster-batch/muster/autoscaler/fleet/fleettest"
)

func TestFleet(t *testing.T) {
	t.Parallel()
	fleettest.Run(t, func(*testing.T) fleettest.Harness {
		f := fake.New(fake.Config{})
		return fleettest.Harness{
			Fleet:   f,
			Types:   []string{"c5.large", "m5.xlarge"},
			Exhaust: f.SetStock,
		}
	})
}
