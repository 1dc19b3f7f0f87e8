// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// ErrUnreachable means that no answer came, from a server that may be down or another one than was meant.
var ErrUnreachable = errors.New("queue-api is not reached")

// ErrEndpoint means that an endpoint cannot be one, or must not be used like this.
var ErrEndpoint = errors.New("endpoint")

// Error is a refusal, or a failure, that the server told of.
type Error struct {
	Operation string
	Status    int
	Code      string // AWS's name of the exception
	Message   string
	RequestID string
}

func (e *Error) Error() string { return e.Operation + ": " + e.Code + ": " + e.Message }

// IsDenied reports whether err says that the caller is not known, or may not do what was asked.
func IsDenied(err error) bool {
	known, ok := errors.AsType[*Error](err)
	return ok && (known.Status == http.StatusForbidden || known.Status == http.StatusUnauthorized)
}

// IsRefused reports whether err says that the request was understood, and that asking again will not help.
func IsRefused(err error) bool {
	known, ok := errors.AsType[*Error](err)
	return ok && known.Status < http.StatusInternalServerError && known.Status != http.StatusTooManyRequests && !IsDenied(err)
}

// IsUnknownOperation reports whether err says that the server has no such path: it is older than this program, or is set up
// without that part.
func IsUnknownOperation(err error) bool {
	known, ok := errors.AsType[*Error](err)
	return ok && known.Status == http.StatusNotFound && known.Code == "UnknownOperationException"
}

// IsNotFound reports whether err says that there is no such thing.
func IsNotFound(err error) bool {
	known, ok := errors.AsType[*Error](err)
	return ok && (known.Code == "ResourceNotFoundException" || known.Status == http.StatusNotFound)
}

// maxUnknown bounds what is shown of an answer that is not of AWS's form.
const maxUnknown = 256

// refusal makes an Error of an answer that is not 200.
func refusal(operation string, response *http.Response, body []byte) error {
	e := &Error{
		Operation: operation, Status: response.StatusCode,
		Code: response.Header.Get("X-Amzn-Errortype"), RequestID: response.Header.Get("X-Amzn-Requestid"),
	}
	var told struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &told) != nil || told.Message == "" {
		told.Message = strings.TrimSpace(string(body[:min(len(body), maxUnknown)]))
	}
	if e.Code == "" {
		e.Code = told.Type
	}
	e.Code, _, _ = strings.Cut(e.Code, ":")
	e.Code = e.Code[strings.LastIndexByte(e.Code, '#')+1:]
	e.Message = withoutEnvelope(told.Message)
	if e.Code == "" {
		// Not queue-api's: a proxy's, or another server's.
		return fmt.Errorf("%w: %s answered %s: %.256q", ErrUnreachable, response.Request.URL.Redacted(), response.Status, told.Message)
	}
	return e
}

// withoutEnvelope takes off what AWS Batch puts around the text of every error.
func withoutEnvelope(text string) string {
	rest, ok := strings.CutPrefix(text, "Error executing request, Exception : ")
	if !ok {
		return text
	}
	if i := strings.LastIndex(rest, ", RequestId: "); i >= 0 {
		rest = rest[:i]
	}
	return rest
}
