// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// settleGrace is how old a job is before its dependencies are looked at: its submission registers it, stores it, and then has
// the consequences drawn of what had ended.
const settleGrace = time.Minute

// auditDependents sees to it that what jobs wait for knows of them, and that they are told of what has ended.
func (a *auditor) auditDependents(ctx context.Context, jobs []audited) error {
	for i := range jobs {
		job := &jobs[i].Job
		if job.Status != batch.StatusPending || job.IsChild() || a.clock.Since(job.CreatedAt) < settleGrace {
			continue
		}
		for _, d := range job.DependsOn {
			if d.JobID == "" || d.Type == "" && !slices.Contains(job.Unmet, d.JobID) {
				continue
			}
			if err := a.auditDependent(ctx, job, d); err != nil {
				return fmt.Errorf("audit dependency of job %s: %w", job.ID, err)
			}
		}
	}
	return nil
}

func (a *auditor) auditDependent(ctx context.Context, job *batch.Job, d batch.Dependency) error {
	at, err := locate(d.JobID)
	if err != nil {
		return nil //nolint:nilerr // nobody waits for what is no job; package release says so
	}
	key, entry := at.dependents(at.id.job()), dependentEntry(at.id, batch.Dependent{ID: job.ID, Type: d.Type})
	_, err = a.client.ZScore(ctx, key, entry).Result()
	isRegistered := err == nil
	if err != nil && !errors.Is(err, redis.Nil) {
		return a.unreadable(key, err)
	}
	on, err := a.Job(ctx, d.JobID)
	if errors.Is(err, batch.ErrNotFound) {
		return nil // package release fails the job for it
	}
	switch {
	case err != nil:
		return err
	case !on.Status.IsTerminal() && !isRegistered:
		return a.register(ctx, job, d, key)
	case on.Status.IsTerminal() && d.Type == "":
		return a.settle(ctx, job, d)
	default:
		return nil
	}
}

// register makes a job known to what it waits for, as its submission did.
func (a *auditor) register(ctx context.Context, job *batch.Job, d batch.Dependency, key string) error {
	if a.repair {
		on, err := a.AddDependent(ctx, d.JobID, batch.Dependent{ID: job.ID, Type: d.Type})
		if err == nil && on.Status.IsTerminal() {
			err = a.Settle(ctx, d.JobID)
		}
		if err != nil && !errors.Is(err, batch.ErrNotFound) {
			return err
		}
	}
	a.report(batch.Finding{
		Check: batch.CheckDependents, Key: key, Job: job.ID, Detail: "what it waits for does not know of it", Mendable: true, Mended: a.repair,
	})
	return nil
}

// settle has the end of a job told that nobody is about to tell.
func (a *auditor) settle(ctx context.Context, job *batch.Job, d batch.Dependency) error {
	at, err := locate(d.JobID)
	if err != nil {
		return err
	}
	_, err = a.client.ZScore(ctx, at.settled(), string(at.id)).Result()
	if !errors.Is(err, redis.Nil) {
		return a.unreadable(at.settled(), err)
	}
	// The mark goes after the job was told: only one that waits still was not.
	now, err := a.Job(ctx, job.ID)
	if err != nil || now.Status != batch.StatusPending || !slices.Contains(now.Unmet, d.JobID) {
		return ignoreNotFound(err)
	}
	if a.repair {
		if err := a.Settle(ctx, d.JobID); err != nil {
			return err
		}
	}
	a.report(batch.Finding{
		Check: batch.CheckDependents, Key: at.settled(), Job: job.ID, Detail: "it was not told of the end of " + d.JobID, Mendable: true, Mended: a.repair,
	})
	return nil
}

func ignoreNotFound(err error) error {
	if errors.Is(err, batch.ErrNotFound) {
		return nil
	}
	return err
}
