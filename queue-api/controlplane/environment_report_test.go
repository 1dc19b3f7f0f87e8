// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"testing"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// report stores what the autoscaler says of the environment ce.
func (f *fixture) report(t *testing.T, r *batch.Report) {
	t.Helper()
	_, err := f.store.UpdateEnvironment(t.Context(), "ce", func(e *batch.ComputeEnvironment) error {
		e.Status, e.StatusReason, e.Report = r.Status, r.StatusReason, r
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// AWS Batch changes desiredvCpus with demand, between minvCpus and maxvCpus.
func TestDescribeShowsWhatTheAutoscalerReports(t *testing.T) {
	t.Parallel()
	for has, want := range map[int]int{0: 2, 3: 3, 5: 4} {
		f := newFixture(t)
		ok(t, f.CreateComputeEnvironment, `{"computeEnvironmentName":"ce","type":"MANAGED","computeResources":{"type":"EC2","minvCpus":2,"maxvCpus":4,"instanceTypes":["c5"]}}`)
		f.report(t, &batch.Report{Status: batch.ResourceInvalid, StatusReason: "CLIENT_ERROR - why", DesiredvCPUs: has})
		d := reply(t, f.DescribeComputeEnvironments, `{}`).ComputeEnvironments[0]
		if *d.ComputeResources.DesiredvCpus != want || *d.Status != "INVALID" || *d.StatusReason != "CLIENT_ERROR - why" {
			t.Errorf("desiredvCpus %d of %d, %s %s", *d.ComputeResources.DesiredvCpus, has, *d.Status, *d.StatusReason)
		}
	}
}

func TestUpdateOutdatesWhatWasWrong(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0).UTC()
	cases := map[string]struct {
		status batch.ResourceStatus
		want   bool
	}{
		"a fault":          {batch.ResourceInvalid, true},
		"not what is well": {batch.ResourceValid, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			ok(t, f.CreateComputeEnvironment, `{"computeEnvironmentName":"ce","type":"MANAGED","computeResources":{"type":"EC2","maxvCpus":4,"instanceTypes":["c5"]}}`)
			r := &batch.Report{Status: tc.status, JudgedAt: at}
			f.report(t, r)
			ok(t, f.UpdateComputeEnvironment, `{"computeEnvironment":"ce","computeResources":{"maxvCpus":8}}`)
			e, err := f.store.Environment(t.Context(), "ce")
			if err != nil || e.IsOutdated(r) != tc.want || e.Status != batch.ResourceUpdating {
				t.Errorf("outdated %t, status %s, %v", e.IsOutdated(r), e.Status, err)
			}
		})
	}
}
