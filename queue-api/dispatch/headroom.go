// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/fairshare"
)

// keepRoom keeps what is left of an environment from the queues that are served later, while the head of this one waits for
// room there: smaller jobs of other queues would take each gap, and a large job would wait for ever.
func (d *Dispatcher) keepRoom(q batch.JobQueue, r *round) {
	head := d.heads[q.Number]
	waited := d.cfg.Clock.Since(head.Since)
	if d.cfg.Backfill > 0 {
		waited -= d.cfg.BackfillFor // until then it may be overtaken in its own queue, too
	}
	if b := r.budgets[head.Environment]; b != nil && keepsRoom(waited, d.cfg.HeadRoom) {
		b.Milli = min(b.Milli, 0)
	}
}

// keepsRoom reports whether a head keeps room after having waited so long. It does for a period, then others have theirs, then
// it does for twice as long, and so on: no vCPU is idle for its sake for long at a time, and in the end it outwaits any job.
func keepsRoom(waited, period time.Duration) bool {
	for keeps := period; waited >= 0 && keeps > 0; keeps *= 2 {
		if waited < keeps {
			return true
		}
		waited -= keeps + period
	}
	return false
}

// before orders heads of queues of one priority: who has waited longest is served first, those without a head last.
func before(a, b fairshare.Head) int {
	switch {
	case a.JobID == "" && b.JobID == "":
		return 0
	case a.JobID == "":
		return 1
	case b.JobID == "":
		return -1
	default:
		return a.Since.Compare(b.Since)
	}
}
