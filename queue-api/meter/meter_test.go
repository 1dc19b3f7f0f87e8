// SPDX-License-Identifier: Apache-2.0

package meter

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

var begin = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

// life plays events on a job and counts what changes.
type life struct {
	t    *testing.T
	jobs *Jobs
	job  batch.Job
	now  time.Time
}

func submit(t *testing.T, jobs *Jobs, job batch.Job) *life {
	t.Helper()
	job.Queue, job.CreatedAt = "q", begin
	if job.Status == "" {
		job.Status = batch.StatusRunnable
	}
	jobs.Changed(&batch.Job{}, &job)
	return &life{t: t, jobs: jobs, job: job, now: begin}
}

func (l *life) after(d time.Duration, ev lifecycle.Event) *life {
	l.t.Helper()
	l.now = l.now.Add(d)
	next, _, err := lifecycle.Step(l.job, ev, l.now)
	if err != nil {
		l.t.Fatal(err)
	}
	l.jobs.Changed(&l.job, &next)
	l.job = next
	return l
}

func (l *life) admitted(after time.Duration) *life {
	l.t.Helper()
	return l.after(after, lifecycle.Admitted{ComputeEnvironment: "ce", PodName: "pod", PodNamespace: "ns"})
}

func (l *life) runs(after time.Duration) *life {
	l.t.Helper()
	n := len(l.job.Attempts) + 1
	l.after(after, lifecycle.Bound{Attempt: n, NodeName: "node", InstanceID: "i-1"})
	return l.after(0, lifecycle.Started{Attempt: n, At: l.now})
}

func (l *life) ends(after time.Duration, ev lifecycle.Ended) *life {
	l.t.Helper()
	ev.Attempt = len(l.job.Attempts) + 1
	return l.after(after, ev)
}

func exit(code int) lifecycle.Ended {
	return lifecycle.Ended{
		Succeeded: code == 0, StatusReason: lifecycle.ReasonExited, Containers: []batch.ContainerOutcome{{Name: "main", ExitCode: &code}},
	}
}

func newJobs(t *testing.T) (*Jobs, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	jobs, err := NewJobs(registry)
	if err != nil {
		t.Fatal(err)
	}
	return jobs, registry
}

// expect compares what a registry has of some metrics; of a histogram, its count and sum.
func expect(t *testing.T, registry *prometheus.Registry, want map[string]float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			parts := []string{f.GetName()}
			for _, l := range m.GetLabel() {
				if l.GetName() != "job_queue" {
					parts = append(parts, l.GetValue())
				}
			}
			name := strings.Join(parts, " ")
			switch {
			case m.GetHistogram() != nil:
				got[name+" count"], got[name+" sum"] = float64(m.GetHistogram().GetSampleCount()), m.GetHistogram().GetSampleSum()
			default:
				got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics mismatch (-want +got):\n%s", diff)
	}
}

func TestALifeIsCounted(t *testing.T) {
	t.Parallel()
	jobs, registry := newJobs(t)
	retries := &batch.RetryStrategy{Attempts: 2}
	submit(t, jobs, batch.Job{RetryStrategy: retries, Requests: batch.Requests{MilliVCPU: 2000}}).
		admitted(5*time.Second).runs(30*time.Second).ends(time.Minute, exit(3)).
		admitted(2*time.Second).runs(10*time.Second).ends(2*time.Minute, exit(0))
	expect(t, registry, map[string]float64{
		"muster_job_transitions_total SUBMITTED RUNNABLE": 1,
		"muster_job_transitions_total RUNNABLE STARTING":  2,
		"muster_job_transitions_total STARTING RUNNING":   2,
		"muster_job_transitions_total RUNNING RUNNABLE":   1,
		"muster_job_transitions_total RUNNING SUCCEEDED":  1,
		"muster_jobs_completed_total succeeded SUCCEEDED": 1,
		"muster_job_attempts_total exited":                1,
		"muster_job_attempts_total succeeded":             1,
		"muster_job_vcpu_seconds_total":                   360,
		"muster_job_unpriced_attempts_total":              2,
		"muster_job_wait_seconds count":                   2,
		"muster_job_wait_seconds sum":                     7,
		"muster_job_start_latency_seconds count":          2,
		"muster_job_start_latency_seconds sum":            40,
		"muster_job_run_seconds count":                    2,
		"muster_job_run_seconds sum":                      180,
	})
}

