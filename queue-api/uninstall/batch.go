// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"context"
	"errors"
	"slices"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// API calls an operation of the Batch API by its name: a client.Client.
type API interface {
	Call(ctx context.Context, operation string, in, out any) error
}

// Cluster is the one that is to be left, where there are several. The zero value has all environments.
type Cluster struct {
	Name string // or ARN, as environments name it in eksClusterArn
	// IsHome is set for the cluster that queue-api is in: environments that name none are in it.
	IsHome bool
}

func (c Cluster) has(e *awsapi.ComputeEnvironmentDetail) bool {
	if c.Name == "" {
		return true
	}
	if e.EksConfiguration == nil {
		return c.IsHome
	}
	return batch.IsCluster(c.Name, value(e.EksConfiguration.EksClusterArn))
}

// unfinished are the statuses of jobs that have not ended.
var unfinished = [...]batch.JobStatus{
	batch.StatusSubmitted, batch.StatusPending, batch.StatusRunnable, batch.StatusStarting, batch.StatusRunning,
}

// remains is what the Batch API still has of the cluster.
type remains struct {
	queues, environments int
	// waits are the queues whose jobs are waited for.
	waits []string
}

func (r remains) none() bool { return r.queues == 0 && r.environments == 0 }

// leave looks at all queues and environments once and brings each one step nearer to its end.
func (u *Uninstaller) leave(ctx context.Context) (remains, error) {
	environments, err := u.environments(ctx)
	if err != nil {
		return remains{}, err
	}
	queues, err := u.queues(ctx)
	if err != nil {
		return remains{}, err
	}
	mine := map[string]bool{} // names
	for i := range environments {
		if u.cfg.Cluster.has(&environments[i]) {
			mine[value(environments[i].ComputeEnvironmentName)] = true
		}
	}
	var left remains
	var errs []error
	used := map[string]bool{}
	for i := range queues {
		q := &queues[i]
		for _, name := range orderOf(q) {
			used[name] = true
		}
		if !u.concerns(q, mine) {
			continue
		}
		left.queues++
		waits, err := u.leaveQueue(ctx, q, mine)
		if waits {
			left.waits = append(left.waits, value(q.JobQueueName))
		}
		errs = append(errs, err)
	}
	for i := range environments {
		if name := value(environments[i].ComputeEnvironmentName); mine[name] {
			left.environments++
			errs = append(errs, u.leaveEnvironment(ctx, &environments[i], used[name]))
		}
	}
	return left, errors.Join(errs...)
}

// concerns reports whether a queue has to change: of a whole installation every one, of one cluster those that use it.
func (u *Uninstaller) concerns(q *awsapi.JobQueueDetail, mine map[string]bool) bool {
	return u.cfg.Cluster.Name == "" || slices.ContainsFunc(orderOf(q), func(name string) bool { return mine[name] })
}

// leaveQueue disables a queue and then deletes it, once its jobs have ended if they are to be waited for. A queue that has
// environments elsewhere keeps those.
func (u *Uninstaller) leaveQueue(ctx context.Context, q *awsapi.JobQueueDetail, mine map[string]bool) (waits bool, err error) {
	elsewhere := slices.DeleteFunc(slices.Clone(q.ComputeEnvironmentOrder), func(o awsapi.ComputeEnvironmentOrder) bool {
		return mine[nameOf(o.ComputeEnvironment)]
	})
	switch {
	case value(q.Status) == string(batch.ResourceDeleting):
		return false, nil
	case u.cfg.Cluster.Name != "" && len(elsewhere) > 0:
		return false, u.call(ctx, "UpdateJobQueue", &awsapi.UpdateJobQueueRequest{JobQueue: q.JobQueueName, ComputeEnvironmentOrder: elsewhere})
	case value(q.State) != string(batch.Disabled):
		return false, u.call(ctx, "UpdateJobQueue", &awsapi.UpdateJobQueueRequest{JobQueue: q.JobQueueName, State: new(string(batch.Disabled))})
	}
	if u.cfg.Jobs == Wait {
		if waits, err = u.hasJobs(ctx, q.JobQueueName); waits || err != nil {
			return waits, err
		}
	}
	return false, u.call(ctx, "DeleteJobQueue", &awsapi.DeleteJobQueueRequest{JobQueue: q.JobQueueName})
}

// hasJobs reports whether a queue has a job that has not ended.
func (u *Uninstaller) hasJobs(ctx context.Context, queue *string) (bool, error) {
	for _, status := range unfinished {
		var out awsapi.ListJobsResponse
		in := &awsapi.ListJobsRequest{JobQueue: queue, JobStatus: new(string(status)), MaxResults: new(1)}
		if err := u.cfg.API.Call(ctx, "ListJobs", in, &out); err != nil || len(out.JobSummaryList) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// leaveEnvironment disables an environment and then deletes it. While a queue uses it, it cannot be.
func (u *Uninstaller) leaveEnvironment(ctx context.Context, e *awsapi.ComputeEnvironmentDetail, used bool) error {
	name := e.ComputeEnvironmentName
	switch {
	case used, value(e.Status) == string(batch.ResourceDeleting):
		return nil
	case value(e.State) != string(batch.Disabled):
		return u.call(ctx, "UpdateComputeEnvironment", &awsapi.UpdateComputeEnvironmentRequest{ComputeEnvironment: name, State: new(string(batch.Disabled))})
	}
	return u.call(ctx, "DeleteComputeEnvironment", &awsapi.DeleteComputeEnvironmentRequest{ComputeEnvironment: name})
}

// call calls an operation whose answer says nothing.
func (u *Uninstaller) call(ctx context.Context, operation string, in any) error {
	return u.cfg.API.Call(ctx, operation, in, nil)
}

func (u *Uninstaller) environments(ctx context.Context) (all []awsapi.ComputeEnvironmentDetail, err error) {
	for token := (*string)(nil); ; {
		var out awsapi.DescribeComputeEnvironmentsResponse
		if err := u.cfg.API.Call(ctx, "DescribeComputeEnvironments", &awsapi.DescribeComputeEnvironmentsRequest{NextToken: token}, &out); err != nil {
			return nil, err
		}
		all = append(all, out.ComputeEnvironments...)
		if token = out.NextToken; value(token) == "" {
			return all, nil
		}
	}
}

func (u *Uninstaller) queues(ctx context.Context) (all []awsapi.JobQueueDetail, err error) {
	for token := (*string)(nil); ; {
		var out awsapi.DescribeJobQueuesResponse
		if err := u.cfg.API.Call(ctx, "DescribeJobQueues", &awsapi.DescribeJobQueuesRequest{NextToken: token}, &out); err != nil {
			return nil, err
		}
		all = append(all, out.JobQueues...)
		if token = out.NextToken; value(token) == "" {
			return all, nil
		}
	}
}

// orderOf are the names of a queue's environments.
func orderOf(q *awsapi.JobQueueDetail) []string {
	names := make([]string, len(q.ComputeEnvironmentOrder))
	for i, o := range q.ComputeEnvironmentOrder {
		names[i] = nameOf(o.ComputeEnvironment)
	}
	return names
}

// nameOf is the name of an environment that may be given by its ARN.
func nameOf(environment *string) string {
	name, ok := batch.NameFromARN(batch.ARNComputeEnvironment, value(environment))
	if !ok {
		return value(environment)
	}
	return name
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
