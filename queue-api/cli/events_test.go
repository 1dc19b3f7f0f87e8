// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
)

// play runs the program and gives what it printed and its exit code.
func play(ctx context.Context, endpoint string, args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	getenv := func(name string) string {
		return map[string]string{"MUSTER_ENDPOINT_URL": endpoint, "MUSTER_TOKEN": ""}[name]
	}
	code = Main(ctx, Config{In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: getenv}, args)
	return out.String(), errs.String(), code
}

// TestEventsGoOnWhereTheStreamBroke has a server break off after each event: each is printed once.
func TestEventsGoOnWhereTheStreamBroke(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := asked.Add(1); {
		case n == 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case n > 4:
			cancel()
		default:
			after := strings.TrimPrefix(r.Header.Get("Last-Event-ID"), "id")
			fmt.Fprintf(w, ": hello\n\nid: id%sx\nevent: x\ndata: {\"detail\":{\"jobId\":\"job%s\",\"jobName\":\"\\u001b[2J\"}}\n\nid: lost\n", after, after)
		}
	}))
	defer server.Close()
	stdout, stderr, code := play(ctx, server.URL, "events", "-f", "-o", "name")
	if diff := cmp.Diff("job\njobx\njobxx\n", stdout); diff != "" || code != ExitInterrupted {
		t.Errorf("exit code %d, printed (-want +got):\n%s\n%s", code, diff, stderr)
	}
	if !strings.Contains(stderr, "The stream of events broke off, trying again in 1s") {
		t.Errorf("told: %s", stderr)
	}
}

func TestEventsAreRefusedOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"message":"no"}`)
	}))
	defer server.Close()
	if _, stderr, code := play(t.Context(), server.URL, "events", "-f"); code != ExitDenied || asked.Load() != 1 {
		t.Errorf("exit code %d after %d requests: %s", code, asked.Load(), stderr)
	}
}

func TestEventsOfThePast(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	c, err := w.client()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for name, queue := range map[string]string{"one": "q", "two": "empty"} {
		var out struct{ JobID string }
		if err := c.Call(t.Context(), "SubmitJob", rawJSON(fmt.Sprintf(`{"jobName":%q,"jobQueue":%q,"jobDefinition":"d"}`, name, queue)), &out); err != nil {
			t.Fatal(err)
		}
		ids[name] = out.JobID
	}
	if err := w.advance(t.Context(), ids["one"], batch.StatusSucceeded, outcome{}); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		args []string
		want map[string]int // how often it is printed
	}{
		"all":               {nil, map[string]int{ids["one"]: 4, ids["two"]: 1, "SUCCEEDED": 1}},
		"of a queue":        {[]string{"--queue", "empty"}, map[string]int{ids["one"]: 0, ids["two"]: 1}},
		"of a job":          {[]string{"--job", ids["one"]}, map[string]int{ids["one"]: 4, ids["two"]: 0}},
		"of some statuses":  {[]string{"--status", "STARTING", "--status", "SUCCEEDED"}, map[string]int{ids["one"]: 2, "STARTING": 1}},
		"of a name, as IDs": {[]string{"--name", "t*", "-o", "name"}, map[string]int{ids["two"]: 1, "two": 0}},
		"as JSON":           {[]string{"--job", ids["two"], "-o", "json"}, map[string]int{`"detail-type":"Batch Job State Change"`: 1, "\n": 1}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := play(t.Context(), w.url, append([]string{"events"}, tc.args...)...)
			for text, want := range tc.want {
				if got := strings.Count(stdout, text); got != want || code != ExitOK {
					t.Errorf("exit code %d, %q is there %d times, want %d:\n%s%s", code, text, got, want, stdout, stderr)
				}
			}
		})
	}
}