// Each machine counts for how it was bought; what nobody knows counts as that.
func TestCostIsCounted(t *testing.T) {
	t.Parallel()
	jobs, registry := newJobs(t)
	on := func(capacity string, price float64) {
		l := submit(t, jobs, batch.Job{}).admitted(0)
		host := &batch.Host{CapacityType: capacity, PricePerHour: price, Share: 0.5, BoundAt: begin}
		l.after(0, lifecycle.Bound{Attempt: 1, NodeName: "n", Host: host}).after(0, lifecycle.Started{Attempt: 1, At: begin}).ends(time.Hour, exit(0))
	}
	for _, capacity := range []string{"SPOT", "SPOT", "ON_DEMAND", "", "of a tenant's own"} {
		on(capacity, 0.5)
	}
	on("SPOT", 0)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "muster_job_cost_dollars_total":
				got[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			case "muster_job_unpriced_attempts_total":
				got["unpriced"] = m.GetCounter().GetValue()
			}
		}
	}
	if diff := cmp.Diff(map[string]float64{"SPOT": 0.5, "ON_DEMAND": 0.25, "unknown": 0.5, "unpriced": 1}, got); diff != "" {
		t.Errorf("cost mismatch (-want +got):\n%s", diff)
	}
}

// What was told is bounded by what waits, and the rest has the queue's reason.
func TestPending(t *testing.T) {
	t.Parallel()
	p := NewPending()
	p.Waits("a", Waiting{Told: map[explain.Code]int{explain.MaxResource: 2, explain.QuotaMaxVCPUs: 1}})
	p.Waits("b", Waiting{Rest: explain.QueuePaused})
	p.Waits("c", Waiting{Told: map[explain.Code]int{explain.ConsumableShort: 9}})
	p.Waits("gone", Waiting{Rest: explain.QueuePaused})
	p.Admitted("", map[AdmittedAs]int{{"a", explain.NodeLaunching}: 3, {"gone", explain.NodeLaunching}: 1})
	p.Admitted("other", map[AdmittedAs]int{{"a", explain.NodeLaunching}: 1, {"a", explain.PodStarting}: 1})
	got := p.jobs(map[string]int{"a": 10, "b": 5, "c": 4, "d": 1, "e": 0}, map[AdmittedAs]int{{"a", explain.DependencyWaiting}: 6})
	want := []pendingJobs{
		{AdmittedAs{"a", explain.WaitingTurn}, 7},
		{AdmittedAs{"a", explain.DependencyWaiting}, 6},
		{AdmittedAs{"b", explain.QueuePaused}, 5},
		{AdmittedAs{"a", explain.NodeLaunching}, 4},
		{AdmittedAs{"c", explain.ConsumableShort}, 4},
		{AdmittedAs{"a", explain.MaxResource}, 2},
		{AdmittedAs{"a", explain.PodStarting}, 1},
		{AdmittedAs{"a", explain.QuotaMaxVCPUs}, 1},
		{AdmittedAs{"d", explain.WaitingTurn}, 1},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(pendingJobs{})); diff != "" {
		t.Errorf("pending mismatch (-want +got):\n%s", diff)
	}
	p.Admitted("", nil)
	p.Admitted("other", nil)
	p.Forget()
	many := map[string]int{}
	for i := range MaxPending + 10 {
		many[strconv.Itoa(i)] = i + 1
	}
	if got := p.jobs(many, nil); len(got) != MaxPending || got[0].jobs != MaxPending+10 {
		t.Errorf("%d series, the first of %d jobs", len(got), got[0].jobs)
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	outOfMemory := exit(137)
	outOfMemory.Containers[0].Reason = "OOMKilled"
	cases := map[string]struct {
		live func(*life)
		want string
	}{
		"a container that fails":    {func(l *life) { l.admitted(1).runs(1).ends(1, exit(1)) }, ReasonExited},
		"one without enough memory": {func(l *life) { l.admitted(1).runs(1).ends(1, outOfMemory) }, ReasonOutOfMemory},
		"an image that is not there": {func(l *life) {
			l.admitted(1).after(1, lifecycle.Bound{Attempt: 1, NodeName: "n"}).after(1, lifecycle.StartFailed{Attempt: 1, Reason: "CannotPullContainerError: x"}).ends(1, exit(1))
		}, ReasonStartFailed},
		"a host that is gone": {func(l *life) {
			l.admitted(1).runs(1).ends(1, lifecycle.Ended{StatusReason: lifecycle.HostTerminated("i-1"), Lost: true})
		}, ReasonHostTerminated},
		"a timeout": {func(l *life) { l.admitted(1).runs(1).after(1, lifecycle.TimedOut{Attempt: 1}).ends(1, exit(137)) }, ReasonTimedOut},
		"terminated while it runs": {func(l *life) {
			l.admitted(1).runs(1).after(1, lifecycle.Terminated{Reason: "enough"}).ends(1, exit(0))
		}, ReasonTerminated},
		"cancelled while it waits":          {func(l *life) { l.after(1, lifecycle.Cancelled{Reason: "enough"}) }, ReasonCancelled},
		"a pod that Kubernetes never takes": {func(l *life) { l.after(1, lifecycle.Rejected{Attempt: 1, Reason: "bad"}) }, ReasonRejected},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			jobs, _ := newJobs(t)
			tc.live(submit(t, jobs, batch.Job{}))
			if got := testutil.ToFloat64(jobs.completed.WithLabelValues("q", "FAILED", tc.want)); got != 1 {
				t.Errorf("%v jobs ended as %s", got, tc.want)
			}
			if n := testutil.CollectAndCount(jobs.completed); n != 1 {
				t.Errorf("there are %d reasons", n)
			}
		})
	}
}

