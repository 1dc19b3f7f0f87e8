// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"

	"github.com/muster-batch/muster/queue-api/batch"
)

// ArrayStore keeps arrays: a parent that is stored whole, and children that cost a byte each until they are admitted.
// Submit takes the parent, PENDING. Job, Jobs and Transition take child ids ("id:index"), too: a child without a record of
// its own is made from its parent (batch.Job.Child) and gets one with its first transition. A child's transition keeps the
// parent's Children in step; what a step leaves in Children is ignored. A parent whose transition sets Rest fails, in the
// same step, every child that has no record; one whose Unmet becomes empty makes them RUNNABLE, unless they wait one by one
// (HasOwnDependencies). ListJobs gives arrays, not their children.
type ArrayStore interface {
	// ListChildren gives an array's children in index order, of one status or, if that is empty, of any, from an index on,
	// and the index to go on from, -1 at the end. It fails with batch.ErrNotFound.
	ListChildren(ctx context.Context, parentID string, status batch.JobStatus, from, limit int) (jobs []batch.Job, next int, err error)
	// ChildStatuses has a letter for each child of an array, in index order: S SUBMITTED, P PENDING, R RUNNABLE, T STARTING,
	// U RUNNING, D SUCCEEDED, F FAILED. It fails with batch.ErrNotFound.
	ChildStatuses(ctx context.Context, parentID string) (string, error)
}

// DependencyStore remembers who waits for whom, and whose end has consequences that were not drawn yet.
//
// Registering comes first: AddDependent for every dependency, then Submit. A transition marks its job or child settled
//   - when it ends, if anybody is registered for it, or for its parent with N_TO_N, if it is a child of an array with
//     HasOwnDependencies, or if it is the last child of its array to end;
//   - when it, or its attempt under way (Current), ends and it has Consumables;
//   - when it is an array whose Stop or Rest is set or changed, or one with HasOwnDependencies whose Unmet becomes empty.
//
// A transition that sets Rest also marks each child that fails with it and has somebody registered for it. Submit marks an
// array with HasOwnDependencies. Whoever draws the consequences (package release) calls Unsettle when done. All of it is
// idempotent.
type DependencyStore interface {
	// AddDependent registers a dependent for the end of a job or child and returns that job as it is now. It fails with
	// batch.ErrNotFound.
	AddDependent(ctx context.Context, on string, dependent batch.Dependent) (batch.Job, error)
	// Dependents are sorted; none for an unknown job.
	Dependents(ctx context.Context, on string) ([]batch.Dependent, error)
	// RemoveDependent forgets one; it succeeds if it was not there.
	RemoveDependent(ctx context.Context, on string, dependent batch.Dependent) error
	// Settled gives the ids that are marked, of jobs and of children, from after a mark (0 for the first) on, oldest first.
	// Marking an id again gives it a later mark.
	Settled(ctx context.Context, queueNumber int, after int64, limit int) ([]batch.Settled, error)
	// Settle marks an id by hand, as when a dependency turns out to have ended before it was registered. An id that no queue
	// can have is batch.ErrNotFound.
	Settle(ctx context.Context, id string) error
	// Unsettle forgets a mark, unless the id was marked again since.
	Unsettle(ctx context.Context, mark batch.Settled) error
}

