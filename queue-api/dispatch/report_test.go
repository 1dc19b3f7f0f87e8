// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Contract 6.7: what the autoscaler finds wrong makes an environment INVALID, and VALID again once it is mended.
func TestEnvironmentTakesTheAutoscalersReport(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0).UTC()
	broken := &batch.Report{Status: batch.ResourceInvalid, StatusReason: "CLIENT_ERROR - why", JudgedAt: at}
	mended := &batch.Report{Status: batch.ResourceValid, StatusReason: reasonHealthy, JudgedAt: at.Add(time.Hour), DesiredvCPUs: 8}
	short := &batch.Report{Status: batch.ResourceValid, StatusReason: reasonNoCapacity, JudgedAt: at, ShortAt: at}
	cases := map[string]struct {
		before     batch.ComputeEnvironment
		says       *batch.Report
		wantStatus batch.ResourceStatus
		wantReason string
		wantReport *batch.Report
	}{
		"a fault makes it INVALID":         {batch.ComputeEnvironment{Status: batch.ResourceValid}, broken, batch.ResourceInvalid, broken.StatusReason, broken},
		"a new one may be INVALID at once": {batch.ComputeEnvironment{Status: batch.ResourceCreating}, broken, batch.ResourceInvalid, broken.StatusReason, broken},
		"mended it is VALID":               {batch.ComputeEnvironment{Status: batch.ResourceInvalid, Report: broken}, mended, batch.ResourceValid, reasonHealthy, mended},
		"want of machines is only told":    {batch.ComputeEnvironment{Status: batch.ResourceValid}, short, batch.ResourceValid, reasonNoCapacity, short},
		"silence changes nothing":          {batch.ComputeEnvironment{Status: batch.ResourceInvalid, Report: broken}, nil, batch.ResourceInvalid, broken.StatusReason, broken},
		"an update outdates a fault": {
			batch.ComputeEnvironment{Status: batch.ResourceUpdating, Report: broken, Outdated: at}, broken, batch.ResourceValid, reasonHealthy, broken,
		},
		"outdated is outdated for good": {
			batch.ComputeEnvironment{Status: batch.ResourceValid, Report: broken, Outdated: at}, broken, batch.ResourceValid, reasonHealthy, broken,
		},
		"a fault found after the update counts": {
			batch.ComputeEnvironment{Status: batch.ResourceValid, Report: broken, Outdated: at.Add(-time.Second)}, broken, batch.ResourceInvalid, broken.StatusReason, broken,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			e := tc.before
			e.Name, e.UUID, e.Type, e.State = "e", "u", batch.Managed, batch.Enabled
			if err := b.store.CreateEnvironment(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			for range 2 { // a second round must change nothing
				if err := NewResources(b.store, &oneCluster{report: tc.says}, "jobs", b.clock).environments(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			got, _ := b.store.Environment(t.Context(), "e")
			if got.Status != tc.wantStatus || got.StatusReason != tc.wantReason {
				t.Errorf("got %s %q, want %s %q", got.Status, got.StatusReason, tc.wantStatus, tc.wantReason)
			}
			if diff := cmp.Diff(tc.wantReport, got.Report); diff != "" {
				t.Errorf("report mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// Contract 5.1: an INVALID environment is passed over, and its jobs that have no node yet go elsewhere.
func TestInvalidEnvironmentAdmitsNoJobs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	cluster := &oneCluster{report: &batch.Report{Status: batch.ResourceInvalid, StatusReason: "CLIENT_ERROR - why"}}
	b.environment(t, "ce-a", func(e *batch.ComputeEnvironment) { e.Status, e.Report = batch.ResourceInvalid, cluster.report })
	job := b.submit(t, b.queue(t, "q", 1, "ce-a", "ce-b"), 1000)
	b.round(t)
	if got := b.admittedTo(t, job)[0]; got != "ce-b" {
		t.Errorf("job is in %q", got)
	}
	if err := NewResources(b.store, cluster, "jobs", b.clock).environments(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(cluster.withdrawn) == 0 || cluster.withdrawn[0] != "uuid-0" {
		t.Errorf("withdrawn %v", cluster.withdrawn)
	}
}