// The children that an array takes along have no transitions of their own.
func TestTheRestOfAnArrayIsCounted(t *testing.T) {
	t.Parallel()
	jobs, _ := newJobs(t)
	old := batch.Job{Queue: "q", Status: batch.StatusPending, ArraySize: 10, Children: map[batch.JobStatus]int{batch.StatusSucceeded: 2, batch.StatusRunnable: 8}}
	next := old
	next.Stop, next.Rest = &batch.Stop{Kind: batch.StopTerminated}, &batch.Rest{}
	next.Children = map[batch.JobStatus]int{batch.StatusSucceeded: 2, batch.StatusFailed: 8}
	jobs.Changed(&old, &next)
	if got := testutil.ToFloat64(jobs.completed.WithLabelValues("q", "FAILED", ReasonTerminated)); got != 8 {
		t.Errorf("%v children ended", got)
	}
}

// world is a store with so many of everything.
type world struct {
	queues, environments, shares int
}

func (w world) Queues(context.Context) ([]batch.JobQueue, error) {
	out := make([]batch.JobQueue, w.queues)
	for i := range out {
		out[i] = batch.JobQueue{Name: fmt.Sprintf("queue-%d", i), Number: i + 1, SchedulingPolicy: "fair"}
	}
	return out, nil
}

func (w world) Environments(context.Context) ([]batch.ComputeEnvironment, error) {
	out := make([]batch.ComputeEnvironment, w.environments)
	for i := range out {
		out[i] = batch.ComputeEnvironment{Name: fmt.Sprintf("ce-%d", i), MaxvCPUs: 100, Report: &batch.Report{DesiredvCPUs: 8}}
	}
	return out, nil
}

func (w world) Policies(context.Context) ([]batch.SchedulingPolicy, error) {
	return []batch.SchedulingPolicy{{Name: "fair", FairShare: &batch.FairSharePolicy{ShareDistribution: []batch.ShareWeight{
		{ShareIdentifier: "share-0", WeightFactor: new(0.25)},
	}}}}, nil
}

func (w world) Tallies(_ context.Context, queues []batch.JobQueue) ([]batch.Tally, error) {
	out := make([]batch.Tally, len(queues))
	for i := range out {
		out[i] = batch.Tally{
			Queue: queues[i].Name, Jobs: map[batch.JobStatus]int{batch.StatusRunnable: 7, batch.StatusPending: 2}, Attempts: 3, OldestRunnable: begin.Add(-time.Hour),
			Waiting: map[string]int{"share-0": 4}, Shares: map[string]int64{}, MilliVCPU: map[string]int64{"ce-0": 5000},
		}
		for s := range w.shares {
			out[i].Shares[fmt.Sprintf("share-%d", s)] = 1000
		}
	}
	return out, nil
}

func (world) ListJobs(context.Context, int, batch.JobStatus, string, int) ([]batch.Job, string, error) {
	return []batch.Job{{Status: batch.StatusPending, Unmet: []string{"another"}}}, "", nil
}

func (world) Health(context.Context) (batch.StoreHealth, error) {
	return batch.StoreHealth{MemoryBytes: 10, AOFWritable: true}, nil
}

func newState(t *testing.T, registry *prometheus.Registry) (*State, *clocktesting.FakeClock) {
	t.Helper()
	clock := clocktesting.NewFakeClock(begin)
	state, err := NewState(registry, StateConfig{Clock: clock, Paused: func(q batch.JobQueue) bool { return q.Number == 1 }})
	if err != nil {
		t.Fatal(err)
	}
	return state, clock
}

