// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// Config of a Server; zero values mean the defaults.
type Config struct {
	// Region stands in the ARNs of replies to clients that sign for none. Default: us-east-1.
	Region string
	// Account stands in all ARNs. Default: 123456789012.
	Account string
	// MaxInFlight is how many requests are answered at once; those beyond it get a TooManyRequestsException, which SDKs
	// retry. Default: 1024.
	MaxInFlight int

	// SubmitRate bounds how many jobs a second all callers together submit, SubmitRateEach how many each of them; those beyond
	// get a TooManyRequestsException. Twice as many may come in a burst. Default: no bound.
	SubmitRate, SubmitRateEach float32
	// Clock times these. Default: the real one.
	Clock clock.PassiveClock
	// Drain is for how long requests are taken on after the server was told to end. Default: not at all.
	Drain time.Duration

	// Authenticator finds out who makes each request. Default: nobody is asked.
	Authenticator Authenticator
	// Authorizer says what callers may do. Default: everything.
	Authorizer Authorizer
	// SealKey gives the 32 bytes by which all servers seal the tokens of lists. Default: what a token says can be read.
	SealKey func(context.Context) ([]byte, error)
	// Credentials answers GET /x/v1/credentials with a derived access key. Default: there is no such path.
	Credentials func(*http.Request) (any, error)
	// Events serves GET /x/v1/events. Default: there is no such path.
	Events http.Handler
	// Clusters answers GET /x/v1/nodes, /x/v1/decisions and /x/v1/jobs/{id}/gang. Default: there are no such paths.
	Clusters Clusters
	// Status answers GET /x/v1/status. Default: there is no such path.
	Status func(context.Context) *viewapi.Status
	// Logs answers operations of the CloudWatch Logs API, by name: each gives what a request is decoded into, and what answers
	// it then. Default: there is no such API.
	Logs map[string]func() (in any, do func(ctx context.Context, call batch.Call) (any, error))
	// Views answers GET /x/v1/summary and /x/v1/jobs/{id}/array. Default: there are no such paths.
	Views Views
	// Console makes the web console. Default: there is none.
	Console Console
}

// Server answers the Batch API. It is an http.Handler; Run serves it.
type Server struct {
	scope       batch.Scope
	maxInFlight int64
	inFlight    atomic.Int64
	metrics     *metrics
	refused     *operationMetrics
	handler     http.Handler
	drain       time.Duration
	submissions *rates
	streams     places

	requests map[string]func() any // new request structs by operation

	authenticator Authenticator // nil: nobody is asked who they are
	authorizer    Authorizer    // nil: everybody may do everything
	sealKey       func(context.Context) ([]byte, error)
}

var _ http.Handler = (*Server)(nil)

// New makes a Server in front of plane and registers its metrics.
func New(plane ControlPlane, registry prometheus.Registerer, cfg Config) (*Server, error) {
	s := &Server{
		scope: batch.Scope{
			Region:  cmp.Or(cfg.Region, "us-east-1"),
			Account: cmp.Or(cfg.Account, "123456789012"),
		},
		maxInFlight:   int64(cmp.Or(cfg.MaxInFlight, 1024)),
		drain:         cfg.Drain,
		requests:      map[string]func() any{},
		authenticator: cfg.Authenticator,
		authorizer:    cfg.Authorizer,
		sealKey:       cfg.SealKey,
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	s.submissions = newRates(cfg.SubmitRate, cfg.SubmitRateEach, cfg.Clock)
	switch {
	case min(cfg.SubmitRate, cfg.SubmitRateEach) < 0:
		return nil, errors.New("rates must not be negative")
	case !isRegion(s.scope.Region):
		return nil, fmt.Errorf("region %q: must be lower-case letters, digits and hyphens", s.scope.Region)
	case !isAccount(s.scope.Account):
		return nil, fmt.Errorf("account %q: must be 12 digits", s.scope.Account)
	case s.maxInFlight < 0:
		return nil, fmt.Errorf("requests in flight: %d is negative", s.maxInFlight)
	}
	var err error
	if s.metrics, err = newMetrics(registry, func() float64 { return float64(s.inFlight.Load()) }); err != nil {
		return nil, err
	}
	s.refused = s.metrics.operation("Refused")
	plain := s.routes(plane, cfg)
	s.handler = s.authenticate(plain)
	if cfg.Console != nil {
		s.handler, err = s.withConsole(cfg.Console, plain, s.handler)
	}
	return s, err
}

func isAccount(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) == 12
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Run serves the API on listener until ctx ends and what Drain adds, then lets requests under way finish.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	return serve(ctx, listener, s, s.drain)
}

// enter takes a place among the requests in flight, if there is one.
func (s *Server) enter() bool {
	if s.inFlight.Add(1) > s.maxInFlight {
		s.inFlight.Add(-1)
		return false
	}
	return true
}

func (s *Server) leave() { s.inFlight.Add(-1) }
