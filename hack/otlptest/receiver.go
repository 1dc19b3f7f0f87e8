// SPDX-License-Identifier: Apache-2.0

package otlptest

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// Span is a span as it was received.
type Span struct {
	Service    string
	Name       string
	Trace      trace.TraceID
	ID         trace.SpanID
	Parent     trace.SpanID
	Start, End time.Time
	Failed     bool
	Attributes map[string]string
}

// Receiver keeps what is sent to it.
type Receiver struct {
	collector.UnimplementedTraceServiceServer

	// URL is what OTEL_EXPORTER_OTLP_ENDPOINT is to be.
	URL string

	mu    sync.Mutex
	spans []Span
}

// Start listens until the test ends.
func Start(t *testing.T) *Receiver {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Receiver{URL: "http://" + listener.Addr().String()}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, r)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // ends with Stop
	}()
	t.Cleanup(func() {
		server.Stop()
		<-served
	})
	return r
}

// Export implements the collector.
func (r *Receiver) Export(_ context.Context, in *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, from := range in.GetResourceSpans() {
		service := texts(from.GetResource().GetAttributes())["service.name"]
		for _, scope := range from.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				r.spans = append(r.spans, spanOf(service, s))
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func spanOf(service string, s *tracepb.Span) Span {
	out := Span{
		Service: service, Name: s.GetName(), Attributes: texts(s.GetAttributes()), Failed: s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR,
		Start: time.Unix(0, int64(s.GetStartTimeUnixNano())).UTC(), End: time.Unix(0, int64(s.GetEndTimeUnixNano())).UTC(), //nolint:gosec // a time
	}
	copy(out.Trace[:], s.GetTraceId())
	copy(out.ID[:], s.GetSpanId())
	copy(out.Parent[:], s.GetParentSpanId())
	return out
}

func texts(attributes []*commonpb.KeyValue) map[string]string {
	out := map[string]string{}
	for _, a := range attributes {
		out[a.GetKey()] = a.GetValue().GetStringValue()
	}
	return out
}

// Spans are those that were received.
func (r *Receiver) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.spans)
}

// OfTrace are the spans of one trace.
func (r *Receiver) OfTrace(id trace.TraceID) []Span {
	return slices.DeleteFunc(r.Spans(), func(s Span) bool { return s.Trace != id })
}