func TestState(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	state, clock := newState(t, registry)
	expect(t, registry, map[string]float64{}) // who does not lead tells nothing
	if err := state.refresh(t.Context(), world{1, 1, 2}); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{
		"muster_pending_jobs QUEUE:WAITING_TURN": 4, "muster_pending_jobs DEPENDENCY:WAITING": 2,
		"muster_queue_waiting_jobs": 4, "muster_queue_attempts": 3, "muster_queue_paused": 1, "muster_queue_oldest_runnable_age_seconds": 3600,
		"muster_share_weight share-0": 0.25, "muster_share_weight share-1": 1, "muster_share_usage_vcpus share-0": 1, "muster_share_usage_vcpus share-1": 1,
		"muster_share_target_vcpus share-0": 1.6, "muster_share_target_vcpus share-1": 0.4,
		"muster_environment_vcpus ce-0 min": 0, "muster_environment_vcpus ce-0 max": 100, "muster_environment_vcpus ce-0 admitted": 5,
		"muster_environment_vcpus ce-0 desired": 8, "muster_environment_valid ce-0": 1,
		"muster_store_memory_bytes": 10, "muster_store_memory_limit_bytes": 0, "muster_store_replicas": 0, "muster_store_replica_lag_bytes": 0,
		"muster_store_aof_writable": 1, "muster_store_aof_delayed_fsyncs_total": 0,
	}
	for _, status := range batch.JobStatuses {
		want["muster_jobs "+string(status)] = 0
	}
	want["muster_jobs RUNNABLE"], want["muster_jobs PENDING"] = 7, 2
	expect(t, registry, want)
	clock.Step(2 * time.Minute) // nothing is better than what was so long ago
	expect(t, registry, map[string]float64{})
}

// Whatever tenants do, 50 queues and 50 environments are at most 5,000 series, the API's and all others of the program
// included, of which there are fewer than 900; and 500 shares are told of, no more.
func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	jobs, registry := newJobs(t)
	state, _ := newState(t, registry)
	big := world{queues: 50, environments: 50, shares: 3}
	if err := state.refresh(t.Context(), big); err != nil {
		t.Fatal(err)
	}
	queues, err := big.Queues(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range queues {
		liveAll(t, jobs, q.Name)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if h := m.GetHistogram(); h != nil {
				n += len(h.GetBucket()) + 3 // +Inf, sum and count
				continue
			}
			n++
		}
	}
	t.Logf("%d series of %d queues and %d environments", n, big.queues, big.environments)
	if n > 4100 {
		t.Errorf("%d series", n)
	}
	if err := state.refresh(t.Context(), world{queues: 50, shares: 200}); err != nil {
		t.Fatal(err)
	}
	if n := len(state.current().shares()); n != MaxShares {
		t.Errorf("%d shares are told of", n)
	}
}

// liveAll has the jobs of a queue end in every way that is common.
func liveAll(t *testing.T, jobs *Jobs, queue string) {
	t.Helper()
	named := func() *life {
		l := submit(t, jobs, batch.Job{})
		l.job.Queue = queue
		return l
	}
	named().admitted(1).runs(1).ends(1, exit(0))
	named().admitted(1).runs(1).ends(1, exit(1))
	named().admitted(1).runs(1).ends(1, lifecycle.Ended{StatusReason: lifecycle.HostTerminated("i-1")})
	named().admitted(1).runs(1).ends(1, lifecycle.Ended{StatusReason: lifecycle.ReasonPreempted, Preempted: true})
	named().admitted(1).runs(1).after(1, lifecycle.TimedOut{Attempt: 1}).ends(1, exit(1))
	named().admitted(1).runs(1).after(1, lifecycle.Terminated{}).ends(1, exit(1))
	named().after(1, lifecycle.Cancelled{})
	named().after(1, lifecycle.Rejected{Attempt: 1})
	waits := submit(t, jobs, batch.Job{Status: batch.StatusPending, Unmet: []string{"a"}})
	waits.job.Queue = queue
	waits.after(1, lifecycle.Cancelled{})
}

func TestLint(t *testing.T) {
	t.Parallel()
	jobs, registry := newJobs(t)
	state, _ := newState(t, registry)
	if err := state.refresh(t.Context(), world{1, 1, 1}); err != nil {
		t.Fatal(err)
	}
	liveAll(t, jobs, "q")
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// What is told of a queue goes with it.
func TestPrune(t *testing.T) {
	t.Parallel()
	jobs, registry := newJobs(t)
	for _, queue := range []string{"queue-0", "gone"} {
		liveAll(t, jobs, queue)
	}
	if err := jobs.prune(t.Context(), world{queues: 1}); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if strings.Contains(fmt.Sprint(f), "gone") {
			t.Errorf("there is still %s", f)
		}
	}
	if len(families) == 0 {
		t.Error("all are gone")
	}
}

// BenchmarkChanged is what counting adds to a change of a job.
func BenchmarkChanged(b *testing.B) {
	jobs, err := NewJobs(prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	old := batch.Job{Queue: "q", Status: batch.StatusRunning, Attempts: []batch.Attempt{}}
	next := old
	next.Status = batch.StatusSucceeded
	next.Attempts = []batch.Attempt{{StartedAt: begin, StoppedAt: begin.Add(time.Minute)}}
	b.ReportAllocs()
	for b.Loop() {
		jobs.Changed(&old, &next)
	}
}
