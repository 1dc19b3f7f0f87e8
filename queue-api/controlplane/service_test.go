// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/storetest"
)

var (
	t0      = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	caller  = batch.Call{Scope: batch.Scope{Region: "eu-west-1", Account: "111122223333"}, Principal: "AKID"}
	arnBase = "arn:aws:batch:eu-west-1:111122223333:"
)

// ms is a time after t0 in milliseconds since the epoch.
func ms(after time.Duration) string { return strconv.FormatInt(t0.Add(after).UnixMilli(), 10) }

// A fixture is a Service over an empty reference store.
type fixture struct {
	*Service
	store *storetest.Memory
	clock *clocktesting.FakePassiveClock
}

func newFixture(tb testing.TB) *fixture {
	tb.Helper()
	store, clk := storetest.NewMemory(), clocktesting.NewFakePassiveClock(t0)
	s, err := New(store, clk, Config{})
	if err != nil {
		tb.Fatal(err)
	}
	return &fixture{Service: s, store: store, clock: clk}
}

// newBusyFixture has what a job needs: environment ce, queue q, definition d of containerProperties, e of eksProperties.
func newBusyFixture(tb testing.TB) *fixture {
	tb.Helper()
	f := newFixture(tb)
	ok(tb, f.CreateComputeEnvironment, environmentBody("ce"))
	ok(tb, f.CreateJobQueue, queueBody("q"))
	ok(tb, f.RegisterJobDefinition, containerDefinition)
	ok(tb, f.RegisterJobDefinition, eksDefinition)
	return f
}

func environmentBody(name string) string {
	return `{"computeEnvironmentName":"` + name + `","type":"MANAGED","computeResources":{"type":"EC2","minvCpus":0,"maxvCpus":8,"instanceTypes":["c5.large"]},
		"eksConfiguration":{"eksClusterArn":"arn:aws:eks:eu-west-1:111122223333:cluster/c","kubernetesNamespace":"jobs"}}`
}

// queueBody is a queue before environment ce.
func queueBody(name string) string {
	return `{"jobQueueName":"` + name + `","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`
}

const (
	containerDefinition = `{"jobDefinitionName":"d","type":"container","parameters":{"n":"1"},"containerProperties":{"image":"busybox","command":["echo","Ref::n"],
		"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}}`
	eksDefinition = `{"jobDefinitionName":"e","type":"container","eksProperties":{"podProperties":{"containers":[{"image":"busybox","command":["sleep","1"],
		"resources":{"limits":{"cpu":"1","memory":"64Mi"}}}]}}}`
)

// An operation is one of Service's.
type operation[In, Out any] func(context.Context, batch.Call, *In) (*Out, error)

// do sends a request the way httpapi does, and gives the reply as JSON.
func do[In, Out any](tb testing.TB, op operation[In, Out], body string) (string, error) {
	tb.Helper()
	in := new(In)
	if err := json.Unmarshal([]byte(body), in); err != nil {
		tb.Fatalf("bad request in test: %v", err)
	}
	if err := any(in).(interface{ Validate() error }).Validate(); err != nil {
		return "", batch.Invalidf("%v", err)
	}
	out, err := op(tb.Context(), caller, in)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(out)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b), nil
}

// ok sends a request that must succeed.
func ok[In, Out any](tb testing.TB, op operation[In, Out], body string) string {
	tb.Helper()
	out, err := do(tb, op, body)
	if err != nil {
		tb.Fatalf("%s: %v", body, err)
	}
	return out
}

// reply sends a request that must succeed, and gives the decoded reply.
func reply[In, Out any](tb testing.TB, op operation[In, Out], body string) Out {
	tb.Helper()
	var out Out
	if err := json.Unmarshal([]byte(ok(tb, op, body)), &out); err != nil {
		tb.Fatal(err)
	}
	return out
}

// wantRefusal checks that err is the caller's fault and says so in these words.
func wantRefusal(tb testing.TB, err error, want string) {
	tb.Helper()
	var refusal *batch.Error
	if !errors.As(err, &refusal) {
		tb.Fatalf("got error %v, want a refusal: %s", err, want)
	}
	if diff := cmp.Diff(want, refusal.Message); diff != "" {
		tb.Errorf("message mismatch (-want +got):\n%s", diff)
	}
	if refusal.Code != batch.CodeClient {
		tb.Errorf("got code %s", refusal.Code)
	}
}

// wantJSON compares replies by what they say.
func wantJSON(tb testing.TB, want, got string) {
	tb.Helper()
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		tb.Fatalf("bad JSON in test: %v", err)
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		tb.Fatal(err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		tb.Errorf("reply mismatch (-want +got):\n%s", diff)
	}
}

// submit gives the id of a new job.
func (f *fixture) submit(tb testing.TB, body string) string {
	tb.Helper()
	return *reply(tb, f.SubmitJob, body).JobId
}

// step takes a job through events.
func (f *fixture) step(tb testing.TB, id string, events ...lifecycle.Event) {
	tb.Helper()
	for _, ev := range events {
		_, err := f.store.Transition(tb.Context(), id, func(job batch.Job) (batch.Job, error) {
			next, _, err := lifecycle.Step(job, ev, f.clock.Now())
			return next, err
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
}

func TestNewRefusesNegativeLimits(t *testing.T) {
	t.Parallel()
	store := storetest.NewMemory()
	if _, err := New(store, clocktesting.NewFakePassiveClock(t0), Config{MaxListScan: -1}); err == nil {
		t.Error("a negative limit was accepted")
	}
}
