// SPDX-License-Identifier: Apache-2.0

package meter

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Jobs counts what becomes of jobs. It is a redisstore.Observer.
type Jobs struct {
	transitions *prometheus.CounterVec
	completed   *prometheus.CounterVec
	attempts    *prometheus.CounterVec
	vcpuSeconds *prometheus.CounterVec
	cost        *prometheus.CounterVec
	unpriced    *prometheus.CounterVec
	wait        *prometheus.HistogramVec
	start       *prometheus.HistogramVec
	run         *prometheus.HistogramVec
	seen        sync.Map // names of queues
}

// Queues tells which queues there are.
type Queues interface {
	Queues(ctx context.Context) ([]batch.JobQueue, error)
}

// NewJobs registers the metrics.
func NewJobs(registry prometheus.Registerer) (*Jobs, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"job_queue"}, labels...))
	}
	histogram := func(name, help string, buckets ...float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{"job_queue"})
	}
	j := &Jobs{
		transitions: counter("muster_job_transitions_total",
			"Changes of the status of jobs, arrays and children; from is SUBMITTED for what was just submitted.", "from", "to"),
		completed: counter("muster_jobs_completed_total",
			"Jobs, arrays and children that ended, by result (SUCCEEDED or FAILED) and reason.", "result", "reason"),
		attempts: counter("muster_job_attempts_total", "Attempts that ended, by reason.", "reason"),
		vcpuSeconds: counter("muster_job_vcpu_seconds_total",
			"vCPU-seconds of attempts that ended: what they asked for, times how long they ran."),
		cost: counter("muster_job_cost_dollars_total",
			"What attempts cost that ended, as far as it is known: of each machine the share of its price, by how it was bought (ON_DEMAND, SPOT or unknown).",
			"capacity_type"),
		unpriced: counter("muster_job_unpriced_attempts_total", "Attempts that ended of which it is not known, or not wholly, what they cost."),
		wait: histogram("muster_job_wait_seconds",
			"Time from a submission, or from the end of the attempt before, to the admission of an attempt. Jobs that depend on others are counted from their second attempt on.",
			1, 10, 60, 600, 3600, 21600, 86400),
		start: histogram("muster_job_start_latency_seconds",
			"Time from the admission of an attempt until its containers ran: for a node, for its launch, for images.", 1, 5, 15, 60, 180, 600, 1800),
		run: histogram("muster_job_run_seconds", "How long attempts ran.", 10, 60, 600, 3600, 14400, 86400, 604800),
	}
	for _, c := range j.all() {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return j, nil
}

// vector is what CounterVec and HistogramVec have in common.
type vector interface {
	prometheus.Collector
	DeletePartialMatch(labels prometheus.Labels) int
}

func (j *Jobs) all() []vector {
	return []vector{j.transitions, j.completed, j.attempts, j.vcpuSeconds, j.cost, j.unpriced, j.wait, j.start, j.run}
}

// Changed counts a change of a job; it implements redisstore.Observer.
func (j *Jobs) Changed(old, next *batch.Job) {
	q := next.Queue
	if _, known := j.seen.Load(q); !known {
		j.seen.Store(q, true)
	}
	if old.Status != next.Status {
		from := old.Status
		if from == "" {
			from = batch.StatusSubmitted
		}
		j.transitions.WithLabelValues(q, string(from), string(next.Status)).Inc()
		if next.Status.IsTerminal() {
			j.completed.WithLabelValues(q, string(next.Status), JobReason(next)).Inc()
		}
	}
	if old.Status == "" {
		return
	}
	if old.Rest == nil && next.Rest != nil {
		j.rest(old, next)
	}
	if old.Current == nil && next.Current != nil {
		j.admitted(next)
	}
	if next.Status == batch.StatusRunning && old.Status != batch.StatusRunning && next.Current != nil {
		observe(j.start.WithLabelValues(q), next.Current.AdmittedAt, next.Current.StartedAt)
	}
	if len(next.Attempts) > len(old.Attempts) {
		j.ended(next, &next.Attempts[len(next.Attempts)-1])
	}
}

// rest counts the children of an array that failed with it, all at once.
func (j *Jobs) rest(old, next *batch.Job) {
	failed := next.Children[batch.StatusFailed] - old.Children[batch.StatusFailed]
	if failed <= 0 {
		return
	}
	from := string(old.InitialChildStatus())
	j.transitions.WithLabelValues(next.Queue, from, string(batch.StatusFailed)).Add(float64(failed))
	reason := ReasonDependencyFailed
	if next.Stop != nil {
		reason = stopReason(next.Stop.Kind)
	}
	j.completed.WithLabelValues(next.Queue, string(batch.StatusFailed), reason).Add(float64(failed))
}

func (j *Jobs) admitted(next *batch.Job) {
	since := next.CreatedAt
	if n := len(next.Attempts); n > 0 {
		since = next.Attempts[n-1].StoppedAt
	} else if len(next.DependsOn) > 0 {
		return
	}
	observe(j.wait.WithLabelValues(next.Queue), since, next.Current.AdmittedAt)
}

func (j *Jobs) ended(next *batch.Job, a *batch.Attempt) {
	j.attempts.WithLabelValues(next.Queue, AttemptReason(next, a)).Inc()
	j.spent(next.Queue, a)
	if a.StartedAt.IsZero() || a.StoppedAt.Before(a.StartedAt) {
		return
	}
	ran := a.StoppedAt.Sub(a.StartedAt).Seconds()
	j.run.WithLabelValues(next.Queue).Observe(ran)
	j.vcpuSeconds.WithLabelValues(next.Queue).Add(ran * float64(next.Requests.MilliVCPU) / 1000)
}

// spent counts what an attempt cost. The nodes of a gang are bought alike.
func (j *Jobs) spent(queue string, a *batch.Attempt) {
	c := a.Cost(a.StoppedAt)
	if c.Unknown > 0 {
		j.unpriced.WithLabelValues(queue).Inc()
	}
	if c.Nano > 0 {
		j.cost.WithLabelValues(queue, capacityOf(a)).Add(*batch.Cost{Nano: c.Nano}.Dollars())
	}
}

// capacityOf is how the machine of an attempt was bought.
func capacityOf(a *batch.Attempt) string {
	if a.Host != nil && (a.Host.CapacityType == "ON_DEMAND" || a.Host.CapacityType == "SPOT") {
		return a.Host.CapacityType
	}
	return "unknown"
}

// observe takes no times that are not known, and none that clocks which differ made negative.
func observe(h prometheus.Observer, from, to time.Time) {
	if !from.IsZero() && !to.IsZero() {
		h.Observe(max(0, to.Sub(from).Seconds()))
	}
}

// pruneEvery lies between two looks for queues that are gone.
const pruneEvery = time.Minute

// Run drops what is told of queues that are gone, until ctx ends.
func (j *Jobs) Run(ctx context.Context, queues Queues) error {
	ticker := time.NewTicker(pruneEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := j.prune(ctx, queues); err != nil && ctx.Err() == nil {
				klog.FromContext(ctx).V(2).Info("Metrics of queues that are gone stay for now", "err", err)
			}
		}
	}
}

func (j *Jobs) prune(ctx context.Context, queues Queues) error {
	all, err := queues.Queues(ctx)
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(all))
	for i := range all {
		known[all[i].Name] = true
	}
	j.seen.Range(func(name, _ any) bool {
		if queue, ok := name.(string); ok && !known[queue] {
			j.seen.Delete(name)
			for _, v := range j.all() {
				v.DeletePartialMatch(prometheus.Labels{"job_queue": queue})
			}
		}
		return true
	})
	return nil
}
