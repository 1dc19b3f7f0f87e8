// SPDX-License-Identifier: Apache-2.0

package fairshare

import "github.com/muster-batch/muster/queue-api/batch"

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

func (b *Budget) holds(milli int64) bool     { return b.Accepts && (b.Unlimited || b.Milli >= milli) }
func (b *Budget) couldHold(milli int64) bool { return b.Unlimited || b.MaxMilli >= milli }

// Verdict is what becomes of one waiting job: the environment it is admitted to, else the reason that it is blocked, else
// neither: it waits its turn.
type Verdict struct {
	Job         batch.Job
	Environment string
	Blocked     string
}

// Admit goes through the jobs in the queue's order and tries the environments in theirs. It takes what it gives out from
// the budgets. Jobs behind the first that does not fit get no verdict.
func Admit(jobs []batch.Job, budgets []*Budget) []Verdict {
	verdicts := make([]Verdict, 0, len(jobs))
	for _, job := range jobs {
		v := Verdict{Job: job}
		b := firstFit(job, budgets)
		switch {
		case b != nil:
			b.Milli -= job.Requests.MilliVCPU
			v.Environment = b.Name
		case !anyAccepts(budgets):
			v.Blocked = ReasonInvalidCEs
			return append(verdicts, v)
		case !anyCouldHold(job, budgets):
			v.Blocked = ReasonMaxResource
		default:
			return append(verdicts, v)
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

func firstFit(job batch.Job, budgets []*Budget) *Budget {
	for _, b := range budgets {
		if b.holds(job.Requests.MilliVCPU) {
			return b
		}
	}
	return nil
}

func anyAccepts(budgets []*Budget) bool {
	for _, b := range budgets {
		if b.Accepts {
			return true
		}
	}
	return false
}

func anyCouldHold(job batch.Job, budgets []*Budget) bool {
	for _, b := range budgets {
		if b.couldHold(job.Requests.MilliVCPU) {
			return true
		}
	}
	return false
}
