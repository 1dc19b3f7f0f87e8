// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// maxTags is AWS Batch's bound for one resource.
const maxTags = 50

// ListTagsForResource gives the tags of whatever the ARN names.
func (s *Service) ListTagsForResource(ctx context.Context, _ batch.Call, in *awsapi.ListTagsForResourceRequest) (*awsapi.ListTagsForResourceResponse, error) {
	arn := value(in.ResourceArn)
	records, name, err := s.taggable(arn)
	if err != nil {
		return nil, err
	}
	tags, err := records.read(ctx, name)
	if err != nil {
		return nil, notTagged(arn, err)
	}
	return &awsapi.ListTagsForResourceResponse{Tags: orEmptyMap(tags)}, nil
}

// TagResource adds tags and replaces the values of those that are there.
func (s *Service) TagResource(ctx context.Context, _ batch.Call, in *awsapi.TagResourceRequest) (*awsapi.TagResourceResponse, error) {
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	if _, isQueue := batch.NameFromARN(batch.ARNJobQueue, value(in.ResourceArn)); isQueue {
		if err := checkPause(in.Tags); err != nil {
			return nil, err
		}
	}
	err := s.changeTags(ctx, value(in.ResourceArn), func(tags map[string]string) error {
		maps.Copy(tags, in.Tags)
		if len(tags) > maxTags {
			return batch.Invalidf("tags: a resource must have at most %d tags", maxTags)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &awsapi.TagResourceResponse{}, nil
}

// UntagResource removes tags; those that are not there are no error.
func (s *Service) UntagResource(ctx context.Context, _ batch.Call, in *awsapi.UntagResourceRequest) (*awsapi.UntagResourceResponse, error) {
	err := s.changeTags(ctx, value(in.ResourceArn), func(tags map[string]string) error {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &awsapi.UntagResourceResponse{}, nil
}

// changeTags changes the tags of the resource that an ARN names. change gets a map of its own, and may run more than once.
func (s *Service) changeTags(ctx context.Context, arn string, change func(map[string]string) error) error {
	records, name, err := s.taggable(arn)
	if err != nil {
		return err
	}
	if err := records.change(ctx, name, change); err != nil {
		return notTagged(arn, err)
	}
	return nil
}

func notTagged(arn string, err error) error {
	if errors.Is(err, batch.ErrNotFound) {
		return batch.Invalidf("Resource %s does not exist", clip(arn))
	}
	return err
}

// taggable finds the kind of record that an ARN names, and its name among them. AWS Batch: compute environments, job
// queues, revisions of job definitions, jobs, scheduling policies and consumable resources have tags.
func (s *Service) taggable(arn string) (taggable, string, error) {
	if !strings.HasPrefix(arn, "arn:") {
		return nil, "", batch.Invalidf("resourceArn must be an ARN, not %s", clip(arn))
	}
	kinds := map[string]taggable{
		batch.ARNComputeEnvironment: tagged[batch.ComputeEnvironment]{
			s.environments.Environment, s.environments.UpdateEnvironment, func(e *batch.ComputeEnvironment) *map[string]string { return &e.Tags },
		},
		batch.ARNJobQueue: tagged[batch.JobQueue]{
			s.queues.Queue, s.queues.UpdateQueue, func(q *batch.JobQueue) *map[string]string { return &q.Tags },
		},
		batch.ARNJobDefinition: tagged[batch.JobDefinition]{
			s.revision, s.updateRevision, func(d *batch.JobDefinition) *map[string]string { return &d.Tags },
		},
		batch.ARNJob: tagged[batch.Job]{
			s.wholeJob, s.updateWholeJob, func(j *batch.Job) *map[string]string { return &j.Tags },
		},
		batch.ARNSchedulingPolicy: tagged[batch.SchedulingPolicy]{
			s.policies.Policy, s.policies.UpdatePolicy, func(p *batch.SchedulingPolicy) *map[string]string { return &p.Tags },
		},
		batch.ARNConsumableResource: tagged[batch.ConsumableResource]{
			s.consumables.Consumable, s.consumables.UpdateConsumable, func(c *batch.ConsumableResource) *map[string]string { return &c.Tags },
		},
	}
	for kind, records := range kinds {
		if name, ok := batch.NameFromARN(kind, arn); ok {
			return records, name, nil
		}
	}
	return nil, "", batch.Invalidf("resourceArn %s cannot be tagged", clip(arn))
}

// taggable is a kind of record that has tags. Its methods fail with batch.ErrNotFound.
type taggable interface {
	read(ctx context.Context, name string) (map[string]string, error)
	change(ctx context.Context, name string, change func(map[string]string) error) error
}

// tagged is a kind of record: how it is loaded and updated by name, and where its tags are.
type tagged[T any] struct {
	load   func(context.Context, string) (T, error)
	update func(context.Context, string, func(*T) error) (T, error)
	tags   func(*T) *map[string]string
}

func (t tagged[T]) read(ctx context.Context, name string) (map[string]string, error) {
	record, err := t.load(ctx, name)
	return *t.tags(&record), err
}

func (t tagged[T]) change(ctx context.Context, name string, change func(map[string]string) error) error {
	_, err := t.update(ctx, name, func(record *T) error {
		tags := t.tags(record)
		*tags = orEmptyMap(maps.Clone(*tags))
		return change(*tags)
	})
	return err
}

// revision and updateRevision find a job definition by name:revision. AWS Batch: each revision has tags of its own.
func (s *Service) revision(ctx context.Context, name string) (batch.JobDefinition, error) {
	ref, err := revisionRef(name)
	if err != nil {
		return batch.JobDefinition{}, err
	}
	return s.definitions.Definition(ctx, ref)
}

func (s *Service) updateRevision(ctx context.Context, name string, change func(*batch.JobDefinition) error) (batch.JobDefinition, error) {
	ref, err := revisionRef(name)
	if err != nil {
		return batch.JobDefinition{}, err
	}
	return s.revisions.UpdateDefinition(ctx, ref, change)
}

func revisionRef(name string) (batch.DefinitionRef, error) {
	ref, err := batch.ParseDefinitionRef(name)
	if err != nil || ref.Revision == 0 {
		return ref, batch.Invalidf("resourceArn must name a revision of job definition %s: %[1]s:<revision>", clip(ref.Name))
	}
	return ref, nil
}

// wholeJob and updateWholeJob find a job, finished or not, that is no child. AWS Batch: children of an array and nodes
// have no tags of their own.
func (s *Service) wholeJob(ctx context.Context, id string) (batch.Job, error) {
	if err := checkWholeJob(id); err != nil {
		return batch.Job{}, err
	}
	jobs, err := s.jobs.Jobs(ctx, []string{id})
	if err == nil && len(jobs) == 0 {
		err = batch.ErrNotFound
	}
	if err != nil {
		return batch.Job{}, err
	}
	return jobs[0], nil
}

func (s *Service) updateWholeJob(ctx context.Context, id string, change func(*batch.Job) error) (batch.Job, error) {
	if err := checkWholeJob(id); err != nil {
		return batch.Job{}, err
	}
	return s.jobs.Transition(ctx, id, func(job batch.Job) (batch.Job, error) {
		err := change(&job)
		return job, err
	})
}

func checkWholeJob(id string) error {
	ref, err := batch.ParseJobID(id)
	switch {
	case err != nil:
		return batch.ErrNotFound
	case ref.Child >= 0 || ref.Node >= 0:
		return batch.Invalidf("resourceArn: child jobs cannot be tagged")
	}
	return nil
}
