// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
)

// statuses are those of the errors that a caller may be told; any other error is a ServerException.
var statuses = map[string]int{
	batch.CodeClient:          http.StatusBadRequest,
	batch.CodeServer:          http.StatusInternalServerError,
	batch.CodeTooManyRequests: http.StatusTooManyRequests,

	batch.CodeResourceNotFound: http.StatusBadRequest,
	batch.CodeInvalidParameter: http.StatusBadRequest,

	codeUnknownOperation: http.StatusNotFound,

	batch.CodeAccessDenied:        http.StatusForbidden,
	batch.CodeExpiredToken:        http.StatusForbidden,
	batch.CodeIncompleteSignature: http.StatusForbidden,
	batch.CodeInvalidSignature:    http.StatusForbidden,
	batch.CodeMissingToken:        http.StatusForbidden,
	batch.CodeUnrecognizedClient:  http.StatusForbidden,
}

// codeUnknownOperation is what AWS answers to a path that no operation has.
const codeUnknownOperation = "UnknownOperationException"

// maxMessage bounds how much of a caller's own words an error may give back.
const maxMessage = 2 << 10

// unknown answers every path and method that is no operation.
func (s *Server) unknown() http.Handler {
	return s.endpoint("Unknown", func(r *http.Request) (any, error) {
		return nil, &batch.Error{
			Code:    codeUnknownOperation,
			Message: fmt.Sprintf("%s %.128q is not an operation of this server", r.Method, r.URL.Path),
		}
	})
}

// fail writes err to body and header in AWS's form and returns the status. Only a *batch.Error is shown to the caller;
// the cause of any other is logged, and nothing is told of it but that the store does not answer, if that is why.
func (e *endpoint) fail(r *http.Request, h http.Header, body *bytes.Buffer, requestID string, err error) int {
	var known *batch.Error
	isAway := false
	if !errors.As(err, &known) || statuses[known.Code] == 0 {
		e.logFailure(r, requestID, err)
		known = &batch.Error{Code: batch.CodeServer, Message: "The server could not carry out the request, please retry"}
		if errors.Is(err, batch.ErrUnavailable) {
			isAway = true
			known.Message = "The server's store, Redis, does not answer. What runs goes on; please retry"
		}
	}
	h["X-Amzn-Errortype"] = []string{known.Code}
	if known.Code == batch.CodeTooManyRequests || isAway {
		h["Retry-After"] = []string{"1"}
	}
	body.Reset()
	encoder := json.NewEncoder(body)
	encoder.SetEscapeHTML(false)
	// Cannot fail: a string always encodes, and a buffer always takes it.
	if e.isTarget {
		_ = encoder.Encode(errorBody{Type: known.Code, Message: clip(known.Message)})
	} else {
		_ = encoder.Encode(errorBody{Message: messageOf(known, requestID)})
	}
	if isAway {
		return http.StatusServiceUnavailable
	}
	return statuses[known.Code]
}

// messageOf puts AWS Batch's envelope around its own errors. Those of authentication and authorisation come from what
// stands in front of it and have none.
func messageOf(e *batch.Error, requestID string) string {
	if statuses[e.Code] == http.StatusForbidden {
		return clip(e.Message)
	}
	return envelope(e.Message, requestID)
}

// errorBody is the wire form of both exceptions of the API model.
type errorBody struct {
	Type    string `json:"__type,omitempty"` // of AWS's JSON protocol
	Message string `json:"message"`
}

// envelope is what AWS Batch puts around the text of every error. Clients look for the text inside it.
func envelope(text, requestID string) string {
	return "Error executing request, Exception : " + clip(text) + ", RequestId: " + requestID
}

func clip(text string) string {
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	return text
}

func (e *endpoint) logFailure(r *http.Request, requestID string, err error) {
	logger := klog.LoggerWithValues(klog.FromContext(r.Context()), "operation", e.name, "requestID", requestID)
	var panicked *panicError
	switch {
	case errors.As(err, &panicked):
		logger.Error(err, "Request panicked", "stack", string(panicked.stack))
	case errors.Is(r.Context().Err(), context.Canceled):
		logger.V(4).Info("Client left before the answer", "err", err)
	default:
		logger.Error(err, "Request failed")
	}
}

// panicError is a panic of a handler, caught.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }
