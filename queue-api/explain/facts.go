// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"slices"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/fairshare"
)

// Facts are what is known of a job and of what it waits for. All but Job may be unknown, and then zero.
type Facts struct {
	Now time.Time
	Job *batch.Job

	// Of a job that waits for others.

	Unmet []string              // what it, and its array, still wait for
	Found map[string]*batch.Job // those of the first MaxUnmetShown that exist

	// Of a job that waits for admission; Queue and Environments also of one that was admitted.

	Queue        *batch.JobQueue
	Environments []Environment // of the queue, in the order in which they are tried
	Consumables  map[string]*batch.ConsumableResource
	Place        batch.Place
	Shares       *Shares // of a fair-share queue
	Pace         Pace    // of the queue
	// Stretches are the first entries of shares, by the share; nil if nobody counted what they stand for.
	Stretches map[string]Stretch
	// Siblings are how many children of the job's array go first, of a child that waits with it.
	Siblings int

	// Of a job that was admitted.

	Home *Environment // that of the attempt under way
	Look *Look        // what the cluster says of its pods
}

// Environment is a compute environment, and what attempts under way hold of it.
type Environment struct {
	*batch.ComputeEnvironment

	UsedMilli int64 // thousandths of a vCPU, over all queues
}

// Shares are those of a fair-share queue.
type Shares struct {
	// Standings are those in which something waits, the next to be served first.
	Standings []Standing
	// Usable is what the queue may hold of all its environments together; nil for no bound.
	Usable *fairshare.Budget
}

// Standing is how much waits in a share, as entries: the children of an array are one.
type Standing struct {
	Share   string
	Waiting int
}

// Stretch is how many entries of a share were looked at, from its beginning, and for how many jobs they stand: the children of an
// array that were not tried yet are one entry.
type Stretch struct{ Entries, Jobs int }

// jobs is for how many jobs the first entries of a share stand, as far as that is known: what was not looked at counts as one.
func (f *Facts) jobs(share string, entries int) (n int, isWhole bool) {
	s, isKnown := f.Stretches[share]
	if !isKnown || s.Entries > entries {
		return entries, entries == 0
	}
	return s.Jobs + entries - s.Entries, s.Entries == entries
}

// Look is what a cluster says of the pods of an attempt.
type Look struct {
	// Failed says that the cluster did not answer.
	Failed bool
	// Scheduler is the scheduler's last word on a pod that has no node; empty if it said nothing.
	Scheduler string
}

// StatusReason is what DescribeJobs shows: the job's own reason, or a sentence for one that does not run and has none.
func (f *Facts) StatusReason() string {
	_, reason, isShown := f.judge()
	if !isShown {
		return f.Job.StatusReason
	}
	return reason
}

// judge gives the job's code and the sentence that goes with it. isShown is whether it is the job's statusReason: AWS Batch has
// none for an array whose children go on, and for a job that starts or runs.
func (f *Facts) judge() (code Code, reason string, isShown bool) {
	job := f.Job
	switch job.Status {
	case batch.StatusSubmitted:
		code, reason, isShown = JobSubmitted, "Submitted; what it depends on is being looked at.", true
	case batch.StatusPending:
		code, reason, isShown = f.pending()
	case batch.StatusRunnable:
		if job.Current == nil {
			code, reason = f.waiting()
		} else {
			code, reason = f.admitted()
		}
		return code, reason, true
	case batch.StatusStarting, batch.StatusRunning:
		code, reason = f.placed()
	case batch.StatusSucceeded, batch.StatusFailed:
		code, reason = f.ended()
		return code, reason, true
	}
	if job.StatusReason != "" { // somebody knew better
		return code, job.StatusReason, true
	}
	return code, reason, isShown
}

func (f *Facts) pending() (code Code, reason string, isShown bool) {
	switch {
	case f.Job.Stop != nil:
		return JobStopping, whyStopping(f.Job.Stop), false
	case len(f.Unmet) > 0:
		return DependencyWaiting, whyPending(f.Unmet, f.Found), true
	case f.Job.IsArray():
		return ArrayChildren, whyArray(f.Job), false
	}
	return DependencyWaiting, "What it depends on is being looked at.", false
}

