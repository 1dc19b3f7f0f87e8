// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// estimate is when the job will probably start; nil once it has, or if it never will.
func (f *Facts) estimate(code Code) *viewapi.Estimate {
	job := f.Job
	switch {
	case job.Status == batch.StatusRunning || job.Status.IsTerminal() || job.Stop != nil:
		return nil
	case EntryOf(code).Kind == KindBlocked:
		return unknown("somebody must change something first, see what to do next")
	case job.Status == batch.StatusPending, job.Status == batch.StatusSubmitted:
		return unknown("it waits for other jobs, and nobody knows how long they take")
	case job.Status == batch.StatusStarting:
		return unknown("how long its images and containers take is not known")
	case job.Current != nil:
		return f.estimateNode(code)
	}
	return f.estimateTurn(code)
}

func unknown(because string) *viewapi.Estimate { return &viewapi.Estimate{UnknownBecause: because} }

// estimateTurn goes by how fast the queue's jobs were admitted lately.
func (f *Facts) estimateTurn(code Code) *viewapi.Estimate {
	if code == QueueNext {
		return &viewapi.Estimate{StartsAt: millis(f.Now), Because: "there is room for it; a node that must be launched first takes longer"}
	}
	if code != WaitingTurn && code != QuotaMaxVCPUs && code != ShareReserved {
		return unknown("it waits for something of its own, and nobody knows how long that takes")
	}
	if f.Place.Of == 0 {
		return unknown("how many jobs are ahead is not known")
	}
	ahead, isWhole := f.jobsAhead()
	rate, over := f.Pace.Rate(f.Now)
	if over == 0 {
		return unknown("no job of job queue " + f.Job.Queue + " was admitted in the last hour")
	}
	wait := time.Duration(math.Ceil(float64(ahead+1) / rate * float64(time.Minute)))
	if wait > longest {
		return unknown(fmt.Sprintf("at %s a minute, as in the last %s, the jobs ahead take more than 30 days", pretty(rate), over.Round(time.Minute)))
	}
	because := fmt.Sprintf("%d ahead, and %s a minute of the queue were admitted in the last %s", ahead, pretty(rate), over.Round(time.Minute))
	if !isWhole {
		because += "; not before that, as arrays may be among those far ahead"
	}
	return &viewapi.Estimate{StartsAt: millis(f.Now.Add(wait).Truncate(time.Second)), Because: because}
}

const longest = 30 * 24 * time.Hour

// pretty is a rate with few digits.
func pretty(rate float64) string { return fmt.Sprintf("%.2g", rate) }

// jobsAhead is how many jobs and children go first; isWhole is whether all that are ahead were counted.
func (f *Facts) jobsAhead() (n int, isWhole bool) {
	counts, isWhole := f.aheadByShare()
	for _, s := range counts {
		n += s.Jobs
	}
	return n, isWhole
}

// aheadByShare is how many jobs of each share go first: those before the job in its own, and of each other share as many, or one
// more where that is to be served next, as shares take turns. A queue without shares is one.
func (f *Facts) aheadByShare() (out []viewapi.ShareCount, isWhole bool) {
	own, isWhole := f.jobs(f.Job.ShareIdentifier, f.Place.Ahead)
	own += f.Siblings
	standings := []Standing{{Share: f.Job.ShareIdentifier, Waiting: f.Place.Of}}
	if f.Shares != nil {
		standings = f.Shares.Standings
	}
	turns := own + 1
	for _, s := range standings {
		n := own
		if s.Share == f.Job.ShareIdentifier {
			turns--
		} else {
			all, counted := f.jobs(s.Share, s.Waiting)
			n = min(all, turns)
			isWhole = isWhole && (counted || all >= turns)
		}
		if n > 0 {
			out = append(out, viewapi.ShareCount{Share: s.Share, Jobs: n})
		}
	}
	slices.SortStableFunc(out, func(a, b viewapi.ShareCount) int { return cmp.Compare(b.Jobs, a.Jobs) })
	return out, isWhole
}

func millis(t time.Time) *int64 { return new(t.UnixMilli()) }

// estimateNode goes by how long the environment's last instance took to be a node.
func (f *Facts) estimateNode(code Code) *viewapi.Estimate {
	if code == InsufficientCapacity || code == LaunchThrottled {
		return unknown("the cloud does not say when it has machines")
	}
	if code != NodeLaunching && code != GangShort {
		return unknown("nobody knows when there is room on a node")
	}
	if f.Home == nil || f.Home.Report == nil || f.Home.Report.NodeSeconds == 0 {
		return unknown("no node of the compute environment was seen to join yet")
	}
	took := time.Duration(f.Home.Report.NodeSeconds) * time.Second
	at := f.Job.Current.AdmittedAt.Add(took)
	if f.Job.Current.AdmittedAt.IsZero() || at.Before(f.Now) {
		return unknown(fmt.Sprintf("the last node of compute environment %s took %s to join, and the job has waited longer", f.Home.Name, took))
	}
	return &viewapi.Estimate{StartsAt: millis(at.Truncate(time.Second)), Because: fmt.Sprintf("the last node of compute environment %s took %s to join", f.Home.Name, took)}
}
