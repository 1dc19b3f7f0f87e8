// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/muster-batch/muster/queue-api/batch"
)

// API is the Batch API, and what is under /x/v1, as one user sees it.
type API struct {
	handler http.Handler
	host    string
}

// ProblemError is what a page shows in place of what it could not.
type ProblemError struct {
	Status  int
	Code    string // of the API's error; may be empty
	Message string
}

// Next is what the reader can do about it; empty where the message says all.
func (p *ProblemError) Next() string {
	if p.Code == batch.CodeAccessDenied {
		return "Ask those who run this server for the right, or log in as somebody who has it."
	}
	return ""
}

func (p *ProblemError) Error() string { return strings.TrimSpace(p.Code + " " + p.Message) }

// Get reads path, which may have a query, into out.
func (a *API) Get(ctx context.Context, path string, out any) error {
	return a.Do(ctx, http.MethodGet, path, nil, out)
}

// Post sends in to path and reads the answer into out, which may be nil.
func (a *API) Post(ctx context.Context, path string, in, out any) error {
	return a.Do(ctx, http.MethodPost, path, in, out)
}

// Do calls the API. What it refuses is a *ProblemError.
func (a *API) Do(ctx context.Context, method, path string, in, out any) error {
	return a.call(ctx, method, path, nil, in, out)
}

// Logs calls an operation of the CloudWatch Logs API.
func (a *API) Logs(ctx context.Context, operation string, in, out any) error {
	return a.call(ctx, http.MethodPost, "/", http.Header{"X-Amz-Target": {"Logs_20140328." + operation}}, in, out)
}

func (a *API) call(ctx context.Context, method, path string, header http.Header, in, out any) error {
	body := []byte{}
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("call %s: %w", path, err)
		}
	}
	target, err := url.Parse(path)
	if err != nil {
		return fmt.Errorf("call %s: %w", path, err)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+a.host+"/", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("call %s: %w", path, err)
	}
	maps.Copy(r.Header, header)
	target.Scheme, target.Host = r.URL.Scheme, r.URL.Host
	r.URL, r.RequestURI = target, target.RequestURI()
	answer := &answer{header: http.Header{}, status: http.StatusOK}
	a.handler.ServeHTTP(answer, r)
	if answer.status != http.StatusOK {
		return answer.problem()
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer.body.Bytes(), out); err != nil {
		return fmt.Errorf("call %s: %w", path, err)
	}
	return nil
}

// Serve has the API answer w itself, as a stream does.
func (a *API) Serve(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// answer is what the API wrote.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

var _ http.ResponseWriter = (*answer)(nil)

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// problem reads an error in AWS's form.
func (a *answer) problem() *ProblemError {
	var said struct {
		Message string `json:"message"`
	}
	p := &ProblemError{Status: a.status, Code: a.header.Get("X-Amzn-Errortype")}
	if json.Unmarshal(a.body.Bytes(), &said) != nil || said.Message == "" {
		said.Message = http.StatusText(a.status)
	}
	p.Message = plain(said.Message)
	return p
}

// plain takes off what AWS Batch puts around the text of its errors.
func plain(message string) string {
	text, ok := strings.CutPrefix(message, "Error executing request, Exception : ")
	if i := strings.LastIndex(text, ", RequestId: "); ok && i >= 0 {
		text = text[:i]
	}
	return text
}
