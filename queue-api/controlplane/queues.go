// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"cmp"
	"context"
	"errors"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// ReasonQueueHealthy is the statusReason of a queue that takes jobs.
const ReasonQueueHealthy = "JobQueue Healthy"

// CreateJobQueue stores a queue; there is nothing to wait for, so it is VALID at once.
func (s *Service) CreateJobQueue(ctx context.Context, call batch.Call, in *awsapi.CreateJobQueueRequest) (*awsapi.CreateJobQueueResponse, error) {
	if err := checkNewQueue(in); err != nil {
		return nil, err
	}
	queue, err := newQueue(in)
	if err != nil {
		return nil, err
	}
	is, err := s.checkEnvironments(ctx, queue.Environments)
	if err != nil {
		return nil, err
	}
	if want := value(in.JobQueueType); want != "" && want != is {
		return nil, batch.Invalidf("jobQueueType %s does not match the compute environments, which are of type %s", want, is)
	}
	if arn := value(in.SchedulingPolicyArn); arn != "" {
		if queue.SchedulingPolicy, err = s.policy(ctx, "schedulingPolicyArn", arn); err != nil {
			return nil, err
		}
	}
	if queue, err = s.queues.CreateQueue(ctx, queue); err != nil {
		return nil, existsAlready(err)
	}
	return &awsapi.CreateJobQueueResponse{
		JobQueueName: &queue.Name,
		JobQueueArn:  new(call.ARN(batch.ARNJobQueue, queue.Name)),
	}, nil
}

func queueName(q *batch.JobQueue) string { return q.Name }

// DescribeJobQueues gives the queues asked for, or all by name, page by page.
func (s *Service) DescribeJobQueues(ctx context.Context, call batch.Call, in *awsapi.DescribeJobQueuesRequest) (*awsapi.DescribeJobQueuesResponse, error) {
	queues, err := s.queues.Queues(ctx)
	if err != nil {
		return nil, err
	}
	out := &awsapi.DescribeJobQueuesResponse{}
	if len(in.JobQueues) > 0 {
		queues = picked(queues, queueName, batch.ARNJobQueue, in.JobQueues)
	} else if queues, out.NextToken, err = named(queues, queueName, "jobQueues", in.MaxResults, in.NextToken); err != nil {
		return nil, err
	}
	envs, err := s.environmentsByName(ctx)
	if err != nil {
		return nil, err
	}
	out.JobQueues = make([]awsapi.JobQueueDetail, len(queues))
	for i := range queues {
		if out.JobQueues[i], err = queueDetail(call.Scope, &queues[i], envs); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// UpdateJobQueue changes the members given.
func (s *Service) UpdateJobQueue(ctx context.Context, call batch.Call, in *awsapi.UpdateJobQueueRequest) (*awsapi.UpdateJobQueueResponse, error) {
	update, err := s.queueUpdate(ctx, in)
	if err != nil {
		return nil, err
	}
	queue, err := s.changeQueue(ctx, in.JobQueue, func(q *batch.JobQueue) error {
		if q.Status == batch.ResourceDeleting {
			return batch.Invalidf("Cannot update, resource is being deleted")
		}
		return update(q)
	})
	if err != nil {
		return nil, err
	}
	return &awsapi.UpdateJobQueueResponse{
		JobQueueName: &queue.Name,
		JobQueueArn:  new(call.ARN(batch.ARNJobQueue, queue.Name)),
	}, nil
}

// queueUpdate checks a request and gives what it does to the record.
func (s *Service) queueUpdate(ctx context.Context, in *awsapi.UpdateJobQueueRequest) (func(*batch.JobQueue) error, error) {
	if err := checkQueueUpdate(in); err != nil {
		return nil, err
	}
	order, err := environmentOrder(in.ComputeEnvironmentOrder)
	if err != nil {
		return nil, err
	}
	if _, err := s.checkEnvironments(ctx, order); err != nil {
		return nil, err
	}
	actions, err := rawActions(in.JobStateTimeLimitActions)
	if err != nil {
		return nil, err
	}
	policy := ""
	if arn := value(in.SchedulingPolicyArn); arn != "" {
		if policy, err = s.policy(ctx, "schedulingPolicyArn", arn); err != nil {
			return nil, err
		}
	}
	return func(q *batch.JobQueue) error {
		if policy != "" && q.SchedulingPolicy == "" {
			return batch.Invalidf("schedulingPolicyArn cannot be added to job queue %s, which was created without one", q.Name)
		}
		q.SchedulingPolicy = cmp.Or(policy, q.SchedulingPolicy)
		q.State = state(in.State, q.State)
		q.Status, q.StatusReason = batch.ResourceValid, ReasonQueueHealthy
		if in.Priority != nil {
			q.Priority = *in.Priority
		}
		if order != nil {
			q.Environments = order
		}
		if in.JobStateTimeLimitActions != nil {
			q.JobStateTimeLimitActions = actions
		}
		return nil
	}, nil
}

// DeleteJobQueue sets the status DELETING; the leader ends the queue's jobs and removes it.
func (s *Service) DeleteJobQueue(ctx context.Context, _ batch.Call, in *awsapi.DeleteJobQueueRequest) (*awsapi.DeleteJobQueueResponse, error) {
	_, err := s.changeQueue(ctx, in.JobQueue, func(q *batch.JobQueue) error {
		if q.Status == batch.ResourceDeleting {
			return nil
		}
		if q.State != batch.Disabled {
			return batch.Invalidf("Cannot delete, the state of job queue %s must be DISABLED", q.Name)
		}
		q.Status = batch.ResourceDeleting
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &awsapi.DeleteJobQueueResponse{}, nil
}

// changeQueue updates the queue that a name or ARN means.
func (s *Service) changeQueue(ctx context.Context, id *string, change func(*batch.JobQueue) error) (batch.JobQueue, error) {
	name, ok := batch.NameFromARN(batch.ARNJobQueue, value(id))
	if !ok {
		return batch.JobQueue{}, queueGone(value(id))
	}
	queue, err := s.queues.UpdateQueue(ctx, name, change)
	if errors.Is(err, batch.ErrNotFound) {
		return queue, queueGone(value(id))
	}
	return queue, err
}

// queueGone answers updates and deletions, where clients look for "does not exist".
func queueGone(id string) error {
	return batch.Invalidf("JobQueue %s does not exist", clip(id))
}

// checkEnvironments finds every environment of a queue and gives the type that all of them have. AWS Batch: a queue does
// not mix Amazon EKS, Amazon ECS and Fargate.
func (s *Service) checkEnvironments(ctx context.Context, order []batch.EnvironmentOrder) (string, error) {
	kind := ""
	for _, o := range order {
		env, err := s.environments.Environment(ctx, o.Name)
		switch {
		case errors.Is(err, batch.ErrNotFound), err == nil && env.Status == batch.ResourceDeleting:
			return "", noEnvironment(o.Name)
		case err != nil:
			return "", err
		}
		is := environmentType(&env)
		if kind = cmp.Or(kind, is); kind != is {
			return "", batch.Invalidf("computeEnvironmentOrder: compute environments of types %s and %s cannot be in one job queue", kind, is)
		}
	}
	return kind, nil
}

func (s *Service) environmentsByName(ctx context.Context) (map[string]batch.ComputeEnvironment, error) {
	list, err := s.environments.Environments(ctx)
	if err != nil {
		return nil, err
	}
	envs := make(map[string]batch.ComputeEnvironment, len(list))
	for _, e := range list {
		envs[e.Name] = e
	}
	return envs, nil
}
