// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

func TestArrayWithAChildThatFails(t *testing.T) {
	t.Parallel()
	s, w := newSite(t, "array", siteConfig{}), newWitness(t)
	id := s.submit(t, shell{
		script: `echo "$AWS_BATCH_JOB_ID: $AWS_BATCH_JOB_ARRAY_INDEX of $AWS_BATCH_JOB_ARRAY_SIZE" >>/host/runs
			exit $((AWS_BATCH_JOB_ARRAY_INDEX == 3 ? 7 : 0))`,
		folder: w.folder, children: 5,
	})
	next := s.submit(t, shell{script: "echo ran >>/host/next", folder: w.folder, dependsOn: []types.JobDependency{after("", id)}})

	job := s.awaitStatus(t, next, long, types.JobStatusFailed)
	wantEnd(t, job, "Dependent Job failed")
	job = s.awaitStatus(t, id, soon, types.JobStatusFailed)
	wantEnd(t, job, "Array Child Job failed")
	wantSummary(t, job, map[string]int32{"SUCCEEDED": 4, "FAILED": 1})
	wantEnd(t, s.awaitStatus(t, id+":3", soon, types.JobStatusFailed), "Essential container in task exited", 7)
	wantEnd(t, s.awaitStatus(t, id+":4", soon, types.JobStatusSucceeded), "Essential container in task exited", 0)

	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprintf("%s:%d: %d of 5", id, i, i))
	}
	got := w.lines(t, "runs")
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the children wrote (-want +got):\n%s", diff)
	}
	if got := w.lines(t, "next"); len(got) > 0 {
		t.Errorf("the dependent job ran: %q", got)
	}
}

// One child after the other, until one fails; and beside them those of an array that follow one by one.
func TestChildrenThatDependOnOneAnother(t *testing.T) {
	t.Parallel()
	s, w := newSite(t, "sequence", siteConfig{}), newWitness(t)
	sequence := s.submit(t, shell{
		script: `i=$AWS_BATCH_JOB_ARRAY_INDEX; echo "$i begins" >>/host/order; sleep 0.5; echo "$i ends" >>/host/order; [ $i -lt 2 ]`,
		folder: w.folder, children: 4, dependsOn: []types.JobDependency{after(types.ArrayJobDependencySequential, "")},
	})
	pairs := s.submit(t, shell{
		script: `echo "$AWS_BATCH_JOB_ARRAY_INDEX follows $(grep -c "$AWS_BATCH_JOB_ARRAY_INDEX ends" /host/order)" >>/host/pairs`,
		folder: w.folder, children: 4, dependsOn: []types.JobDependency{after(types.ArrayJobDependencyNToN, sequence)},
	})

	job := s.awaitStatus(t, sequence, long, types.JobStatusFailed)
	wantSummary(t, job, map[string]int32{"SUCCEEDED": 2, "FAILED": 2})
	wantEnd(t, s.awaitStatus(t, sequence+":2", soon, types.JobStatusFailed), "Essential container in task exited", 1)
	wantEnd(t, s.awaitStatus(t, sequence+":3", soon, types.JobStatusFailed), "Dependent Job failed")
	want := []string{"0 begins", "0 ends", "1 begins", "1 ends", "2 begins", "2 ends"}
	if diff := cmp.Diff(want, w.lines(t, "order")); diff != "" {
		t.Errorf("the order of the children (-want +got):\n%s", diff)
	}

	job = s.awaitStatus(t, pairs, long, types.JobStatusFailed)
	wantSummary(t, job, map[string]int32{"SUCCEEDED": 2, "FAILED": 2})
	wantEnd(t, s.awaitStatus(t, pairs+":2", soon, types.JobStatusFailed), "Dependent Job failed")
	got := w.lines(t, "pairs")
	slices.Sort(got)
	if diff := cmp.Diff([]string{"0 follows 1", "1 follows 1"}, got); diff != "" {
		t.Errorf("what the pairs saw (-want +got):\n%s", diff)
	}
}

// wantSummary checks how many children of an array have which status.
func wantSummary(t *testing.T, job types.JobDetail, want map[string]int32) {
	t.Helper()
	if job.ArrayProperties == nil {
		t.Errorf("job %s is no array", aws.ToString(job.JobId))
		return
	}
	got := maps.Clone(job.ArrayProperties.StatusSummary)
	maps.DeleteFunc(got, func(_ string, n int32) bool { return n == 0 })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statusSummary of job %s (-want +got):\n%s", aws.ToString(job.JobId), diff)
	}
}
