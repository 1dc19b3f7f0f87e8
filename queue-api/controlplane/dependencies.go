// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/muster-batch/muster/queue-api/batch"
)

// checkDependencies finds what the job depends on, before anything is stored. AWS Batch: an array depends N_TO_N on another
// of its own size.
func (s *Service) checkDependencies(ctx context.Context, job *batch.Job) error {
	found, err := s.found(ctx, dependencyIDs(job))
	if err != nil {
		return err
	}
	for i, d := range job.DependsOn {
		path := fmt.Sprintf("dependsOn[%d]", i)
		on, ok := found[d.JobID]
		switch {
		case d.JobID == "":
		case !ok:
			return noDependency(path, d.JobID)
		case d.Type == batch.DependencyNToN && !on.IsArray():
			return batch.Invalidf("%s.jobId: Job %s is not an array job, which type N_TO_N is for", path, d.JobID)
		case d.Type == batch.DependencyNToN && on.ArraySize != job.ArraySize:
			return batch.Invalidf("%s.jobId: array job %s has size %d; type N_TO_N is for arrays of the same size, which is %d", path, d.JobID, on.ArraySize, job.ArraySize)
		}
	}
	return nil
}

// dependencyIDs are the jobs and children that the job names in dependsOn, each once.
func dependencyIDs(job *batch.Job) []string {
	var ids []string
	for _, d := range job.DependsOn {
		if d.JobID != "" && !slices.Contains(ids, d.JobID) {
			ids = append(ids, d.JobID)
		}
	}
	return ids
}

// found gives jobs by id; unknown ones are left out.
func (s *Service) found(ctx context.Context, ids []string) (map[string]*batch.Job, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	jobs, err := s.jobs.Jobs(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*batch.Job, len(jobs))
	for i := range jobs {
		out[jobs[i].ID] = &jobs[i]
	}
	return out, nil
}

// register makes the job a dependent of what it depends on and sets what of it is unmet. ended are the dependencies that
// ended before: nobody will draw the consequences unless asked to, once the job is stored. Registering comes before
// storing, so that no end is missed; a registration without a job is forgotten when the other job ends.
func (s *Service) register(ctx context.Context, job *batch.Job) (ended []string, err error) {
	for i, d := range job.DependsOn {
		if d.JobID == "" {
			continue
		}
		on, err := s.dependencies.AddDependent(ctx, d.JobID, batch.Dependent{ID: job.ID, Type: d.Type})
		if errors.Is(err, batch.ErrNotFound) { // expired since it was found
			return nil, noDependency(fmt.Sprintf("dependsOn[%d]", i), d.JobID)
		}
		if err != nil {
			return nil, err
		}
		if on.Status.IsTerminal() && !slices.Contains(ended, d.JobID) {
			ended = append(ended, d.JobID)
		}
		if d.Type == "" && on.Status != batch.StatusSucceeded {
			job.Unmet = append(job.Unmet, d.JobID)
		}
	}
	return ended, nil
}

// settle has the consequences drawn of jobs that ended before the new one was stored.
func (s *Service) settle(ctx context.Context, ended []string) error {
	for _, id := range ended {
		if err := s.dependencies.Settle(ctx, id); err != nil {
			return err
		}
	}
	return nil
}
