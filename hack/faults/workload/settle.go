// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/muster-batch/muster/hack/faults/check"
	core "github.com/muster-batch/muster/queue-api/batch"
)

// preempted is the reason of an attempt that ended for work of higher rank.
const preempted = "Job attempt preempted by work of higher priority"

// describedAtOnce is how many jobs one call describes.
const describedAtOnce = 100

// Settle waits until every job has ended. When ctx ends before, it says which have not.
func (u *Users) Settle(ctx context.Context) error {
	submits, _ := u.Submits()
	var open []string
	for i := range submits {
		open = append(open, submits[i].ID())
	}
	for {
		jobs, err := u.Describe(ctx, open)
		if err == nil {
			open = slices.DeleteFunc(open, func(id string) bool { return jobs[id].Status.IsTerminal() })
			if len(open) == 0 {
				return nil
			}
		}
		if !pause(ctx, patience) {
			return fmt.Errorf("%d jobs have not ended, as %s", len(open), open[0])
		}
	}
}

// Describe asks about jobs, again and again until it is answered.
func (u *Users) Describe(ctx context.Context, ids []string) (map[string]check.Job, error) {
	out := map[string]check.Job{}
	for page := range slices.Chunk(ids, describedAtOnce) {
		err := insist(ctx, func(ctx context.Context) error {
			said, err := u.api.DescribeJobs(ctx, &batch.DescribeJobsInput{Jobs: page})
			if err != nil {
				return err
			}
			for i := range said.Jobs {
				out[aws.ToString(said.Jobs[i].JobId)] = jobOf(&said.Jobs[i])
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func jobOf(d *types.JobDetail) check.Job {
	job := check.Job{Status: core.JobStatus(d.Status), Reason: aws.ToString(d.StatusReason)}
	for _, a := range d.Attempts {
		o := check.Outcome{Reason: aws.ToString(a.StatusReason)}
		isLate := aws.ToInt64(a.StartedAt) == 0 && strings.HasPrefix(o.Reason, "Host EC2") // bound to a node that had been given up
		o.Uncounted = isLate || o.Reason == preempted
		if a.Container != nil && a.Container.ExitCode != nil {
			o.ExitCode = new(int(*a.Container.ExitCode))
		}
		job.Attempts = append(job.Attempts, o)
	}
	if d.ArrayProperties != nil && d.ArrayProperties.Index == nil {
		job.Summary = map[core.JobStatus]int{}
		for status, n := range d.ArrayProperties.StatusSummary {
			job.Summary[core.JobStatus(status)] = int(n)
		}
	}
	return job
}
