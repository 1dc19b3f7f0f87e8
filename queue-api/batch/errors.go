// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"errors"
	"fmt"
)

// Sentinels that every store, and what is made of Kubernetes, returns, wrapped or bare.
var (
	ErrNotFound = errors.New("not found")
	// ErrQueueNotFound is ErrNotFound where something else might be missing, too.
	ErrQueueNotFound = fmt.Errorf("job queue %w", ErrNotFound)
	ErrExists        = errors.New("already exists")
	// ErrConflict means that another writer won; load again and retry.
	ErrConflict = errors.New("changed by another writer")
	// ErrLimit means that a bound of the store's own is reached, such as the active shares of a queue.
	ErrLimit = errors.New("limit reached")
	// ErrQueueFull means that a queue has as many unfinished jobs as it may have.
	ErrQueueFull = errors.New("the most that it may have")
	// ErrNotSent means that a request did not reach its Kubernetes cluster, and did nothing there.
	ErrNotSent = errors.New("cluster is not reached")
	// ErrUnavailable means that the store does not answer now. Nothing is known of what was asked of it.
	ErrUnavailable = errors.New("store does not answer")
	// ErrStaleEpoch means that a newer leader has taken over; the caller must stop writing.
	ErrStaleEpoch = errors.New("epoch is over: another leader took over")
)

// Codes of Error, AWS Batch's own.
const (
	// CodeClient is the caller's fault: HTTP 400.
	CodeClient = "ClientException"
	// CodeServer is ours: HTTP 500.
	CodeServer = "ServerException"
	// CodeTooManyRequests asks the caller to slow down: HTTP 429.
	CodeTooManyRequests = "TooManyRequestsException"

	// CodeResourceNotFound and CodeInvalidParameter are CloudWatch Logs' own: HTTP 400.
	CodeResourceNotFound = "ResourceNotFoundException"
	CodeInvalidParameter = "InvalidParameterException"

	// CodeAccessDenied and those below mean HTTP 403: who the caller is, or may do, was looked at and refused.
	CodeAccessDenied        = "AccessDeniedException"
	CodeExpiredToken        = "ExpiredTokenException"
	CodeIncompleteSignature = "IncompleteSignatureException"
	CodeInvalidSignature    = "InvalidSignatureException"
	CodeMissingToken        = "MissingAuthenticationTokenException"
	CodeUnrecognizedClient  = "UnrecognizedClientException"
)

// Error is what a caller of the Batch API is told. Message names the field and the rule.
type Error struct {
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Invalidf makes a ClientException.
func Invalidf(format string, args ...any) *Error {
	return &Error{Code: CodeClient, Message: fmt.Sprintf(format, args...)}
}
