// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Store is everything that the parts of queue-api ask of a store; each part declares the few methods it needs.
// Every method may fail with an error of the store's own when it cannot be reached; nothing is half done then.
type Store interface {
	ArrayStore
	DependencyStore
	ShareStore
	PolicyStore
	ConsumableStore
	OutboxStore
	HistoryStore
	SpendingStore
	TagStore
	TargetStore
	RetentionStore
	RecoveryStore

	// CreateEnvironment fails with batch.ErrExists if the name is taken.
	CreateEnvironment(ctx context.Context, e batch.ComputeEnvironment) error
	// Environment fails with batch.ErrNotFound.
	Environment(ctx context.Context, name string) (batch.ComputeEnvironment, error)
	// Environments are sorted by name.
	Environments(ctx context.Context) ([]batch.ComputeEnvironment, error)
	// UpdateEnvironment is a compare-and-set loop: change may run more than once, its error is returned unchanged.
	UpdateEnvironment(ctx context.Context, name string, change func(*batch.ComputeEnvironment) error) (batch.ComputeEnvironment, error)
	// DeleteEnvironment succeeds if the environment is gone already.
	DeleteEnvironment(ctx context.Context, name string) error

	// CreateQueue gives the queue its Number, never given before. It fails with batch.ErrExists if the name is taken.
	CreateQueue(ctx context.Context, q batch.JobQueue) (batch.JobQueue, error)
	Queue(ctx context.Context, name string) (batch.JobQueue, error)
	Queues(ctx context.Context) ([]batch.JobQueue, error)
	UpdateQueue(ctx context.Context, name string, change func(*batch.JobQueue) error) (batch.JobQueue, error)
	// CloseQueue makes every later Submit to the queue fail with batch.ErrNotFound.
	CloseQueue(ctx context.Context, number int) error
	// DeleteQueue forgets the queue; its finished jobs stay readable for their retention.
	DeleteQueue(ctx context.Context, name string) error

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

	// Submit stores the job; its ID carries the queue's number. A job whose ID is stored already is left alone, and what is
	// stored is returned: so a repeated request changes nothing. It fails with batch.ErrNotFound if the queue was closed.
	Submit(ctx context.Context, queueNumber int, job batch.Job) (batch.Job, error)
	// Job fails with batch.ErrNotFound.
	Job(ctx context.Context, id string) (batch.Job, error)
	// Jobs come in the order of ids; unknown ones are left out.
	Jobs(ctx context.Context, ids []string) ([]batch.Job, error)
	// ListJobs gives a queue's jobs of one status, latest submitted first, and a token for the next page, empty at the end.
	ListJobs(ctx context.Context, queueNumber int, status batch.JobStatus, after string, limit int) ([]batch.Job, string, error)
	// Transition loads the job, steps it and sets it if nobody else did, else loads again; the job's indexes, its queue's
	// usage and the event change with it. A step that returns its job unchanged writes nothing; its error is returned unchanged.
	Transition(ctx context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error)

	// Live gives the ids of the queue's jobs that have an attempt under way.
	Live(ctx context.Context, queueNumber int) ([]string, error)
	// Usage is what the queue's attempts under way hold, in thousandths of a vCPU by environment; absent means none.
	Usage(ctx context.Context, queueNumber int) (map[string]int64, error)
}