// waiting is the first obstacle of a job that may be admitted.
func (f *Facts) waiting() (Code, string) {
	line := whyWaiting(f.Job, f.Place, f.supplies())
	q := f.Queue
	switch {
	case q != nil && q.Status == batch.ResourceDeleting:
		return QueueDeleting, "Job queue " + q.Name + " is being deleted; " + lowerFirst(line)
	case q != nil && batchmeta.IsPaused(q.Tags):
		return QueuePaused, "Job queue " + q.Name + " is paused by its tag " + batchmeta.QueuePaused + "; " + lowerFirst(line)
	case f.Job.StatusReason != "":
		return f.codeOf(f.Job.StatusReason), f.Job.StatusReason
	}
	return f.obstacle(), line
}

// obstacle is what stops a job of which nobody said anything: what concerns it alone, then its turn, then room.
func (f *Facts) obstacle() Code {
	milli := f.Job.Requests.MilliVCPU
	accepting := slices.DeleteFunc(slices.Clone(f.Environments), func(e Environment) bool { return !e.AcceptsWork() })
	may := accepting
	if f.Job.IsMultiNode() {
		may = slices.DeleteFunc(slices.Clone(accepting), func(e Environment) bool { return !e.TakesGangs() })
	}
	switch code := f.shortage(); {
	case len(accepting) == 0:
		return f.unusable()
	case len(may) == 0:
		return GangNoEnvironment
	case !slices.ContainsFunc(may, func(e Environment) bool { return e.couldHold(milli) }):
		return MaxResource
	case code != "":
		return code
	case f.Place.Ahead > 0:
		return WaitingTurn
	case !slices.ContainsFunc(may, func(e Environment) bool { return e.holds(milli) }):
		return QuotaMaxVCPUs
	case f.Shares != nil && f.Shares.Usable != nil && !f.Shares.Usable.Holds(milli):
		return ShareReserved
	}
	return QueueNext
}

func (e Environment) isUnlimited() bool { return e.Type == batch.Unmanaged && e.MaxvCPUs == 0 }

func (e Environment) couldHold(milli int64) bool {
	return e.isUnlimited() || int64(e.MaxvCPUs)*1000 >= milli
}

func (e Environment) holds(milli int64) bool {
	return e.isUnlimited() || int64(e.MaxvCPUs)*1000-e.UsedMilli >= milli
}

// unusable is why no environment of the queue takes work: what is wrong with the first of those that are enabled, or else of all.
func (f *Facts) unusable() Code {
	if len(f.Environments) == 0 {
		return EnvironmentMissing
	}
	first := f.Environments[0]
	if i := slices.IndexFunc(f.Environments, func(e Environment) bool { return e.State == batch.Enabled && !e.AcceptsWork() }); i >= 0 {
		first = f.Environments[i]
	}
	switch {
	case first.State != batch.Enabled:
		return EnvironmentDisabled
	case first.Status == batch.ResourceCreating:
		return EnvironmentCreating
	case first.Status == batch.ResourceDeleting:
		return EnvironmentDeleting
	case first.StatusReason == Unreachable(first.ClusterName()):
		return ClusterUnreachable
	case first.StatusReason == NoCluster(first.ClusterName()):
		return ClusterUnknown
	}
	return EnvironmentInvalid
}

// shortage is which consumable resource the job cannot have; empty if it can have all.
func (f *Facts) shortage() Code {
	for _, r := range f.Job.Consumables {
		c, known := f.Consumables[r.Name]
		switch {
		case !known:
		case c == nil:
			return ConsumableMissing
		case c.TotalQuantity < r.Quantity:
			return ConsumableTooMany
		case c.Available() < r.Quantity:
			return ConsumableShort
		}
	}
	return ""
}

// NoCluster is the statusReason of an environment whose cluster is not registered, in the words of Amazon EKS.
func NoCluster(name string) string { return "CLIENT_ERROR - No cluster found for name: " + name + "." }

// Unreachable is the statusReason of an environment whose cluster does not answer. AWS Batch has no words for it.
func Unreachable(name string) string {
	return "CLIENT_ERROR - Unable to connect to the Kubernetes API server of cluster " + name
}