// ShareStore keeps what waits in a queue by share. A FIFO queue has one share, "".
type ShareStore interface {
	// WaitingShares are the shares with a waiting job, sorted.
	WaitingShares(ctx context.Context, queueNumber int) ([]string, error)
	// WaitingIn gives a share's jobs that wait for admission: by scheduling priority, higher first (a FIFO queue's jobs all
	// have the same), then retried ones, then by submission; children of an array stand at its place in index order.
	// after is empty or what the previous page gave as next, which is empty at the end.
	WaitingIn(ctx context.Context, queueNumber int, share, after string, limit int) (jobs []batch.Job, next string, err error)
	// WaitingFirst gives the first page of each of several shares at once.
	WaitingFirst(ctx context.Context, queueNumber int, shares []string, limit int) ([]batch.Page, error)
	// Position is how many entries of its share are before a waiting job or child, and how many the share has. The children
	// of an array are one entry together, except those that are retried: each is one. It fails with batch.ErrNotFound if the
	// job does not wait.
	Position(ctx context.Context, id string) (ahead, of int, err error)
	// Positions are those of many jobs and children, as they were read, at once.
	Positions(ctx context.Context, jobs []batch.Job) ([]batch.Place, error)
	// ShareUsage is what the attempts under way hold by share, in thousandths of a vCPU; absent means none.
	ShareUsage(ctx context.Context, queueNumber int) (map[string]int64, error)
	// Shares are all shares that count as active, sorted: a job was submitted to them, or began to wait, since they were last
	// forgotten. Submit fails with batch.ErrLimit when it would add one beyond MaxActiveShares.
	Shares(ctx context.Context, queueNumber int) ([]string, error)
	// ForgetShare makes a share inactive, unless a job of it waits or is under way.
	ForgetShare(ctx context.Context, queueNumber int, share string) error
	// LoadShareLedger and SaveShareLedger keep the fair-share ledger of a queue, an opaque text; empty if there is none.
	LoadShareLedger(ctx context.Context, queueNumber int) ([]byte, error)
	SaveShareLedger(ctx context.Context, queueNumber int, ledger []byte) error
	// LoadPace and SavePace keep how fast the queue's jobs were admitted lately, an opaque text; empty if there is none.
	LoadPace(ctx context.Context, queueNumber int) ([]byte, error)
	SavePace(ctx context.Context, queueNumber int, pace []byte) error
	// WaitingSizes is how many entries wait in each share in which some do, as Position counts them.
	WaitingSizes(ctx context.Context, queueNumber int) (map[string]int, error)
	// JobsFirst is for how many jobs and children the first so many entries of shares stand. What it costs does not depend on how
	// large arrays are.
	JobsFirst(ctx context.Context, queueNumber int, entries map[string]int) (map[string]int, error)
}

// MaxActiveShares is AWS Batch's bound on the active shares of a queue.
const MaxActiveShares = 500

// PolicyStore keeps scheduling policies by name; its methods are as those for environments.
type PolicyStore interface {
	CreatePolicy(ctx context.Context, p batch.SchedulingPolicy) error
	Policy(ctx context.Context, name string) (batch.SchedulingPolicy, error)
	Policies(ctx context.Context) ([]batch.SchedulingPolicy, error)
	UpdatePolicy(ctx context.Context, name string, change func(*batch.SchedulingPolicy) error) (batch.SchedulingPolicy, error)
	DeletePolicy(ctx context.Context, name string) error
}

// ConsumableStore keeps consumable resources by name.
type ConsumableStore interface {
	CreateConsumable(ctx context.Context, c batch.ConsumableResource) error
	Consumable(ctx context.Context, name string) (batch.ConsumableResource, error)
	Consumables(ctx context.Context) ([]batch.ConsumableResource, error)
	// UpdateConsumable: change must not touch InUseQuantity: it is the sum of what holders took.
	UpdateConsumable(ctx context.Context, name string, change func(*batch.ConsumableResource) error) (batch.ConsumableResource, error)
	// DeleteConsumable forgets the resource; what holders took of it is forgotten with it. It succeeds if
	// the resource is gone already.
	DeleteConsumable(ctx context.Context, name string) error
	// TakeConsumables gives the holder (see batch.AttemptID) all it wants or nothing. short names a resource that has too
	// little or does not exist; empty means that the holder has them, now or already before.
	TakeConsumables(ctx context.Context, holder string, want []batch.ConsumableRequirement) (short string, err error)
	// ReturnConsumables takes everything back from the holder; spent says that its attempt ran, so that what is not
	// replenishable is subtracted from the total. A holder that has nothing is no error.
	ReturnConsumables(ctx context.Context, holder string, spent bool) error
	// ConsumableHolders are sorted.
	ConsumableHolders(ctx context.Context) ([]string, error)
	// ListConsumers gives the queue's jobs, finished ones too, that name the resource, latest submitted first.
	ListConsumers(ctx context.Context, queueNumber int, resource, after string, limit int) (jobs []batch.Job, next string, err error)
}

