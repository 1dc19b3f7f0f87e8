// SPDX-License-Identifier: Apache-2.0

package scaleup

import (
	"errors"
	"fmt"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/autoscaler/demand"
	"github.com/muster-batch/muster/autoscaler/provider"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/jobtrace"
)

// The traces of the jobs that a node was bought for are told of it, and of no more than a few of many.
func TestNodesAreTraced(t *testing.T) {
	t.Parallel()
	sent := tracetest.NewInMemoryExporter()
	tracer := jobtrace.New(sdktrace.AlwaysSample(), sdktrace.WithSyncer(sent))
	index := demand.NewIndex(func() {})
	job := func(i int) string { return fmt.Sprintf("00001234-5678-4abc-9def-%012d", i) }
	const jobs = 3 * podsPerTrace
	for i := range jobs {
		index.OnAdd(&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "jobs", Name: fmt.Sprint("p", i), UID: types.UID(fmt.Sprint("p", i)),
				Annotations: map[string]string{batchmeta.Traceparent: tracer.Parent(job(i), 1)},
			},
			Spec: corev1.PodSpec{SchedulerName: batchmeta.SchedulerName, NodeSelector: map[string]string{batchmeta.ComputeEnvironmentUUID: "u"}},
		}, false)
	}
	traces := NewTraces(tracer, index)
	at := time.Unix(1000, 0)
	l := provider.Launched{NodeGroup: "g", Demands: []string{index.Demands()[0].Parts[0].Key}, Since: at, Until: at.Add(time.Minute)}
	traces.Joined(l)
	l.Err = errors.New("none left")
	traces.Launched(l)
	names := map[string]int{}
	for _, s := range sent.GetSpans() {
		names[s.Name+" "+s.Status.Description]++
		if !s.Parent.IsValid() || !s.EndTime.Equal(at.Add(time.Minute)) {
			t.Errorf("%+v", s)
		}
	}
	if names["node wait "] != podsPerTrace || names["launch none left"] != podsPerTrace || len(names) != 2 {
		t.Errorf("spans %v", names)
	}
	if NewTraces(nil, index) != nil {
		t.Error("there are traces without a tracer")
	}
	NewTraces(nil, index).Launched(l)
}
