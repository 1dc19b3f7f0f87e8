// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/client"
)

// completeWithin bounds how long a shell waits for names.
const completeWithin = 3 * time.Second

// maxCompleted bounds the names that a shell is given.
const maxCompleted = 100

// names gives what can stand somewhere. What cannot be found out is not completed.
type names func(ctx context.Context, c *client.Client) ([]string, error)

// fixed are names that are always the same.
func fixed(list ...string) names {
	return func(context.Context, *client.Client) ([]string, error) { return list, nil }
}

// completeFlag completes the values of a flag.
func (f *frame) completeFlag(cmd *cobra.Command, flag string, list names) {
	_ = cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) { // only fails for no such flag
		return f.complete(cmd.Context(), list)
	})
}

// completeArgs completes arguments, those that are there already left out.
func (f *frame) completeArgs(cmd *cobra.Command, list names) {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		found, directive := f.complete(cmd.Context(), list)
		kept := found[:0]
		for _, name := range found {
			if id, _, _ := strings.Cut(name, "\t"); !slices.Contains(args, id) {
				kept = append(kept, name)
			}
		}
		return kept, directive
	}
}

func (f *frame) complete(ctx context.Context, list names) ([]string, cobra.ShellCompDirective) {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completeWithin)
	defer cancel()
	c, err := f.connect(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	found, err := list(ctx, c)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

func (*frame) queueNames(ctx context.Context, c *client.Client) (list []string, err error) {
	out, err := client.Do[awsapi.DescribeJobQueuesResponse](ctx, c, "DescribeJobQueues", &awsapi.DescribeJobQueuesRequest{})
	if err != nil {
		return nil, err
	}
	for _, q := range out.JobQueues {
		list = append(list, value(q.JobQueueName))
	}
	return list, nil
}

func (*frame) definitionNames(ctx context.Context, c *client.Client) (list []string, err error) {
	out, err := client.Do[awsapi.DescribeJobDefinitionsResponse](ctx, c, "DescribeJobDefinitions", &awsapi.DescribeJobDefinitionsRequest{Status: new("ACTIVE")})
	if err != nil {
		return nil, err
	}
	for _, d := range out.JobDefinitions {
		if name := value(d.JobDefinitionName); !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list, nil
}

// jobsIn gives ids of the latest jobs in some statuses, of all queues, each with its name.
func (f *frame) jobsIn(statuses ...batch.JobStatus) names {
	return func(ctx context.Context, c *client.Client) (list []string, err error) {
		queues, err := f.queueNames(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, q := range queues {
			for _, status := range statuses {
				out, err := client.Do[awsapi.ListJobsResponse](ctx, c, "ListJobs", &awsapi.ListJobsRequest{
					JobQueue: &q, JobStatus: new(string(status)), MaxResults: new(maxCompleted),
				})
				if err != nil {
					return nil, err
				}
				for _, job := range out.JobSummaryList {
					if list = append(list, value(job.JobId)+"\t"+value(job.JobName)); len(list) == maxCompleted {
						return list, nil
					}
				}
			}
		}
		return list, nil
	}
}
