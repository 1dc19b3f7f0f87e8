// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/google/uuid"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
)

// request is a pointer to a request struct of awsapi.
type request[In any] interface {
	*In
	Validate() error
}

// op makes a handler of an operation: decode, validate, call, and whatever endpoint does.
func op[In, Out any, P request[In]](
	s *Server, name string, do func(context.Context, batch.Call, P) (*Out, error),
) http.Handler {
	return located(s, name, func(*http.Request, P) {}, do)
}

// located is op for requests with members in the URL, which locate sets. It is kept short because the compiler makes one
// of it for every operation.
func located[In, Out any, P request[In]](
	s *Server, name string, locate func(*http.Request, P), do func(context.Context, batch.Call, P) (*Out, error),
) http.Handler {
	s.requests[name] = func() any { return new(In) }
	return s.endpoint(name, func(r *http.Request) (any, error) {
		in, call := P(new(In)), s.call(r)
		if name == opSubmitJob {
			if err := s.submissions.check(call.Principal); err != nil {
				return nil, err
			}
		}
		if err := decodeBody(r, bodyLimit(name), in); err != nil {
			return nil, err
		}
		locate(r, in)
		if err := in.Validate(); err != nil {
			return nil, batch.Invalidf("%s", err)
		}
		return s.authorized(r.Context(), call, name, in, func() (any, error) {
			out, err := do(r.Context(), call, in)
			if out == nil {
				out = new(Out)
			}
			return out, err
		})
	})
}

// endpoint is one operation as it is served: bounded in number and time, counted, its panics caught.
type endpoint struct {
	name    string
	server  *Server
	metrics *operationMetrics
	// do answers a request with what is to be encoded as JSON, or with an error.
	do func(*http.Request) (any, error)
	// isTarget says that errors are in the form of AWS's JSON protocol, not in that of AWS Batch.
	isTarget bool
}

func (s *Server) endpoint(name string, do func(*http.Request) (any, error)) http.Handler {
	return &endpoint{name: name, server: s, metrics: s.metrics.operation(name), do: do}
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	requestID := uuid.NewString()
	body := getBuffer()
	defer putBuffer(body)

	err := e.answer(r, body)
	status := http.StatusOK
	if err != nil {
		status = e.fail(r, w.Header(), body, requestID, err)
	}
	header := w.Header()
	header["Content-Type"] = contentTypeJSON
	if e.isTarget {
		header["Content-Type"] = contentTypeTarget
	}
	header["X-Amzn-Requestid"] = []string{requestID}
	header["Content-Length"] = []string{strconv.Itoa(body.Len())}
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // fails only when the client is gone

	elapsed := time.Since(start)
	e.metrics.observe(status, elapsed)
	if logger := klog.FromContext(r.Context()).V(4); logger.Enabled() {
		logger.Info("Answered request", "operation", e.name, "requestID", requestID,
			"invocation", r.Header.Get(headerInvocation), "status", status, "duration", elapsed)
	}
}

var (
	contentTypeJSON   = []string{"application/json"}
	contentTypeTarget = []string{"application/x-amz-json-1.1"}
)

func errTooMany() error {
	return &batch.Error{Code: batch.CodeTooManyRequests, Message: "Too many requests at once, please retry"}
}

// answer runs the operation and encodes what it returned.
func (e *endpoint) answer(r *http.Request, body *bytes.Buffer) (err error) {
	if !e.server.enter() {
		return errTooMany()
	}
	defer e.server.leave()
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, stack: debug.Stack()}
		}
	}()
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	out, err := e.do(r.WithContext(ctx))
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(out); err != nil {
		return fmt.Errorf("encode reply: %w", err)
	}
	return nil
}
