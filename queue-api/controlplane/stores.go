// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"

	"github.com/muster-batch/muster/queue-api/batch"
)

// EnvironmentStore keeps compute environments by name.
type EnvironmentStore interface {
	// CreateEnvironment fails with batch.ErrExists if the name is taken.
	CreateEnvironment(ctx context.Context, e batch.ComputeEnvironment) error
	// Environment fails with batch.ErrNotFound.
	Environment(ctx context.Context, name string) (batch.ComputeEnvironment, error)
	// Environments are sorted by name.
	Environments(ctx context.Context) ([]batch.ComputeEnvironment, error)
	// UpdateEnvironment is a compare-and-set loop: change may run more than once, its error is returned unchanged.
	UpdateEnvironment(ctx context.Context, name string, change func(*batch.ComputeEnvironment) error) (batch.ComputeEnvironment, error)
}

// QueueStore keeps job queues by name; its methods are as those of EnvironmentStore.
type QueueStore interface {
	// CreateQueue gives the queue its Number.
	CreateQueue(ctx context.Context, q batch.JobQueue) (batch.JobQueue, error)
	Queue(ctx context.Context, name string) (batch.JobQueue, error)
	Queues(ctx context.Context) ([]batch.JobQueue, error)
	UpdateQueue(ctx context.Context, name string, change func(*batch.JobQueue) error) (batch.JobQueue, error)
}

// DefinitionStore keeps revisions of job definitions.
type DefinitionStore interface {
	// RegisterDefinition gives the definition the name's next Revision and makes it ACTIVE.
	RegisterDefinition(ctx context.Context, d batch.JobDefinition) (batch.JobDefinition, error)
	// Definition fails with batch.ErrNotFound; revision 0 asks for the latest ACTIVE one.
	Definition(ctx context.Context, ref batch.DefinitionRef) (batch.JobDefinition, error)
	// DefinitionRevisions are newest first, and none for an unknown name.
	DefinitionRevisions(ctx context.Context, name string) ([]batch.JobDefinition, error)
	// DefinitionNames are sorted.
	DefinitionNames(ctx context.Context) ([]string, error)
	// DeregisterDefinition makes a revision INACTIVE; twice is harmless. It fails with batch.ErrNotFound.
	DeregisterDefinition(ctx context.Context, ref batch.DefinitionRef) error
}

// JobStore keeps jobs.
type JobStore interface {
	// Submit stores the job. A job whose ID is stored already is returned instead. It fails with batch.ErrNotFound once the
	// queue is being deleted.
	Submit(ctx context.Context, queueNumber int, job batch.Job) (batch.Job, error)
	// Jobs come in the order of ids; unknown ones are left out.
	Jobs(ctx context.Context, ids []string) ([]batch.Job, error)
	// ListJobs gives a queue's jobs of one status, latest submitted first, and where to go on, empty at the end.
	ListJobs(ctx context.Context, queueNumber int, status batch.JobStatus, after string, limit int) (jobs []batch.Job, next string, err error)
	// Transition loads the job, steps it and sets it if nobody else did, else loads again. It fails with batch.ErrNotFound.
	Transition(ctx context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error)
}
