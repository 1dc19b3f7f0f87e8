// SPDX-License-Identifier: Apache-2.0

package jobtrace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/klog/v2"
)

// Tracer sends spans of jobs. It is safe for concurrent use, and no method blocks but Shutdown. All of them may be called on
// nil.
type Tracer struct {
	tracer   trace.Tracer
	provider *sdktrace.TracerProvider
	sampler  sdktrace.Sampler
}

// Variables that say where traces go, and how: those of OpenTelemetry.
const (
	envEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	envTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	envProtocol       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	envTracesProtocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
	envDisabled       = "OTEL_SDK_DISABLED"
	envSampler        = "OTEL_TRACES_SAMPLER"
	envSamplerArg     = "OTEL_TRACES_SAMPLER_ARG"
)

// maxText bounds what is told of a text that somebody else wrote.
const maxText = 256

// Start makes the Tracer of a program; nil if OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT are not set.
// The other variables of OpenTelemetry count as well; the protocol is gRPC. It does not wait for the endpoint.
func Start(ctx context.Context, program, version string) (*Tracer, error) {
	if os.Getenv(envEndpoint) == "" && os.Getenv(envTracesEndpoint) == "" || strings.EqualFold(os.Getenv(envDisabled), "true") {
		return nil, nil
	}
	for _, name := range []string{envProtocol, envTracesProtocol} {
		if protocol := os.Getenv(name); protocol != "" && protocol != "grpc" {
			return nil, fmt.Errorf("%s is %.64q: must be grpc", name, protocol)
		}
	}
	sampler, err := samplerOf(os.Getenv(envSampler), os.Getenv(envSamplerArg))
	if err != nil {
		return nil, err
	}
	logger := klog.FromContext(ctx)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { logger.V(2).Info("Spans were not sent", "err", err) }))
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("trace to the OTLP endpoint: %w", err)
	}
	// What the environment says of the program counts more than what it says of itself.
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", program), attribute.String("service.version", version)),
		resource.WithFromEnv(), resource.WithHost())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("describe the program to traces: %w", err)
	}
	return New(sampler, sdktrace.WithBatcher(exporter), sdktrace.WithResource(about)), nil
}

// New makes a Tracer.
func New(sampler sdktrace.Sampler, options ...sdktrace.TracerProviderOption) *Tracer {
	options = append(options, sdktrace.WithSampler(sampler), sdktrace.WithIDGenerator(given{}))
	provider := sdktrace.NewTracerProvider(options...)
	return &Tracer{tracer: provider.Tracer("github.com/muster-batch/muster"), provider: provider, sampler: sampler}
}

// samplerOf reads OpenTelemetry's variables. What a parent decided does not count: all programs decide by the trace alone, and
// alike, if they have the same settings.
func samplerOf(name, arg string) (sdktrace.Sampler, error) {
	switch strings.TrimPrefix(name, "parentbased_") {
	case "", "always_on":
		return sdktrace.AlwaysSample(), nil
	case "always_off":
		return sdktrace.NeverSample(), nil
	case "traceidratio":
		ratio, err := strconv.ParseFloat(arg, 64)
		if arg != "" && (err != nil || !(ratio >= 0 && ratio <= 1)) {
			return nil, fmt.Errorf("%s is %.64q: must be from 0 to 1", envSamplerArg, arg)
		}
		if arg == "" {
			ratio = 1
		}
		return sdktrace.TraceIDRatioBased(ratio), nil
	}
	return nil, fmt.Errorf("%s is %.64q: must be always_on, always_off or traceidratio", envSampler, name)
}

// Shutdown sends what is left.
func (t *Tracer) Shutdown(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last spans: %w", err)
	}
	return nil
}

// Span is a span that is over.
type Span struct {
	Trace      trace.TraceID
	ID         trace.SpanID
	Parent     trace.SpanID // zero for the root
	Name       string
	Start, End time.Time
	Attributes []attribute.KeyValue
	Failure    string // empty unless it failed
}

// Send sends a span. One whose times are not known is left out.
func (t *Tracer) Send(s Span) {
	if t == nil || s.Start.IsZero() || s.End.IsZero() {
		return
	}
	ctx := context.WithValue(context.Background(), givenKey{}, &s)
	options := []trace.SpanStartOption{trace.WithTimestamp(s.Start), trace.WithAttributes(s.Attributes...)}
	if s.Parent.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: s.Trace, SpanID: s.Parent, Remote: true}))
	} else {
		options = append(options, trace.WithNewRoot())
	}
	_, span := t.tracer.Start(ctx, s.Name, options...)
	if s.Failure != "" {
		span.SetStatus(codes.Error, Text(s.Failure))
	}
	if s.End.Before(s.Start) { // clocks differ
		s.End = s.Start
	}
	span.End(trace.WithTimestamp(s.End))
}

// Text bounds what somebody else wrote.
func Text(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// Parent is the W3C traceparent of a job's attempt; empty if nothing is traced.
func (t *Tracer) Parent(job string, attempt int) string {
	if t == nil {
		return ""
	}
	id, flags := TraceID(job), "00"
	if t.sampler.ShouldSample(sdktrace.SamplingParameters{TraceID: id, Name: "attempt"}).Decision == sdktrace.RecordAndSample {
		flags = "01"
	}
	return "00-" + id.String() + "-" + AttemptID(job, attempt).String() + "-" + flags
}

// ParseParent reads a traceparent, which anybody may have written. ok is false for one that is not right, and for one that is
// not sampled.
func ParseParent(s string) (id trace.TraceID, span trace.SpanID, ok bool) {
	if len(s) != 55 || s[:3] != "00-" || s[35] != '-' || s[52:] != "-01" {
		return id, span, false
	}
	id, err := trace.TraceIDFromHex(s[3:35])
	if err != nil {
		return id, span, false
	}
	span, err = trace.SpanIDFromHex(s[36:52])
	return id, span, err == nil
}

// given are the ids that Send was called with.
type given struct{}

type givenKey struct{}

var _ sdktrace.IDGenerator = given{}

// NewIDs implements sdktrace.IDGenerator.
func (given) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if s, ok := ctx.Value(givenKey{}).(*Span); ok {
		return s.Trace, s.ID
	}
	return trace.TraceID{}, trace.SpanID{}
}

// NewSpanID implements sdktrace.IDGenerator.
func (g given) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	_, id := g.NewIDs(ctx)
	return id
}
