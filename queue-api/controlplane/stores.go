// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Store is all that a Service keeps.
type Store interface {
	EnvironmentStore
	QueueStore
	DefinitionStore
	TargetStore
	JobStore
	ArrayStore
	DependencyStore
	WaitingStore
	PolicyStore
	ConsumableStore
	ConsumerStore
	RevisionStore
	FrontStore
}

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

// TargetStore finds what a submission names.
type TargetStore interface {
	// Remembered gives what Target gave lately, and asks nobody; ok is false if there is nothing. It may not be so any more:
	// whoever refuses a job for it must ask Target first.
	Remembered(queueName string, ref batch.DefinitionRef) (t batch.Target, ok bool)
	// SubmitSeen is Submit for a job of a remembered target. It fails with batch.ErrConflict, and stores nothing, if anything
	// that Target would give has changed.
	SubmitSeen(ctx context.Context, t batch.Target, job batch.Job) (batch.Job, error)
	// Target gives a queue and a definition as they are now, of the latest ACTIVE revision if ref names none; a named one may
	// be INACTIVE. It fails with batch.ErrQueueNotFound, or with batch.ErrNotFound if there is no such definition. The caller
	// must not change what either points to.
	Target(ctx context.Context, queueName string, ref batch.DefinitionRef) (batch.JobQueue, batch.JobDefinition, error)
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

// ArrayStore keeps the children of array jobs.
type ArrayStore interface {
	// ListChildren gives an array's children in index order, of one status or, if that is empty, of any, from an index on,
	// and the index to go on from, -1 at the end. It fails with batch.ErrNotFound.
	ListChildren(ctx context.Context, parentID string, status batch.JobStatus, from, limit int) (jobs []batch.Job, next int, err error)
	// ChildStatuses has a letter for each child of an array, as in viewapi.StatusLetters. It fails with batch.ErrNotFound.
	ChildStatuses(ctx context.Context, parentID string) (string, error)
}

// DependencyStore remembers who waits for whom.
type DependencyStore interface {
	// AddDependent registers a dependent for the end of a job or child and returns that job as it is now. It fails with
	// batch.ErrNotFound.
	AddDependent(ctx context.Context, on string, dependent batch.Dependent) (batch.Job, error)
	// Settle asks for the consequences of a job's end to be drawn, as when it ended before its dependents were registered.
	Settle(ctx context.Context, id string) error
}

// WaitingStore knows what a waiting job waits behind.
type WaitingStore interface {
	// Positions are the places of jobs and children, as they were read, among those of their share that wait.
	Positions(ctx context.Context, jobs []batch.Job) ([]batch.Place, error)
	// Usage is what the queue's attempts under way hold, in thousandths of a vCPU by environment; absent means none.
	Usage(ctx context.Context, queueNumber int) (map[string]int64, error)
}

// FrontStore knows what is at the front of a queue, by share. A FIFO queue has one share, "".
type FrontStore interface {
	// Live gives the ids of the queue's jobs that have an attempt under way.
	Live(ctx context.Context, queueNumber int) ([]string, error)
	// WaitingShares are the shares with a waiting job, sorted.
	WaitingShares(ctx context.Context, queueNumber int) ([]string, error)
	// WaitingIn gives a share's jobs that wait for admission, in the order in which they will get it. after is empty or what
	// the previous page gave as next, which is empty at the end.
	WaitingIn(ctx context.Context, queueNumber int, share, after string, limit int) (jobs []batch.Job, next string, err error)
	// ShareUsage is what the attempts under way hold by share, in thousandths of a vCPU; absent means none.
	ShareUsage(ctx context.Context, queueNumber int) (map[string]int64, error)
	// Shares are all shares that count as active.
	Shares(ctx context.Context, queueNumber int) ([]string, error)
	// LoadShareLedger gives the fair-share ledger of a queue as the dispatcher last saved it; empty if there is none.
	LoadShareLedger(ctx context.Context, queueNumber int) ([]byte, error)
	// LoadPace gives how fast the queue's jobs were admitted lately, as the dispatcher last saved it; empty if there is none.
	LoadPace(ctx context.Context, queueNumber int) ([]byte, error)
	// WaitingSizes is how many entries wait in each share in which some do, as Positions counts them.
	WaitingSizes(ctx context.Context, queueNumber int) (map[string]int, error)
	// JobsFirst is for how many jobs and children the first so many entries of shares stand: an array stands for all its children that
	// wait and were not tried. What it costs does not depend on how large arrays are.
	JobsFirst(ctx context.Context, queueNumber int, entries map[string]int) (map[string]int, error)
}

// ConsumerStore knows which jobs name which consumable resource.
type ConsumerStore interface {
	// ListConsumers gives the queue's jobs, finished ones too, that name the resource, latest submitted first, and where to
	// go on, empty at the end.
	ListConsumers(ctx context.Context, queueNumber int, resource, after string, limit int) (jobs []batch.Job, next string, err error)
}

// PolicyStore keeps scheduling policies by name; its methods are as those of EnvironmentStore.
type PolicyStore interface {
	CreatePolicy(ctx context.Context, p batch.SchedulingPolicy) error
	Policy(ctx context.Context, name string) (batch.SchedulingPolicy, error)
	Policies(ctx context.Context) ([]batch.SchedulingPolicy, error)
	UpdatePolicy(ctx context.Context, name string, change func(*batch.SchedulingPolicy) error) (batch.SchedulingPolicy, error)
	// DeletePolicy succeeds if the policy is gone already.
	DeletePolicy(ctx context.Context, name string) error
}

// ConsumableStore keeps consumable resources by name; its methods are as those of EnvironmentStore.
type ConsumableStore interface {
	CreateConsumable(ctx context.Context, c batch.ConsumableResource) error
	Consumable(ctx context.Context, name string) (batch.ConsumableResource, error)
	Consumables(ctx context.Context) ([]batch.ConsumableResource, error)
	// UpdateConsumable must not change InUseQuantity.
	UpdateConsumable(ctx context.Context, name string, change func(*batch.ConsumableResource) error) (batch.ConsumableResource, error)
	// DeleteConsumable succeeds if the resource is gone already.
	DeleteConsumable(ctx context.Context, name string) error
}

// RevisionStore changes revisions of job definitions.
type RevisionStore interface {
	// UpdateDefinition changes Tags of a revision, nothing else. It fails with batch.ErrNotFound.
	UpdateDefinition(ctx context.Context, ref batch.DefinitionRef, change func(*batch.JobDefinition) error) (batch.JobDefinition, error)
}
