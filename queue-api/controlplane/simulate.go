// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
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
	facts, err := s.simulatedFacts(ctx, &job)
	if err != nil {
		return nil, err
	}
	ask, err := s.asks(ctx, &def, &job, facts.Environments)
	if err != nil {
		return nil, err
	}
	return new(facts.Simulate(&ask)), nil
}

// asks is what the job's pods would ask of the nodes of each environment.
func (s *Service) asks(ctx context.Context, def *batch.JobDefinition, job *batch.Job, environments []explain.Environment) (ask explain.Ask, err error) {
	if ask.Largest, err = largestPod(def, job); err != nil {
		return ask, err
	}
	ask.Pods, ask.Nodes = map[string][]*corev1.Pod{}, map[string][]explain.Node{}
	one := *job // of an array, any child
	one.ArraySize = 0
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	for _, e := range environments {
		pods, err := podspec.Pods(podspec.Input{Job: one, Definition: *def, Environment: *e.ComputeEnvironment, Attempt: 1}, s.cfg.Pod)
		if err != nil {
			return ask, err
		}
		ask.Pods[e.Name] = ofEachShape(pods)
		if e.Type != batch.Unmanaged || s.cfg.Nodes == nil {
			continue
		}
		nodes, err := s.cfg.Nodes.NodesOf(ctx, e.UUID)
		if err != nil {
			klog.FromContext(ctx).V(2).Info("Nodes are not known", "computeEnvironment", e.Name, "err", err)
			continue
		}
		ask.Nodes[e.Name] = nodes
	}
	return ask, nil
}

// ofEachShape leaves of pods that ask for the same one.
func ofEachShape(pods []*corev1.Pod) []*corev1.Pod {
	seen := map[string]bool{}
	return slices.DeleteFunc(pods, func(p *corev1.Pod) bool {
		shape := p.Labels[batchmeta.Shape]
		isThere := seen[shape]
		seen[shape] = true
		return isThere
	})
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
	if err := s.countAhead(ctx, &f); err != nil {
		return f, err
	}
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
