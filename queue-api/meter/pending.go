// SPDX-License-Identifier: Apache-2.0

package meter

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-batch/muster/queue-api/explain"
)

// MaxPending bounds the series of a Pending, in all queues together. Those of most jobs come first.
const MaxPending = 500

// Pending counts jobs that are RUNNABLE or STARTING by what keeps them from running, in the codes of package explain. Nobody
// explains a job for it: the dispatcher says of each queue what it decided, and why what it did not look at waits; the watchers say
// what they see of the attempts under way. A State adds the jobs that are PENDING (lookAtPending).
type Pending struct {
	desc *prometheus.Desc

	mu       sync.Mutex                    // guards what follows
	waiting  map[string]Waiting            // by queue
	admitted map[string]map[AdmittedAs]int // by cluster
}

// Waiting is why the jobs of a queue are not admitted, as its dispatcher's last round found.
type Waiting struct {
	// Told are those that were looked at and have a reason of their own.
	Told map[explain.Code]int
	// Rest is the reason of all others.
	Rest explain.Code
}

// AdmittedAs is what the attempts under way of a queue have in common that do not run, and what makes a series.
type AdmittedAs struct {
	Queue string
	Code  explain.Code
}

// NewPending makes a Pending. A State tells what it has.
func NewPending() *Pending {
	p := &Pending{desc: prometheus.NewDesc("muster_pending_jobs",
		"Jobs that do not run, by the reason why not, a code as muster explain gives it: what waits for admission, an array being one, attempts under way that "+
			"do not run, and jobs that are PENDING. Of a queue's jobs the dispatcher looks at 1,000 in a round; those behind them count as QUEUE:WAITING_TURN. "+
			"Of those that are PENDING the last 1,000 are looked at, in all queues together; the others count as if they were like them. An array is PENDING "+
			"(ARRAY:CHILDREN) until its children have ended, also while they wait or run.",
		[]string{"job_queue", "reason"}, nil)}
	p.Forget()
	return p
}

// Forget drops all: another leader will tell.
func (p *Pending) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting, p.admitted = map[string]Waiting{}, map[string]map[AdmittedAs]int{}
}

// Waits says why jobs of a queue wait for admission.
func (p *Pending) Waits(queue string, w Waiting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting[queue] = w
}

// Admitted says what the attempts of a cluster wait for; the caller must not change counts any more. None forgets the cluster.
func (p *Pending) Admitted(cluster string, counts map[AdmittedAs]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.admitted[cluster] = counts; len(counts) == 0 {
		delete(p.admitted, cluster)
	}
}

// pendingJobs is one series.
type pendingJobs struct {
	AdmittedAs

	jobs int
}

// jobs are the series, given how much waits in each queue and what is PENDING; those of queues that are gone are dropped.
func (p *Pending) jobs(waiting map[string]int, pending map[AdmittedAs]int) []pendingJobs {
	p.mu.Lock()
	defer p.mu.Unlock()
	counts := map[AdmittedAs]int{}
	maps.Copy(counts, pending)
	for queue, left := range waiting {
		w := p.waiting[queue]
		for _, code := range slices.Sorted(maps.Keys(w.Told)) {
			n := min(w.Told[code], left) // of what was told some may have gone
			counts[AdmittedAs{queue, code}] += n
			left -= n
		}
		counts[AdmittedAs{queue, cmp.Or(w.Rest, explain.WaitingTurn)}] += left
	}
	for _, cluster := range p.admitted {
		for as, n := range cluster {
			if _, known := waiting[as.Queue]; known {
				counts[as] += n
			}
		}
	}
	var all []pendingJobs
	for as, n := range counts {
		if n > 0 {
			all = append(all, pendingJobs{as, n})
		}
	}
	slices.SortFunc(all, func(a, b pendingJobs) int {
		return cmp.Or(cmp.Compare(b.jobs, a.jobs), cmp.Compare(a.Queue, b.Queue), cmp.Compare(a.Code, b.Code))
	})
	return all[:min(len(all), MaxPending)]
}
