// SPDX-License-Identifier: Apache-2.0

package consoletest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/console"
	"github.com/muster-batch/muster/queue-api/controlplane"
	"github.com/muster-batch/muster/queue-api/events"
	"github.com/muster-batch/muster/queue-api/httpapi"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/spending"
	"github.com/muster-batch/muster/queue-api/storetest"
	"github.com/muster-batch/muster/queue-api/summary"
)

// Began is when a World begins; its clock goes on from there.
var Began = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// Config of a World; zero values mean the defaults.
type Config struct {
	// Tokens are users by the tokens that they paste. Default: nobody is asked who they are.
	Tokens map[string]string
	// Change adds to the API what the test has: clusters, logs, an Authorizer. Default: nothing.
	Change func(*World, *httpapi.Config)
}

// World is queue-api without Kubernetes.
type World struct {
	*storetest.Memory

	URL   string
	Plane *controlplane.Service
	Clock clock.WithTicker
}

// Open starts a World and gives what ends it.
func Open(cfg Config) (*World, func(), error) {
	w := &World{Memory: storetest.NewMemory(), Clock: &shifted{started: time.Now()}}
	w.Now = w.Clock.Now
	var err error
	if w.Plane, err = controlplane.New(w.Memory, w.Clock, controlplane.Config{}); err != nil {
		return nil, nil, err
	}
	done := make(chan struct{})
	api := httpapi.Config{
		Views:  views{summary.NewView(w, w.Clock), spending.New(w, w.Clock), w.Plane},
		Events: events.NewStream(w.Memory, events.Composer{Jobs: w.Plane, Scope: scope}, events.StreamConfig{Done: done}),
	}
	pages := console.Config{Open: len(cfg.Tokens) == 0, SealKey: sealKey, Clock: w.Clock}
	if !pages.Open {
		pages.Tokens, api.Authenticator, api.Authorizer = tokens(cfg.Tokens), tokens(cfg.Tokens), everything{}
	}
	api.Console = func(as func(batch.User) http.Handler) (http.Handler, error) { return console.New(as, pages) }
	if cfg.Change != nil {
		cfg.Change(w, &api)
	}
	handler, err := httpapi.New(w.Plane, prometheus.NewRegistry(), api)
	if err != nil {
		return nil, nil, err
	}
	server := httptest.NewServer(handler)
	w.URL = server.URL
	return w, func() {
		close(done)
		server.CloseClientConnections()
		server.Close()
	}, nil
}

var scope = batch.Scope{Region: "us-east-1", Account: "123456789012"}

func sealKey(context.Context) ([]byte, error) { return []byte("0123456789abcdef0123456789abcdef"), nil }

// views shows what the store has beyond the Batch API.
type views struct {
	*summary.View
	*spending.Costs
	*controlplane.Service
}

// tokens are users by their tokens.
type tokens map[string]string

// Review implements console.TokenReviewer.
func (t tokens) Review(_ context.Context, token string) (batch.User, error) {
	if name, ok := t[token]; ok {
		return batch.User{Name: name}, nil
	}
	return batch.User{}, &batch.Error{Code: batch.CodeUnrecognizedClient, Message: "The security token included in the request is invalid."}
}

// Authenticate implements httpapi.Authenticator. Nobody calls the API but the console.
func (tokens) Authenticate(*http.Request, func() ([]byte, error)) (batch.User, error) {
	return batch.User{}, &batch.Error{Code: batch.CodeMissingToken, Message: "Missing Authentication Token"}
}

// everything is what all users may do.
type everything struct{}

// Authorize implements httpapi.Authorizer.
func (everything) Authorize(context.Context, batch.Call, string, any) error { return nil }

// Filter implements httpapi.Authorizer.
func (everything) Filter(context.Context, batch.Call, string, any) error { return nil }

// shifted is the real clock, set to Began.
type shifted struct {
	clock.RealClock

	started time.Time
}

// Now implements clock.PassiveClock.
func (s *shifted) Now() time.Time { return Began.Add(time.Since(s.started)) }

// Since implements clock.PassiveClock.
func (s *shifted) Since(t time.Time) time.Duration { return s.Now().Sub(t) }

// Tallies counts as redisstore does, one after the other.
func (w *World) Tallies(ctx context.Context, queues []batch.JobQueue) ([]batch.Tally, error) {
	out := make([]batch.Tally, len(queues))
	for i, q := range queues {
		t := batch.Tally{Queue: q.Name, Jobs: map[batch.JobStatus]int{}}
		for _, status := range batch.JobStatuses {
			after := ""
			for {
				jobs, next, err := w.ListJobs(ctx, q.Number, status, after, 1000)
				if err != nil {
					return nil, err
				}
				t.Jobs[status] += len(jobs)
				if status == batch.StatusRunnable && len(jobs) > 0 {
					t.OldestRunnable = jobs[len(jobs)-1].CreatedAt
				}
				if after = next; after == "" {
					break
				}
			}
		}
		live, err := w.Live(ctx, q.Number)
		if err != nil {
			return nil, err
		}
		t.Attempts = len(live)
		if t.MilliVCPU, err = w.Usage(ctx, q.Number); err != nil {
			return nil, err
		}
		out[i] = t
	}
	return out, nil
}

// Advance moves a job on to a status, through those before it. Its attempt ends with the exit code.
func (w *World) Advance(ctx context.Context, id string, to batch.JobStatus, exitCode int) error {
	for {
		var reached batch.JobStatus
		_, err := w.Transition(ctx, id, func(j batch.Job) (batch.Job, error) {
			if reached = j.Status; j.Status == to || j.Status.IsTerminal() {
				return j, nil
			}
			next, _, err := lifecycle.Step(j, w.next(&j, to, exitCode), w.Clock.Now())
			reached = next.Status
			return next, err
		})
		if err != nil {
			return fmt.Errorf("job %s: %w", id, err)
		}
		if reached == to || reached.IsTerminal() {
			return nil
		}
	}
}

// next is what happens to a job on its way.
func (w *World) next(j *batch.Job, to batch.JobStatus, exitCode int) lifecycle.Event {
	attempt := len(j.Attempts) + 1
	pod := fmt.Sprintf("aws-batch.%s.%d", j.ID, attempt)
	switch {
	case j.Current == nil:
		ev := lifecycle.Admitted{ComputeEnvironment: "on-demand", PodName: pod, PodNamespace: "jobs"}
		for i := range j.NumNodes {
			ev.Nodes = append(ev.Nodes, fmt.Sprintf("%s.%d", pod, i))
		}
		return ev
	case j.Status == batch.StatusRunnable:
		return lifecycle.Bound{
			Attempt: attempt, Node: j.MainNode, NodeName: "node-1.example", InstanceID: "i-0123456789abcdef0",
			Host: &batch.Host{InstanceType: "m5.xlarge", CapacityType: "ON_DEMAND", PricePerHour: 0.192, Share: 0.5, BoundAt: w.Clock.Now()},
		}
	case j.Status == batch.StatusStarting && to != batch.StatusStarting:
		return lifecycle.Started{Attempt: attempt, Node: j.MainNode, At: w.Clock.Now()}
	}
	return lifecycle.Ended{
		Attempt: attempt, Node: j.MainNode, Succeeded: exitCode == 0, StatusReason: lifecycle.ReasonExited,
		Containers: []batch.ContainerOutcome{{Name: "default", ExitCode: &exitCode}},
	}
}
