// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"math"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// estimate is when the job will probably start; nil once it has, or if it never will.
func (f *Facts) estimate(code Code) *Estimate {
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

func unknown(because string) *Estimate { return &Estimate{UnknownBecause: because} }

// estimateTurn goes by how fast the queue's jobs were admitted lately.
func (f *Facts) estimateTurn(code Code) *Estimate {
	switch code {
	case QueueNext:
		return &Estimate{StartsAt: f.Now, Basis: "there is room for it; a node that must be launched first takes longer"}
	case WaitingTurn, QuotaMaxVCPUs, ShareReserved:
	default:
		return unknown("it waits for something of its own, and nobody knows how long that takes")
	}
	ahead, isKnown := f.ahead()
	if !isKnown {
		return unknown("how many jobs are ahead is not known")
	}
	rate, over := f.Pace.Rate(f.Now)
	if over == 0 {
		return unknown("no job of job queue " + f.Job.Queue + " was admitted in the last hour")
	}
	wait := time.Duration(math.Ceil(float64(ahead+1) / rate * float64(time.Minute)))
	if wait > longest {
		return unknown(fmt.Sprintf("at %s a minute, as in the last %s, the jobs ahead take more than 30 days", pretty(rate), over.Round(time.Minute)))
	}
	return &Estimate{
		StartsAt: f.Now.Add(wait).Truncate(time.Second),
		Basis: fmt.Sprintf("%d ahead, and %s a minute of the queue were admitted in the last %s; not before that, if arrays are ahead",
			ahead, pretty(rate), over.Round(time.Minute)),
	}
}

const longest = 30 * 24 * time.Hour

// pretty is a rate with few digits.
func pretty(rate float64) string { return fmt.Sprintf("%.2g", rate) }

// ahead is how many entries go first: those before it in its share, and as many of each other share, as they take turns.
func (f *Facts) ahead() (n int, isKnown bool) {
	if f.Place.Of == 0 {
		return 0, false
	}
	n = f.Place.Ahead
	if f.Shares != nil {
		for _, s := range f.Shares.Standings {
			if s.Share != f.Job.ShareIdentifier {
				n += min(s.Waiting, f.Place.Ahead)
			}
		}
	}
	return n, true
}

// estimateNode goes by how long the environment's last instance took to be a node.
func (f *Facts) estimateNode(code Code) *Estimate {
	switch code {
	case NodeLaunching, GangShort:
	case InsufficientCapacity, LaunchThrottled:
		return unknown("the cloud does not say when it has machines")
	default:
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
	return &Estimate{StartsAt: at.Truncate(time.Second), Basis: fmt.Sprintf("the last node of compute environment %s took %s to join", f.Home.Name, took)}
}
