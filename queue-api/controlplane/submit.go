// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// SubmitJob stores a job: RUNNABLE, or PENDING if it waits for others. AWS Batch: an array is PENDING until its children
// have ended. A request is checked as a whole before anything is stored.
func (s *Service) SubmitJob(ctx context.Context, call batch.Call, in *awsapi.SubmitJobRequest) (*awsapi.SubmitJobResponse, error) {
	if err := s.checkSubmission(in); err != nil {
		return nil, err
	}
	if t, ok := s.remembered(in); ok {
		out, err := s.submit(ctx, call, in, t)
		if err == nil || !isRefusal(err) {
			return out, err
		}
		// What was remembered may be why: look at what is so now.
	}
	queue, def, err := s.target(ctx, value(in.JobQueue), value(in.JobDefinition))
	if err != nil {
		return nil, err
	}
	return s.submit(ctx, call, in, batch.Target{Queue: queue, Definition: def})
}

// isRefusal reports whether a submission failed for what it is, before anything was stored.
func isRefusal(err error) bool {
	refusal, ok := errors.AsType[*batch.Error](err)
	return ok && refusal.Code == batch.CodeClient || errors.Is(err, batch.ErrConflict)
}

// remembered gives the target of a submission without asking anybody, if it was asked for lately.
func (s *Service) remembered(in *awsapi.SubmitJobRequest) (batch.Target, bool) {
	name, ok := batch.NameFromARN(batch.ARNJobQueue, value(in.JobQueue))
	if !ok {
		return batch.Target{}, false
	}
	ref, err := definitionRef(value(in.JobDefinition))
	if err != nil {
		return batch.Target{}, false
	}
	return s.targets.Remembered(name, ref)
}

// submit checks a submission to a target as a whole and stores it.
func (s *Service) submit(ctx context.Context, call batch.Call, in *awsapi.SubmitJobRequest, t batch.Target) (*awsapi.SubmitJobResponse, error) {
	job, err := s.checked(ctx, call, in, t)
	if err != nil {
		return nil, err
	}
	if job, err = s.store(ctx, t, job); err != nil {
		return nil, err
	}
	return &awsapi.SubmitJobResponse{
		JobArn:  new(call.ARN(batch.ARNJob, job.ID)),
		JobName: &job.Name,
		JobId:   &job.ID,
	}, nil
}

// checked is the record of a submission that may be stored.
func (s *Service) checked(ctx context.Context, call batch.Call, in *awsapi.SubmitJobRequest, t batch.Target) (batch.Job, error) {
	job, err := s.newJob(call, in, &t.Queue, &t.Definition)
	if err != nil {
		return job, err
	}
	if err := s.admit(ctx, call, "SubmitJob", environmentNames(&t.Queue), &t.Definition, job); err != nil {
		return job, err
	}
	if err := s.checkConsumables(ctx, job.Consumables); err != nil {
		return job, err
	}
	return job, s.checkDependencies(ctx, &job)
}

