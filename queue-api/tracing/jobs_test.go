// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/jobtrace"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

var begin = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

const id = "00001234-5678-4abc-9def-0123456789ab"

// A job that waits for another one, fails and is tried again tells all of it: every second of its life is in a span, and each
// span below the right one.
func TestALifeIsATrace(t *testing.T) {
	t.Parallel()
	sent := tracetest.NewInMemoryExporter()
	clock := clocktesting.NewFakePassiveClock(begin)
	jobs := New(jobtrace.New(sdktrace.AlwaysSample(), sdktrace.WithSyncer(sent)), clock)
	job := batch.Job{ID: id, Name: "j", Queue: "q", CreatedAt: begin, Status: batch.StatusPending, Unmet: []string{"other"}, RetryStrategy: &batch.RetryStrategy{Attempts: 2}}
	jobs.Changed(&batch.Job{}, &job)
	after := func(seconds int, ev lifecycle.Event) {
		t.Helper()
		clock.SetTime(clock.Now().Add(time.Duration(seconds) * time.Second))
		next, _, err := lifecycle.Step(job, ev, clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		jobs.Changed(&job, &next)
		job = next
	}
	exit := func(code, attempt int) lifecycle.Ended {
		return lifecycle.Ended{
			Attempt: attempt, Succeeded: code == 0, StatusReason: lifecycle.ReasonExited,
			Containers: []batch.ContainerOutcome{{Name: "c", ExitCode: &code}},
		}
	}
	after(5, lifecycle.DependencyEnded{JobID: "other", Succeeded: true})
	for attempt, code := range []int{1, 0} {
		after(10, lifecycle.Admitted{ComputeEnvironment: "ce", PodName: "p", PodNamespace: "ns"})
		after(1, lifecycle.Bound{Attempt: attempt + 1, NodeName: "n"})
		after(2, lifecycle.Started{Attempt: attempt + 1, At: clock.Now().Add(2 * time.Second)})
		jobs.Started(job, podOf(job, clock.Now()))
		after(30, exit(code, attempt+1))
	}
	jobs.Kept(job, podOf(job, clock.Now()), clock.Now(), clock.Now().Add(time.Second))

	names := map[trace.SpanID]string{}
	for _, s := range sent.GetSpans() {
		names[s.SpanContext.SpanID()] = s.Name
	}
	var got []string
	for _, s := range sent.GetSpans() {
		if s.SpanContext.TraceID() != jobtrace.TraceID(id) {
			t.Errorf("%s is of another trace", s.Name)
		}
		got = append(got, names[s.Parent.SpanID()]+"/"+s.Name+" "+s.StartTime.Sub(begin).String()+" "+s.EndTime.Sub(begin).String()+" "+s.Status.Description)
	}
	slices.Sort(got)
	want := []string{
		"/job 0s 1m31s ",
		"attempt/image pull 17s 18s ", "attempt/image pull 1m0s 1m1s ",
		"attempt/log flush 1m31s 1m32s ",
		"attempt/run 18s 48s Essential container in task exited", "attempt/run 1m1s 1m31s ",
		"job/attempt 15s 48s Essential container in task exited", "job/attempt 58s 1m31s ",
		"job/dependencies 0s 5s ", "job/queue wait 0s 15s ", "job/queue wait 48s 58s ", "job/submit 0s 0s ",
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans mismatch (-want +got):\n%s", diff)
	}
}

// podOf is the job's pod, which had its sandbox a second ago.
func podOf(job batch.Job, now time.Time) *corev1.Pod {
	attempt := len(job.Attempts)
	if job.Current != nil {
		attempt = job.Current.Number
	}
	parent := jobtrace.New(sdktrace.AlwaysSample()).Parent(job.ID, attempt)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", Annotations: map[string]string{batchmeta.Traceparent: parent}},
		Status: corev1.PodStatus{Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-2 * time.Second))},
			{Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-time.Second))},
		}},
	}
}

// Nobody traces.
func TestNilTracesNothing(t *testing.T) {
	t.Parallel()
	jobs := New(nil, clocktesting.NewFakePassiveClock(begin))
	jobs.Changed(&batch.Job{}, &batch.Job{})
	jobs.Started(batch.Job{Current: &batch.Attempt{}}, &corev1.Pod{})
	jobs.Kept(batch.Job{}, &corev1.Pod{}, begin, begin)
	if jobs != nil || jobs.Traceparent(id, 1) != "" {
		t.Error("something is traced")
	}
}
