// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/jobtrace"
)

// Jobs sends spans. It is a redisstore.Observer. A nil Jobs sends nothing.
type Jobs struct {
	tracer *jobtrace.Tracer
	clock  clock.PassiveClock
}

// New makes a Jobs; nil without a tracer.
func New(tracer *jobtrace.Tracer, clk clock.PassiveClock) *Jobs {
	if tracer == nil {
		return nil
	}
	return &Jobs{tracer: tracer, clock: clk}
}

// Changed implements redisstore.Observer.
func (j *Jobs) Changed(old, next *batch.Job) {
	if j == nil {
		return
	}
	if old.Status == "" {
		j.below(next, "submit", next.CreatedAt, j.clock.Now())
		return
	}
	if old.Status == batch.StatusPending && next.Status == batch.StatusRunnable {
		j.below(next, "dependencies", next.CreatedAt, j.clock.Now())
	}
	if old.Current == nil && next.Current != nil {
		j.admitted(next)
	}
	if len(next.Attempts) > len(old.Attempts) {
		j.ended(next, &next.Attempts[len(next.Attempts)-1])
	}
	if next.Status.IsTerminal() && !old.Status.IsTerminal() {
		j.root(next)
	}
}

// root sends the span of the whole job.
func (j *Jobs) root(job *batch.Job) {
	failure := ""
	if job.Status == batch.StatusFailed {
		failure = job.StatusReason
	}
	j.tracer.Send(jobtrace.Span{
		Trace: jobtrace.TraceID(job.ID), ID: jobtrace.RootID(job.ID), Name: "job", Start: job.CreatedAt, End: job.StoppedAt, Failure: failure,
		Attributes: []attribute.KeyValue{
			attribute.String("muster.job.id", job.ID), attribute.String("muster.job.name", job.Name), attribute.String("muster.job.queue", job.Queue),
			attribute.String("muster.job.definition", job.Definition.String()), attribute.String("muster.job.share", job.ShareIdentifier),
			attribute.String("muster.job.status", string(job.Status)), attribute.Int("muster.job.attempts", len(job.Attempts)),
		},
	})
}

// below sends a span below the job's.
func (j *Jobs) below(job *batch.Job, name string, start, end time.Time, attributes ...attribute.KeyValue) {
	root := jobtrace.RootID(job.ID)
	j.tracer.Send(jobtrace.Span{
		Trace: jobtrace.TraceID(job.ID), ID: jobtrace.ChildID(root, name), Parent: root, Name: name, Start: start, End: end, Attributes: attributes,
	})
}

func (j *Jobs) admitted(job *batch.Job) {
	since := job.CreatedAt
	if n := len(job.Attempts); n > 0 {
		since = job.Attempts[n-1].StoppedAt
	}
	root := jobtrace.RootID(job.ID)
	j.tracer.Send(jobtrace.Span{
		Trace: jobtrace.TraceID(job.ID), ID: jobtrace.ChildID(root, "queue wait", strconv.Itoa(job.Current.Number)), Parent: root,
		Name: "queue wait", Start: since, End: job.Current.AdmittedAt, Attributes: attemptAttributes(job.Current),
	})
}

func (j *Jobs) ended(job *batch.Job, a *batch.Attempt) {
	trace, id := jobtrace.TraceID(job.ID), jobtrace.AttemptID(job.ID, a.Number)
	failure := a.StatusReason
	if isGood(a) {
		failure = ""
	}
	j.tracer.Send(jobtrace.Span{
		Trace: trace, ID: id, Parent: jobtrace.RootID(job.ID), Name: "attempt", Start: a.AdmittedAt, End: a.StoppedAt, Failure: failure,
		Attributes: append(attemptAttributes(a), attribute.String("muster.node", a.NodeName), attribute.String("muster.instance.id", a.InstanceID)),
	})
	j.tracer.Send(jobtrace.Span{
		Trace: trace, ID: jobtrace.ChildID(id, "run"), Parent: id, Name: "run", Start: a.StartedAt, End: a.StoppedAt, Failure: failure,
	})
}

// isGood reports whether all containers of an attempt that ended did with 0.
func isGood(a *batch.Attempt) bool {
	for _, c := range a.Containers {
		if c.ExitCode == nil || *c.ExitCode != 0 {
			return false
		}
	}
	return len(a.Containers) > 0
}

func attemptAttributes(a *batch.Attempt) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.Int("muster.attempt", a.Number), attribute.String("muster.compute_environment", a.ComputeEnvironment),
		attribute.String("k8s.namespace.name", a.PodNamespace), attribute.String("k8s.pod.name", a.PodName),
	}
}

// Started is told of the pod of an attempt whose containers run. Between the pod's sandbox and its first container images are
// pulled; kubelets that do not tell of the one are asked when the pod got its node.
func (j *Jobs) Started(job batch.Job, pod *corev1.Pod) {
	if j == nil || job.Current == nil {
		return
	}
	id := jobtrace.AttemptID(job.ID, job.Current.Number)
	j.tracer.Send(jobtrace.Span{
		Trace: jobtrace.TraceID(job.ID), ID: jobtrace.ChildID(id, "image pull"), Parent: id, Name: "image pull",
		Start: hadSandbox(pod), End: job.Current.StartedAt, Attributes: images(pod),
	})
}

func hadSandbox(pod *corev1.Pod) time.Time {
	var scheduled time.Time
	for _, c := range pod.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == corev1.PodReadyToStartContainers:
			return c.LastTransitionTime.Time
		case c.Type == corev1.PodScheduled:
			scheduled = c.LastTransitionTime.Time
		}
	}
	return scheduled
}

func images(pod *corev1.Pod) []attribute.KeyValue {
	var names []string
	for i := range pod.Spec.Containers {
		names = append(names, jobtrace.Text(pod.Spec.Containers[i].Image))
	}
	return []attribute.KeyValue{attribute.StringSlice("container.image.name", names)}
}

// Kept is told of a pod whose logs are kept: since when that was to be done.
func (j *Jobs) Kept(job batch.Job, pod *corev1.Pod, since, until time.Time) {
	if j != nil {
		j.tracer.SendOfPod(pod, "log flush", since, until, "", attribute.String("muster.job.id", job.ID))
	}
}

// Traceparent is that of a job's attempt; empty if nothing is sent.
func (j *Jobs) Traceparent(job string, attempt int) string {
	if j == nil {
		return ""
	}
	return j.tracer.Parent(job, attempt)
}