// store keeps a job that passed every check.
func (s *Service) store(ctx context.Context, t batch.Target, job batch.Job) (batch.Job, error) {
	ended, err := s.register(ctx, &job)
	if err != nil {
		return job, err
	}
	if job.IsArray() || len(job.Unmet) > 0 {
		job.Status = batch.StatusPending
	}
	if t.View != "" {
		job, err = s.targets.SubmitSeen(ctx, t, job)
	} else {
		job, err = s.jobs.Submit(ctx, t.Queue.Number, job)
	}
	switch {
	case errors.Is(err, batch.ErrNotFound): // deleted since it was looked up
		return job, noQueue(t.Queue.Name)
	case errors.Is(err, batch.ErrQueueFull):
		return job, batch.Invalidf("JobQueue %s takes no more jobs: %v", t.Queue.Name, err)
	case errors.Is(err, batch.ErrLimit):
		return job, batch.Invalidf("shareIdentifier: JobQueue %s has as many active shares as there may be, which is 500", t.Queue.Name)
	case err != nil:
		return job, err
	}
	return job, s.settle(ctx, ended)
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

// checkOpen checks that the queue takes jobs.
func checkOpen(queue *batch.JobQueue, id string) error {
	switch {
	case queue.Status == batch.ResourceDeleting:
		return noQueue(id)
	case queue.State != batch.Enabled:
		return batch.Invalidf("JobQueue %s is DISABLED and takes no jobs", clip(id))
	}
	return nil
}

// target finds the queue that takes the job and the definition that it runs.
func (s *Service) target(ctx context.Context, queueID, definitionID string) (batch.JobQueue, batch.JobDefinition, error) {
	name, ok := batch.NameFromARN(batch.ARNJobQueue, queueID)
	if !ok {
		return batch.JobQueue{}, batch.JobDefinition{}, noQueue(queueID)
	}
	ref, err := definitionRef(definitionID)
	if err != nil {
		return batch.JobQueue{}, batch.JobDefinition{}, err
	}
	queue, def, err := s.targets.Target(ctx, name, ref)
	switch {
	case errors.Is(err, batch.ErrQueueNotFound):
		err = noQueue(queueID)
	case errors.Is(err, batch.ErrNotFound), err == nil && def.Status != batch.DefinitionActive:
		err = cmp.Or(checkOpen(&queue, queueID), noDefinition(definitionID))
	case err == nil:
		err = checkOpen(&queue, queueID)
	}
	return queue, def, err
}

// newJob makes the record and checks that a pod can be made of it.
func (s *Service) newJob(call batch.Call, in *awsapi.SubmitJobRequest, queue *batch.JobQueue, def *batch.JobDefinition) (batch.Job, error) {
	job := batch.Job{
		Name:            value(in.JobName),
		Queue:           queue.Name,
		Definition:      def.Ref(),
		CreatedAt:       s.now(),
		Parameters:      merged(def.Parameters, in.Parameters),
		Tags:            in.Tags,
		RetryStrategy:   def.RetryStrategy,
		Timeout:         def.Timeout,
		PropagateTags:   def.PropagateTags,
		ShareIdentifier: value(in.ShareIdentifier),
		Status:          batch.StatusRunnable,
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
	if queue.SchedulingPolicy != "" { // AWS Batch: a FIFO queue knows no priorities
		job.SchedulingPriority = value(cmp.Or(in.SchedulingPriorityOverride, def.SchedulingPriority))
	}
	if in.ArrayProperties != nil {
		job.ArraySize = value(in.ArrayProperties.Size)
	}
	if err := checkShare(job.ShareIdentifier, queue); err != nil {
		return job, err
	}
	if err := keepOverrides(&job, in); err != nil {
		return job, err
	}
	if err := s.checkSubmissionSize(in, &job); err != nil {
		return job, err
	}
	return job, s.complete(call, &job, in, queue, def)
}

// keepOverrides keeps the overrides as sent.
func keepOverrides(job *batch.Job, in *awsapi.SubmitJobRequest) error {
	var errs [4]error
	job.ContainerOverrides, errs[0] = rawOf(in.ContainerOverrides)
	job.EKSOverrides, errs[1] = rawOf(in.EksPropertiesOverride)
	if o := in.EcsPropertiesOverride; o != nil && len(o.TaskProperties) > 0 {
		job.ECSOverrides, errs[2] = rawOf(o)
	}
	job.NodeOverrides, errs[3] = rawOf(in.NodeOverrides)
	return errors.Join(errs[:]...)
}

// complete adds what the job's definition says of it, and what others it needs.
func (s *Service) complete(call batch.Call, job *batch.Job, in *awsapi.SubmitJobRequest, queue *batch.JobQueue, def *batch.JobDefinition) (err error) {
	if job.ID, err = newJobID(call, queue.Number); err != nil {
		return fmt.Errorf("make job id: %w", err)
	}
	if job.DependsOn, err = dependenciesOf(in, job.ArraySize); err != nil {
		return err
	}
	found, err := s.shapes.of(def, job)
	if err != nil {
		return err
	}
	if err := s.setNodes(job, found); err != nil {
		return err
	}
	job.Requests = found.requests
	job.Consumables, err = consumablesOf(in, def, job)
	return err
}

// setNodes says of a multi-node job that it is one. AWS Batch: it cannot be an array, too.
func (s *Service) setNodes(job *batch.Job, found shape) error {
	if !found.isMultiNode {
		return nil
	}
	if job.ArraySize > 0 {
		return batch.Invalidf("arrayProperties is not applicable to job definition %s, which is of type multinode", job.Definition)
	}
	job.NumNodes, job.MainNode = found.numNodes, found.mainNode
	return checkRange("nodeOverrides.numNodes", &job.NumNodes, 1, s.cfg.MaxNodes)
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
