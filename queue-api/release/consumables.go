// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"

	"github.com/muster-batch/muster/queue-api/batch"
)

// returnOver takes back what the job's attempts that are over held of consumable resources. AWS Batch: it is held until the
// attempt's end. An attempt that was withdrawn keeps its share for the next admission; see repairHolder.
func (r *Releaser) returnOver(ctx context.Context, job batch.Job) error {
	if len(job.Consumables) == 0 || job.IsArray() {
		return nil
	}
	over := len(job.Attempts)
	if job.Status.IsTerminal() {
		over++ // admitted or about to be, never bound
	}
	for n := 1; n <= over; n++ {
		if err := r.store.ReturnConsumables(ctx, batch.AttemptID(job.ID, n), isSpent(job, n)); err != nil {
			return err
		}
	}
	if over > 0 {
		r.dispatcher.Wake()
	}
	return nil
}

// isSpent reports whether an attempt that is over got as far as a node.
func isSpent(job batch.Job, attempt int) bool {
	if attempt > len(job.Attempts) {
		return false
	}
	a := job.Attempts[attempt-1]
	return a.NodeName != "" || !a.StartedAt.IsZero()
}
