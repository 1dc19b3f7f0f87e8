// SPDX-License-Identifier: Apache-2.0

package jobtrace

import (
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/hack/otlptest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const job = "00001234-5678-4abc-9def-0123456789ab"

var begin = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

// Without an endpoint there is no tracer, and nothing that one does costs anything.
func TestNothingIsTracedUnlessAsked(t *testing.T) {
	for _, name := range []string{envEndpoint, envTracesEndpoint} {
		t.Setenv(name, "")
	}
	tracer, err := Start(t.Context(), "p", "v")
	if tracer != nil || err != nil {
		t.Fatalf("%v, %v", tracer, err)
	}
	tracer.Send(Span{Name: "x", Start: begin, End: begin})
	tracer.SendOfPod(&corev1.Pod{}, "x", begin, begin, "")
	if got := tracer.Parent(job, 1); got != "" {
		t.Errorf("traceparent %q", got)
	}
	if err := tracer.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	t.Setenv(envEndpoint, "http://127.0.0.1:1")
	t.Setenv(envDisabled, "true")
	if tracer, err := Start(t.Context(), "p", "v"); tracer != nil || err != nil {
		t.Errorf("disabled: %v, %v", tracer, err)
	}
}

func TestWrongSettingsAreRefused(t *testing.T) {
	cases := map[string]struct{ name, value string }{
		"a protocol that is not spoken": {envProtocol, "http/protobuf"},
		"a sampler that there is not":   {envSampler, "jaeger_remote"},
		"a ratio that is none":          {envSamplerArg, "2"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Setenv(envEndpoint, "http://127.0.0.1:1")
			t.Setenv(envSampler, "traceidratio")
			t.Setenv(tc.name, tc.value)
			if _, err := Start(t.Context(), "p", "v"); err == nil || !strings.Contains(err.Error(), tc.name) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// Two programs that know nothing of one another but a pod's annotation send to one trace.
func TestProgramsJoinATrace(t *testing.T) {
	receiver := otlptest.Start(t)
	t.Setenv(envEndpoint, receiver.URL)
	one, err := Start(t.Context(), "one", "v1")
	if err != nil {
		t.Fatal(err)
	}
	two, err := Start(t.Context(), "two", "v1")
	if err != nil {
		t.Fatal(err)
	}
	one.Send(Span{Trace: TraceID(job), ID: RootID(job), Name: "job", Start: begin, End: begin.Add(time.Minute), Failure: "why"})
	one.Send(Span{Trace: TraceID(job), ID: AttemptID(job, 1), Parent: RootID(job), Name: "attempt", Start: begin, End: begin.Add(-time.Second)})
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "u", Annotations: map[string]string{batchmeta.Traceparent: one.Parent(job, 1)}}}
	two.SendOfPod(pod, "schedule", begin, begin.Add(time.Second), "", attribute.String("k8s.node.name", "n"))
	pod.Labels = map[string]string{batchmeta.NodeIndex: "1"} // of a gang one tells
	two.SendOfPod(pod, "schedule", begin, begin.Add(time.Second), "")
	for _, tracer := range []*Tracer{one, two} {
		if err := tracer.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]otlptest.Span{}
	for _, s := range receiver.OfTrace(TraceID(job)) {
		got[s.Service+" "+s.Name] = s
	}
	root, attempt, schedule := got["one job"], got["one attempt"], got["two schedule"]
	if len(got) != 3 || root.Parent.IsValid() || !root.Failed || attempt.Parent != root.ID || schedule.Parent != attempt.ID ||
		schedule.Attributes["k8s.node.name"] != "n" || !root.End.Equal(begin.Add(time.Minute)) || attempt.End.Before(attempt.Start) {
		t.Errorf("%+v", got)
	}
	if len(receiver.Spans()) != 3 {
		t.Errorf("%d spans", len(receiver.Spans()))
	}
}

func TestTheTraceOfAJobIsItsID(t *testing.T) {
	t.Parallel()
	if got := TraceID(job).String(); got != strings.ReplaceAll(job, "-", "") {
		t.Errorf("trace %s", got)
	}
	seen := map[string]bool{}
	for _, id := range []string{job, job + ":0", job + ":1", "no id"} {
		if got := TraceID(id).String(); seen[got] || !TraceID(id).IsValid() {
			t.Errorf("trace %s of %s", got, id)
		} else {
			seen[got] = true
		}
	}
	if AttemptID(job, 1) == AttemptID(job, 2) || RootID(job) == AttemptID(job, 1) || ChildID(RootID(job), "a") == ChildID(RootID(job), "b") {
		t.Error("spans share an id")
	}
}

func TestSampling(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"always_on": "-01", "parentbased_always_off": "-00"} {
		sampler, err := samplerOf(name, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := New(sampler).Parent(job, 1); !strings.HasSuffix(got, want) || len(got) != 55 {
			t.Errorf("%s: traceparent %s", name, got)
		}
	}
}

// FuzzParseParent: whatever somebody writes into the annotation, it is a right one or none.
func FuzzParseParent(f *testing.F) {
	f.Add(New(sdktrace.AlwaysSample()).Parent(job, 1))
	f.Add("00-00000000000000000000000000000000-0000000000000000-01")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		id, span, ok := ParseParent(s)
		if ok && (!id.IsValid() || !span.IsValid() || "00-"+id.String()+"-"+span.String()+"-01" != s) {
			t.Errorf("%q is %s, %s", s, id, span)
		}
	})
}

// BenchmarkOff is what a program pays for traces that nobody asked for; BenchmarkSend what one pays for a span.
func BenchmarkOff(b *testing.B) {
	var tracer *Tracer
	pod := &corev1.Pod{}
	b.ReportAllocs()
	for b.Loop() {
		tracer.SendOfPod(pod, "x", begin, begin, "")
	}
}

func BenchmarkSend(b *testing.B) {
	tracer := New(sdktrace.AlwaysSample())
	b.ReportAllocs()
	for b.Loop() {
		tracer.Send(Span{Trace: TraceID(job), ID: RootID(job), Name: "job", Start: begin, End: begin})
	}
}