// OutboxStore gives a queue's changes of status to whoever delivers them: of each job, array and child with a record; what
// happens to all children without one at once has no entries. A RUNNABLE job's BlockedAt that becomes another time, not
// zero, is an entry from RUNNABLE to RUNNABLE.
type OutboxStore interface {
	// StatusChanges gives the changes after a cursor, oldest first; an empty cursor means from the oldest kept.
	StatusChanges(ctx context.Context, queueNumber int, after string, limit int) ([]batch.StatusChange, error)
	// LastStatusChange is the cursor of the newest change, empty if there is none: what follows it is new.
	LastStatusChange(ctx context.Context, queueNumber int) (string, error)
	// DeliveryCursor and SetDeliveryCursor remember how far a sink got; empty if it never got anything.
	DeliveryCursor(ctx context.Context, sink string, queueNumber int) (string, error)
	SetDeliveryCursor(ctx context.Context, sink string, queueNumber int, cursor string) error
}

// HistoryStore keeps how queues were, an opaque record for each of some places, which are used again and again.
type HistoryStore interface {
	// SaveStep puts a record at a place, instead of the one that is there.
	SaveStep(ctx context.Context, queueNumber, place int, record []byte) error
	// Steps gives the records of each queue, in no order.
	Steps(ctx context.Context, queueNumbers []int) ([][][]byte, error)
}

// SpendingStore keeps what attempts cost. A transition that ends attempts counts them, once, in the current hour of the job's queue: for
// its share, its tags, and the job itself; a child's for its array's tags and its array, whose Spent they add to.
type SpendingStore interface {
	// Spending is that of each queue during the last batch.SpendingHours hours, of which the current one is the last.
	Spending(ctx context.Context, queueNumbers []int) ([]batch.Spending, error)
}

// TagStore changes tags. A job's tags change by Transition, which stores whatever Tags the step leaves.
type TagStore interface {
	// UpdateDefinition changes Tags of a revision, nothing else. It fails with batch.ErrNotFound.
	UpdateDefinition(ctx context.Context, ref batch.DefinitionRef, change func(*batch.JobDefinition) error) (batch.JobDefinition, error)
}

// TargetStore answers all that a submission asks before it stores its job, at once: package controlplane's SubmitJob needs no
// other round trip than Target and Submit, and where the same was asked lately only SubmitSeen.
type TargetStore interface {
	// Remembered gives what Target gave lately, and asks nobody: a queue that takes jobs and an ACTIVE revision. Only
	// SubmitSeen can tell whether that is so still; whoever refuses a job for what was remembered must ask Target first. ok is
	// false if there is nothing to remember.
	Remembered(queueName string, ref batch.DefinitionRef) (t batch.Target, ok bool)
	// SubmitSeen is Submit for a job of a remembered target. It fails with batch.ErrConflict, and stores nothing, if anything
	// that Target would give has changed.
	SubmitSeen(ctx context.Context, t batch.Target, job batch.Job) (batch.Job, error)
	// Target gives the queue and the definition that a submission names, of the latest ACTIVE revision if ref names none. It
	// fails with batch.ErrQueueNotFound, or with batch.ErrNotFound if there is no such definition; a named revision may be
	// INACTIVE. The definition's Tags may be older than Definition's. The caller must not change what either points to.
	Target(ctx context.Context, queueName string, ref batch.DefinitionRef) (batch.JobQueue, batch.JobDefinition, error)
}

// RecoveryStore takes back what was lost.
type RecoveryStore interface {
	// RestoreQueue stores a queue under the Number that it had, which is in the ids of its jobs. It succeeds if the queue is
	// there. It fails with batch.ErrExists if another queue has its name or its number, and with batch.ErrNotFound if the queue
	// of that number was deleted.
	RestoreQueue(ctx context.Context, q batch.JobQueue) error
}

// RetentionStore forgets finished jobs.
type RetentionStore interface {
	// Prune forgets the queue's jobs that finished longer ago than the store's retention, an array with all its children.
	Prune(ctx context.Context, queueNumber int) error
	// PruneDeleted does so for the queues that were deleted.
	PruneDeleted(ctx context.Context) error
}
