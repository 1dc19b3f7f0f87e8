// SPDX-License-Identifier: Apache-2.0

package meter

import (
	"context"
	"maps"
	"slices"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
)

// MaxLookedAt bounds the jobs with the status PENDING that are looked at each time, in all queues together. Of each queue they are
// those that were submitted last, and the others are taken to be as they are.
const MaxLookedAt = 1000

// lookAtPending counts the jobs with the status PENDING by what they wait for, an array as one. The store's indexes do not tell a job
// that waits for others from an array whose children go on.
func lookAtPending(ctx context.Context, store Store, queues []batch.JobQueue, tallies []batch.Tally) (map[AdmittedAs]int, error) {
	having := 0
	for i := range tallies {
		if tallies[i].Jobs[batch.StatusPending] > 0 {
			having++
		}
	}
	counts := map[AdmittedAs]int{}
	for i := range tallies {
		n := tallies[i].Jobs[batch.StatusPending]
		if n == 0 {
			continue
		}
		jobs, _, err := store.ListJobs(ctx, queues[i].Number, batch.StatusPending, "", max(MaxLookedAt/having, 1))
		if err != nil {
			return nil, err
		}
		for code, of := range stretch(codesOf(jobs), n) {
			counts[AdmittedAs{queues[i].Name, code}] = of
		}
	}
	return counts, nil
}

// codesOf counts jobs by their codes, which need no more than their records.
func codesOf(jobs []batch.Job) map[explain.Code]int {
	counts := map[explain.Code]int{}
	for i := range jobs {
		facts := explain.Facts{Job: &jobs[i], Unmet: jobs[i].Unmet}
		counts[facts.Code()]++
	}
	return counts
}

// stretch makes the counts add up to n, in the same parts.
func stretch(counts map[explain.Code]int, n int) map[explain.Code]int {
	all := 0
	for _, of := range counts {
		all += of
	}
	out := make(map[explain.Code]int, len(counts))
	for _, code := range slices.Sorted(maps.Keys(counts)) {
		out[code] = counts[code] * n / all
		all, n = all-counts[code], n-out[code]
	}
	return out
}
