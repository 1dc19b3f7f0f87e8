// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// fakeViews has two queues, and one array.
type fakeViews struct{}

var _ Views = fakeViews{}

var twoQueues = &viewapi.Summary{At: 7, Queues: []viewapi.QueueSummary{
	{JobQueue: "a", Counts: map[string]int64{"RUNNABLE": 2, "FAILED": 1}, VCPUsUsed: 1.5, Attempts: 3},
	{JobQueue: "b", Counts: map[string]int64{"RUNNABLE": 40}, VCPUsUsed: 0.5},
}}

func (fakeViews) Summary(context.Context) (*viewapi.Summary, error) { return twoQueues, nil }

func (fakeViews) ArrayStatuses(_ context.Context, _ batch.Call, id string) (*viewapi.Array, error) {
	return &viewapi.Array{JobID: id, Size: 2, Statuses: "DR"}, nil
}

var oneSpending = &viewapi.Spending{At: 7, Queues: []viewapi.QueueSpending{
	{JobQueue: "a", Cost: viewapi.Cost{Dollars: new(1.5), Attempts: 2}}, {JobQueue: "b", Cost: viewapi.Cost{Attempts: 1, UnknownAttempts: 1}},
}}

func (fakeViews) Spending(context.Context) (*viewapi.Spending, error) { return oneSpending, nil }

func (fakeViews) JobCost(_ context.Context, id string) (*viewapi.JobCost, error) {
	return &viewapi.JobCost{JobID: id, Cost: viewapi.Cost{Attempts: 1, UnknownAttempts: 1}}, nil
}

// onlyQueue lets the caller see one queue of a summary.
type onlyQueue struct{ name string }

func (onlyQueue) Authorize(context.Context, batch.Call, string, any) error { return nil }

func (o onlyQueue) Filter(_ context.Context, _ batch.Call, _ string, out any) error {
	if s, ok := out.(*viewapi.Summary); ok {
		kept := []viewapi.QueueSummary{}
		for _, q := range s.Queues {
			if q.JobQueue == o.name {
				kept = append(kept, q)
			}
		}
		s.Queues = kept
	}
	if s, ok := out.(*viewapi.Spending); ok {
		s.Queues = s.Queues[:1]
	}
	return nil
}

func TestSpendingIsWhatIsSeen(t *testing.T) {
	t.Parallel()
	cfg := Config{Views: fakeViews{}, Authorizer: onlyQueue{"a"}}
	w := do(newServer(t, fakePlane{}, cfg), httptest.NewRequestWithContext(t.Context(), http.MethodGet, viewapi.PathSpending, http.NoBody))
	if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, `"jobQueue":"a","cost":{"dollars":1.5,"attempts":2}`) || strings.Contains(body, `"b"`) {
		t.Errorf("answered %d %s", w.Code, body)
	}
	if len(oneSpending.Queues) != 2 {
		t.Error("the shared answer was changed")
	}
	w = do(newServer(t, fakePlane{}, cfg), httptest.NewRequestWithContext(t.Context(), http.MethodGet, viewapi.PathCost(fakeJobID), http.NoBody))
	if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, `"jobId":"`+fakeJobID+`"`) || !strings.Contains(body, `"cost":{"attempts":1,"unknownAttempts":1}`) {
		t.Errorf("answered %d %s", w.Code, body)
	}
}

func TestSummaryCountsWhatIsSeen(t *testing.T) {
	t.Parallel()
	cfg := Config{Views: fakeViews{}, Authorizer: onlyQueue{"a"}}
	w := do(newServer(t, fakePlane{}, cfg), httptest.NewRequestWithContext(t.Context(), http.MethodGet, viewapi.PathSummary, http.NoBody))
	var got viewapi.Summary
	if err := decode(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if len(got.Queues) != 1 || got.Totals.Counts["RUNNABLE"] != 2 || got.Totals.VCPUsUsed != 1.5 || got.Totals.Attempts != 3 {
		t.Errorf("answered %s", w.Body)
	}
	if len(twoQueues.Queues) != 2 || twoQueues.Totals.Counts != nil {
		t.Error("the shared summary was changed")
	}
}

func TestArrayIsAskedForByID(t *testing.T) {
	t.Parallel()
	w := do(newServer(t, fakePlane{}, Config{Views: fakeViews{}}), httptest.NewRequestWithContext(t.Context(), http.MethodGet, viewapi.PathArray(fakeJobID), http.NoBody))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `{"jobId":"`+fakeJobID+`","size":2,"statuses":"DR"}`) {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}

func TestConsoleIsBesideTheAPI(t *testing.T) {
	t.Parallel()
	var as func(batch.User) http.Handler
	cfg := guardedConfig(t)
	seen := ""
	cfg.Authorizer = authorizerOf(func(call batch.Call) { seen = call.User.Name + " " + call.Principal })
	cfg.Console = func(api func(batch.User) http.Handler) (http.Handler, error) {
		as = api
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }), nil
	}
	s := newServer(t, fakePlane{}, cfg)
	for name, tc := range map[string]struct {
		method, path, accept string
		want                 int
	}{
		"a page":                      {http.MethodGet, "/console/jobs", "", http.StatusTeapot},
		"a form":                      {http.MethodPost, "/console/logout", "", http.StatusTeapot},
		"without its slash":           {http.MethodGet, "/console", "", http.StatusFound},
		"a browser at the root":       {http.MethodGet, "/", "text/html,*/*", http.StatusFound},
		"an SDK at the root":          {http.MethodGet, "/", "*/*", http.StatusForbidden},
		"CloudWatch Logs at the root": {http.MethodPost, "/", "text/html", http.StatusForbidden},
		"the API":                     {http.MethodPost, "/v1/listjobs", "", http.StatusForbidden},
		"the API, through the pages":  {http.MethodPost, "/console/../v1/listjobs", "", http.StatusTeapot},
		"what is like the console":    {http.MethodGet, "/consolex", "", http.StatusForbidden},
	} {
		r := httptest.NewRequestWithContext(t.Context(), tc.method, tc.path, strings.NewReader("{}"))
		r.Header.Set("Accept", tc.accept)
		if w := do(s, r); w.Code != tc.want {
			t.Errorf("%s: %d %s, want %d", name, w.Code, w.Body, tc.want)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/listjobs", strings.NewReader(`{"jobQueue":"q"}`))
	w := httptest.NewRecorder()
	as(batch.User{Name: "ann"}).ServeHTTP(w, r)
	if w.Code != http.StatusOK || seen != "ann ann" {
		t.Errorf("as ann: %d %s, authorized as %q", w.Code, w.Body, seen)
	}
}

// authorizerOf allows everything and tells who asked.
type authorizerOf func(batch.Call)

func (a authorizerOf) Authorize(_ context.Context, call batch.Call, _ string, _ any) error {
	a(call)
	return nil
}

func (authorizerOf) Filter(context.Context, batch.Call, string, any) error { return nil }
