// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Authenticator finds out who makes a request.
type Authenticator interface {
	// Authenticate returns the user whose credential the request carries. body reads the request's whole body, which
	// remains to be read by others; it is not called before the credential is known to exist. A refusal is a *batch.Error;
	// any other error is ours. It may take headers away that the credential does not cover.
	Authenticate(r *http.Request, body func() ([]byte, error)) (batch.User, error)
}

// Authorizer says what a caller may do.
type Authorizer interface {
	// Authorize returns nil if the caller may do the operation with the request in, a pointer to the operation's request
	// struct of awsapi. It refuses operations that it does not know. A refusal is a *batch.Error.
	Authorize(ctx context.Context, call batch.Call, operation string, in any) error
	// Filter takes out of the operation's response what the caller may not see.
	Filter(ctx context.Context, call batch.Call, operation string, out any) error
}

// Names that the Authorizer knows beside the operations of the API.
const (
	// OpGetCredentials derives an access key from the caller's token; its request is nil.
	OpGetCredentials = "GetCredentials"
	// OpStreamEvents streams the events of queues; its request is the []string of their names or ARNs, none for all.
	OpStreamEvents = "StreamEvents"
	// OpWhoAmI tells callers who they are, OpCanI what they may do, and OpGetStatus how the server is; their requests are nil.
	OpWhoAmI    = "WhoAmI"
	OpCanI      = "CanI"
	OpGetStatus = "GetStatus"
	// OpListNodes shows nodes; its request is the name or ARN of their compute environment, a string, empty for all.
	// OpListDecisions shows what the autoscaler did and said; its request is nil. OpDescribeGang shows the members of a multi-node
	// job; its request is the job's id, a string.
	OpListNodes     = "ListNodes"
	OpListDecisions = "ListDecisions"
	OpDescribeGang  = "DescribeGang"
	// OpGetSummary shows how queues are; its request is nil. OpDescribeArray shows the statuses of an array's children; its
	// request is the job's id, a string.
	OpGetSummary    = "GetSummary"
	OpDescribeArray = "DescribeArray"
	// OpGetSpending shows what was spent in queues; its request is nil. OpDescribeJobCost shows what a job cost; its request is the
	// job's id, a string.
	OpGetSpending     = "GetSpending"
	OpDescribeJobCost = "DescribeJobCost"
)

type userKey struct{}

// authenticate serves next to those who say who they are. It stands in front of every route, so that none is open by being
// forgotten.
func (s *Server) authenticate(next http.Handler) http.Handler {
	if s.authenticator == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, err := s.identify(r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// identify returns the request with its user in its context.
func (s *Server) identify(r *http.Request) (*http.Request, error) {
	if !s.enter() {
		return r, errTooMany()
	}
	defer s.leave()
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	user, err := s.authenticator.Authenticate(r.WithContext(ctx), func() ([]byte, error) { return bufferBody(r) })
	s.metrics.authenticated(r.Header, err)
	if err != nil {
		return r, err
	}
	return r.WithContext(context.WithValue(r.Context(), userKey{}, user)), nil
}

// bufferBody reads the bounded body of r and leaves it to be read again.
func bufferBody(r *http.Request) ([]byte, error) {
	var buf bytes.Buffer
	if err := readBody(r, maxBody, &buf); err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(buf.Bytes()))
	return buf.Bytes(), nil
}

// refuse answers a request that no operation saw.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := endpoint{
		name: "Refused", server: s, metrics: s.refused, do: func(*http.Request) (any, error) { return nil, err },
		isTarget: r.Header.Get(headerTarget) != "",
	}
	e.ServeHTTP(w, r)
}

// authorized carries out an operation for a caller who may do it.
func (s *Server) authorized(ctx context.Context, call batch.Call, operation string, in any, do func() (any, error)) (any, error) {
	if s.authorizer == nil {
		return do()
	}
	if err := s.authorizer.Authorize(ctx, call, operation, in); err != nil {
		s.metrics.authorized(operation, err)
		return nil, err
	}
	if err := s.openToken(ctx, call, operation, in); err != nil {
		return nil, err
	}
	out, err := do()
	if err != nil {
		return nil, err
	}
	if err := s.authorizer.Filter(ctx, call, operation, out); err != nil {
		return nil, err
	}
	return out, s.sealToken(ctx, call, operation, out)
}

// credentials answers with what derives an access key from the caller's token.
func (s *Server) credentials(issue func(*http.Request) (any, error)) http.Handler {
	return s.endpoint(OpGetCredentials, func(r *http.Request) (any, error) {
		return s.authorized(r.Context(), s.call(r), OpGetCredentials, nil, func() (any, error) { return issue(r) })
	})
}

// askAgain is how often it is asked whether a stream may go on.
const askAgain = 30 * time.Second

// events serves the stream of events to those who may see the queues that they ask for, for as long as they may.
func (s *Server) events(stream http.Handler) http.Handler {
	if s.authorizer == nil {
		return stream
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		may := func() error {
			return s.authorizer.Authorize(ctx, s.call(r), OpStreamEvents, r.URL.Query()["jobQueue"])
		}
		if err := may(); err != nil {
			s.refuse(w, r, err)
			return
		}
		principal := s.call(r).Principal
		if !s.streams.take(principal, streamsEach) {
			s.refuse(w, r, &batch.Error{Code: batch.CodeTooManyRequests, Message: "Too many event streams of this caller at once, please retry"})
			return
		}
		defer s.streams.giveBack(principal)
		var asking sync.WaitGroup
		defer asking.Wait()
		defer cancel()
		asking.Go(func() { endOnceRefused(ctx, cancel, may) })
		stream.ServeHTTP(w, r.WithContext(ctx))
	})
}

// endOnceRefused ends what cancel ends as soon as it is refused. While nobody can be asked, it goes on.
func endOnceRefused(ctx context.Context, cancel func(), may func() error) {
	ticker := time.NewTicker(askAgain)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if _, refused := errors.AsType[*batch.Error](may()); refused {
				cancel()
				return
			}
		}
	}
}
