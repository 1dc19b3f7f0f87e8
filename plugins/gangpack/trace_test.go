// SPDX-License-Identifier: Apache-2.0

package gangpack

import (
	"net/http"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/jobtrace"
)

// answering answers every request with one status.
type answering int

func (a answering) RoundTrip(request *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: int(a), Body: http.NoBody, Header: http.Header{}, Request: request}, nil
}

// A pod that is bound is told of in its job's trace; one that is not, or that is in none, is not.
func TestBindIsTraced(t *testing.T) {
	t.Parallel()
	const job = "00001234-5678-4abc-9def-0123456789ab"
	sent := tracetest.NewInMemoryExporter()
	tracer := jobtrace.New(sdktrace.AlwaysSample(), sdktrace.WithSyncer(sent))
	bind := func(status int, parent string) framework.Code {
		client, err := kubernetes.NewForConfig(&rest.Config{Host: "http://api", Transport: answering(status), QPS: -1})
		if err != nil {
			t.Fatal(err)
		}
		nodes := informers.NewSharedInformerFactory(client, 0).Core().V1().Nodes()
		if err := nodes.Informer().GetStore().Add(st.MakeNode().Name("n").Obj()); err != nil {
			t.Fatal(err)
		}
		g := newGangPack(client, nodes.Lister())
		g.tracer = tracer
		pod := st.MakePod().Namespace("ns").Name("p").Obj()
		pod.CreationTimestamp = metav1.Unix(1_700_000_000, 0)
		pod.Annotations = map[string]string{batchmeta.Traceparent: parent}
		return g.Bind(t.Context(), nil, pod, "n").Code()
	}
	bind(http.StatusInternalServerError, tracer.Parent(job, 1))
	bind(http.StatusCreated, "00-of nobody's")
	if code := bind(http.StatusCreated, tracer.Parent(job, 1)); code != framework.Success {
		t.Fatalf("bind: %v", code)
	}
	spans := sent.GetSpans()
	if len(spans) != 1 || spans[0].Name != "schedule" || spans[0].SpanContext.TraceID() != jobtrace.TraceID(job) || spans[0].Parent.SpanID() != jobtrace.AttemptID(job, 1) {
		t.Errorf("%+v", spans)
	}
}
