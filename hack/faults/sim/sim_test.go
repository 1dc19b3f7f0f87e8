// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-batch/muster/hack/faults/seeds"
)

// TestClustersInTrouble plays MUSTER_SIMULATIONS clusters (2 unless told) from MUSTER_SEED on.
func TestClustersInTrouble(t *testing.T) {
	var c counts
	began := cpuTime(t)
	for _, seed := range seeds.From(t, "MUSTER_SIMULATIONS", 2) {
		t.Run("seed "+strconv.FormatUint(seed, 10), func(t *testing.T) {
			for _, wrong := range simulate(t, seed, &c, false) {
				t.Errorf("%s (%s)", wrong, seeds.Again("MUSTER_SIMULATIONS", seed))
			}
		})
	}
	spent := cpuTime(t) - began
	t.Logf("%d clusters over %.1f virtual hours: %.0f hours in an hour of CPU", c.worlds, c.virtual.Hours(), c.virtual.Hours()/spent.Hours())
	t.Logf("%d jobs, %d of them arrays and %d gangs, %d stopped; %d executions on %d machines", c.jobs, c.arrays, c.gangs, c.stops, c.executions, c.machines)
	t.Logf("requests that failed: %d; machines reclaimed under work: %d, not to be had: %d; leaders of queue-api that took over: %d, schedulers: %d",
		c.faults, c.reclaims, c.stockOuts, c.leaders, c.schedulers)
	t.Logf("checked %d times; a gang was bound in part for at most %v before it began", c.steps, c.partly)
}

// TestPlantedViolationIsFound holds the simulation itself to a store that acknowledges what it does not do.
func TestPlantedViolationIsFound(t *testing.T) {
	var c counts
	var wrongs []string
	for seed := uint64(1); len(wrongs) == 0 && seed <= 5; seed++ {
		wrongs = simulate(t, seed, &c, true)
	}
	if len(wrongs) == 0 {
		t.Error("nothing is found to be wrong")
	}
	for _, wrong := range wrongs {
		t.Log(wrong)
	}
}

// cpuTime is what the process has used.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
