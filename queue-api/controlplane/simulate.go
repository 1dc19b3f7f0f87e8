// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"slices"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
	"github.com/muster-batch/muster/queue-api/podspec"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// SimulateJob says what would become of a submission, which it checks as SubmitJob does. Nothing is stored.
func (s *Service) SimulateJob(ctx context.Context, call batch.Call, in *awsapi.SubmitJobRequest) (*viewapi.Simulation, error) {
	if err := s.checkSubmission(in); err != nil {
		return nil, err
	}
	queue, def, err := s.target(ctx, value(in.JobQueue), value(in.JobDefinition))
	if err != nil {
		return nil, err
	}
	call.Invocation = "" // its id is nobody's
	job, err := s.checked(ctx, call, in, batch.Target{Queue: queue, Definition: def})
	if err != nil {
		return nil, err
	}
	largest, err := largestPod(&def, &job)
	if err != nil {
		return nil, err
	}
	facts, err := s.simulatedFacts(ctx, &job)
	if err != nil {
		return nil, err
	}
	return new(facts.Simulate(largest)), nil
}

// simulatedFacts are those that the job would have: behind all that wait in its share.
func (s *Service) simulatedFacts(ctx context.Context, job *batch.Job) (explain.Facts, error) {
	one := *job // of an array, its first child
	one.ArraySize = 0
	f, err := s.waitingFacts(ctx, &one)
	if err != nil || f.Queue == nil {
		return f, err
	}
	f.Job = job
	sizes, err := s.front.WaitingSizes(ctx, f.Queue.Number)
	if err != nil {
		return f, err
	}
	ahead := sizes[job.ShareIdentifier]
	f.Place = batch.Place{Ahead: ahead, Of: ahead + 1}
	ids := dependencyIDs(job)
	f.Found, err = s.found(ctx, ids)
	f.Unmet = slices.DeleteFunc(ids, func(id string) bool {
		on := f.Found[id]
		return on != nil && on.Status == batch.StatusSucceeded
	})
	return f, err
}

// largestPod is the largest of what the job's pods ask for, amount by amount: a node that holds it holds each of them.
func largestPod(def *batch.JobDefinition, job *batch.Job) (largest batch.Requests, err error) {
	spec, err := podspec.Merge(*def, *job)
	if err != nil {
		return largest, err
	}
	if spec.Nodes == nil {
		return job.Requests, nil
	}
	for i := range job.NumNodes {
		r, err := spec.Node(i).Requests()
		if err != nil {
			return largest, err
		}
		largest.MilliVCPU = max(largest.MilliVCPU, r.MilliVCPU)
		largest.MemoryMiB = max(largest.MemoryMiB, r.MemoryMiB)
		largest.GPU = max(largest.GPU, r.GPU)
	}
	return largest, nil
}
