// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/podspec"
)

// SubmitJob stores a job, RUNNABLE since nothing can hold it back yet. It asks the store three times: for the queue, for
// the definition, and to keep the job.
func (s *Service) SubmitJob(ctx context.Context, call batch.Call, in *awsapi.SubmitJobRequest) (*awsapi.SubmitJobResponse, error) {
	if err := checkSubmission(in); err != nil {
		return nil, err
	}
	queue, err := s.openQueue(ctx, value(in.JobQueue))
	if err != nil {
		return nil, err
	}
	def, err := s.activeDefinition(ctx, value(in.JobDefinition))
	if err != nil {
		return nil, err
	}
	job, err := s.newJob(call, in, &queue, &def)
	if err != nil {
		return nil, err
	}
	job, err = s.jobs.Submit(ctx, queue.Number, job)
	if errors.Is(err, batch.ErrNotFound) { // deleted since it was looked up
		return nil, noQueue(value(in.JobQueue))
	}
	if err != nil {
		return nil, err
	}
	return &awsapi.SubmitJobResponse{
		JobArn:  new(call.ARN(batch.ARNJob, job.ID)),
		JobName: &job.Name,
		JobId:   &job.ID,
	}, nil
}

// newJobID makes the job's id. A retry of the same call by the same caller gets the same one.
func newJobID(call batch.Call, queue int) (string, error) {
	if call.Invocation == "" {
		return batch.NewJobID(queue, nil)
	}
	request := strconv.Itoa(len(call.Principal)) + ":" + call.Principal + call.Invocation
	return batch.DeriveJobID(queue, request), nil
}

// findQueue finds the queue that a name or ARN means.
func (s *Service) findQueue(ctx context.Context, id string) (batch.JobQueue, error) {
	name, ok := batch.NameFromARN(batch.ARNJobQueue, id)
	if !ok {
		return batch.JobQueue{}, noQueue(id)
	}
	queue, err := s.queues.Queue(ctx, name)
	if errors.Is(err, batch.ErrNotFound) {
		return queue, noQueue(id)
	}
	return queue, err
}

func noQueue(id string) error { return batch.Invalidf("JobQueue %s not found.", clip(id)) }

// openQueue finds a queue that takes jobs.
func (s *Service) openQueue(ctx context.Context, id string) (batch.JobQueue, error) {
	queue, err := s.findQueue(ctx, id)
	switch {
	case err != nil:
		return queue, err
	case queue.Status == batch.ResourceDeleting:
		return queue, noQueue(id)
	case queue.State != batch.Enabled:
		return queue, batch.Invalidf("JobQueue %s is DISABLED and takes no jobs", clip(id))
	}
	return queue, nil
}

// newJob makes the record and checks that a pod can be made of it.
func (s *Service) newJob(call batch.Call, in *awsapi.SubmitJobRequest, queue *batch.JobQueue, def *batch.JobDefinition) (batch.Job, error) {
	job := batch.Job{
		Name:          value(in.JobName),
		Queue:         queue.Name,
		Definition:    def.Ref(),
		CreatedAt:     s.now(),
		Parameters:    merged(def.Parameters, in.Parameters),
		Tags:          in.Tags,
		RetryStrategy: def.RetryStrategy,
		Timeout:       def.Timeout,
		PropagateTags: def.PropagateTags,
		Status:        batch.StatusRunnable,
	}
	if in.RetryStrategy != nil {
		job.RetryStrategy = retryFrom(in.RetryStrategy)
	}
	if d := timeout(in.Timeout); d != 0 {
		job.Timeout = d
	}
	if in.PropagateTags != nil {
		job.PropagateTags = in.PropagateTags
	}
	var err error
	if job.ContainerOverrides, err = rawOf(in.ContainerOverrides); err != nil {
		return job, err
	}
	if job.EKSOverrides, err = rawOf(in.EksPropertiesOverride); err != nil {
		return job, err
	}
	if err = s.checkSubmissionSize(in, &job); err != nil {
		return job, err
	}
	if job.ID, err = newJobID(call, queue.Number); err != nil {
		return job, fmt.Errorf("make job id: %w", err)
	}
	job.Requests, err = requests(def, &job)
	return job, err
}

// requests merges the job with its definition and gives what it asks for.
func requests(def *batch.JobDefinition, job *batch.Job) (batch.Requests, error) {
	spec, err := podspec.Merge(*def, *job)
	if err != nil {
		return batch.Requests{}, err
	}
	return spec.Requests()
}

// merged gives the entries of both; those of over win.
func merged(under, over map[string]string) map[string]string {
	if len(under) == 0 {
		return over
	}
	if len(over) == 0 {
		return under
	}
	out := maps.Clone(under)
	maps.Copy(out, over)
	return out
}
