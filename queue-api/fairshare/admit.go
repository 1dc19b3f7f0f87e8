// SPDX-License-Identifier: Apache-2.0

package fairshare

import (
	"cmp"
	"slices"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Reasons of a job at the head of a queue, AWS Batch's own words.
const (
	ReasonMaxResource = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue cannot meet the CPU requirement of the job."
	ReasonInvalidCEs  = "ACTION_REQUIRED - CE(s) associated with the job queue are invalid."
)

// Budget is what a compute environment has left for a queue. Budgets are shared by the queues of one environment.
type Budget struct {
	Name      string
	Accepts   bool  // whether it takes new work
	Unlimited bool  // an unmanaged environment without a limit
	Milli     int64 // thousandths of a vCPU not yet given out
	MaxMilli  int64 // thousandths of a vCPU in all
}

// Holds reports whether the environment takes a job of so many thousandths of a vCPU now.
func (b *Budget) Holds(milli int64) bool { return b.Accepts && (b.Unlimited || b.Milli >= milli) }

func (b *Budget) couldHold(milli int64) bool { return b.Unlimited || b.MaxMilli >= milli }

// Verdict is what becomes of one waiting job: the environment it is admitted to, else the reason that it is blocked, else
// what it is short of, else nothing: it waits its turn.
type Verdict struct {
	Job         batch.Job
	Environment string
	Blocked     string
	Short       string // as Options.Take said
}

// Head is the job that holds up the jobs behind it.
type Head struct {
	JobID string    // empty if there is none
	Since time.Time // when it first did
	// Environment is the first that could hold it once there is room; empty if it waits for its queue's own share instead.
	Environment string
}

// Options tune Admit. The zero value is a strict head and no bounds.
type Options struct {
	// Limit is how many jobs are admitted at most; 0 is no bound.
	Limit int
	// Skips is how many jobs of a share are passed over at most: those that could never fit or are short. Default 1000.
	Skips int
	// Usable bounds what the queue may hold in all environments together; nil is no bound. See Policy.Usable.
	Usable *Budget
	// Places are the budgets that a job may use, of those that Admit was given and in their order; if it may use none, reason
	// says why, and the job is blocked for it. Nil means that every job may use all.
	Places func(job batch.Job, all []*Budget) (may []*Budget, reason string)
	// Take is asked for each job that an environment has room for, and gives it all else that it needs or tells what there is
	// too little of. Nil means that jobs need nothing else.
	Take func(job batch.Job) (short string)
	// Backfill is how many jobs behind a head that does not fit are tried, while the head was held up for less than
	// BackfillFor: what they take delays it, but not for ever. Default 0: the head is not overtaken.
	Backfill    int
	BackfillFor time.Duration
	// Head is what the previous round gave.
	Head Head
	Now  time.Time
}

// Admit goes through a queue's jobs in their order and tries the environments in theirs. It takes what it gives out from
// the budgets. The head that it gives is the first job that does not fit now, a multi-node job's nodes all together; the
// jobs behind it get no verdict, those excepted that Options.Backfill lets through. A job that could never fit, or that is
// short of something else, is told so and holds nobody up. After an error the verdicts so far stand.
func Admit(order *Order, budgets []*Budget, opts Options) ([]Verdict, Head, error) {
	a := admission{budgets: budgets, opts: opts}
	a.opts.Skips = cmp.Or(opts.Skips, 1000)
	for opts.Limit == 0 || a.admitted < opts.Limit {
		job, ok, err := order.Next()
		if err != nil || !ok {
			return a.verdicts, a.head, err
		}
		if a.head.JobID != "" {
			a.tried++
		}
		v := a.judge(job)
		a.verdicts = append(a.verdicts, v)
		switch {
		case v.Environment != "":
			a.admitted++
			order.admitted(job)
		case !anyAccepts(a.budgets):
			return a.verdicts, a.head, nil
		default:
			order.skipped(a.opts.Skips)
		}
		if a.isOver() {
			break
		}
	}
	return a.verdicts, a.head, nil
}

// admission is one call of Admit.
type admission struct {
	budgets  []*Budget
	opts     Options
	verdicts []Verdict
	head     Head
	admitted int
	tried    int // behind the head
}

// judge decides about one job, and makes it the head if it is the first that does not fit.
func (a *admission) judge(job batch.Job) Verdict {
	v := Verdict{Job: job}
	milli, budgets := job.Requests.MilliVCPU, a.budgets
	if a.opts.Places != nil {
		if budgets, v.Blocked = a.opts.Places(job, budgets); v.Blocked != "" {
			return v
		}
	}
	b := a.firstFit(milli, budgets)
	switch {
	case b != nil:
		a.give(b, &v)
	case !anyAccepts(budgets):
		v.Blocked = ReasonInvalidCEs
	case !a.couldFit(milli, budgets):
		v.Blocked = ReasonMaxResource
	case a.head.JobID == "":
		a.head = Head{JobID: job.ID, Since: a.opts.Now, Environment: a.waitsFor(milli, budgets)}
		if a.opts.Head.JobID == job.ID {
			a.head.Since = a.opts.Head.Since
		}
	}
	return v
}

// give admits the job to the environment, unless it is short of something else.
func (a *admission) give(b *Budget, v *Verdict) {
	if a.opts.Take != nil {
		v.Short = a.opts.Take(v.Job)
	}
	if v.Short != "" {
		return
	}
	v.Environment = b.Name
	b.Milli -= v.Job.Requests.MilliVCPU
	if a.opts.Usable != nil {
		a.opts.Usable.Milli -= v.Job.Requests.MilliVCPU
	}
}

// isOver reports whether nothing behind the head may be tried any more.
func (a *admission) isOver() bool {
	return a.head.JobID != "" && (a.tried >= a.opts.Backfill || a.opts.Now.Sub(a.head.Since) >= a.opts.BackfillFor)
}

func (a *admission) firstFit(milli int64, budgets []*Budget) *Budget {
	if a.opts.Usable != nil && !a.opts.Usable.Holds(milli) {
		return nil
	}
	for _, b := range budgets {
		if b.Holds(milli) {
			return b
		}
	}
	return nil
}

// waitsFor is the environment that a job which does not fit now waits for room in.
func (a *admission) waitsFor(milli int64, budgets []*Budget) string {
	if a.opts.Usable != nil && !a.opts.Usable.Holds(milli) {
		return ""
	}
	for _, b := range budgets {
		if b.Accepts && b.couldHold(milli) {
			return b.Name
		}
	}
	return ""
}

func (a *admission) couldFit(milli int64, budgets []*Budget) bool {
	return (a.opts.Usable == nil || a.opts.Usable.couldHold(milli)) &&
		slices.ContainsFunc(budgets, func(b *Budget) bool { return b.couldHold(milli) })
}

func anyAccepts(budgets []*Budget) bool {
	return slices.ContainsFunc(budgets, func(b *Budget) bool { return b.Accepts })
}
