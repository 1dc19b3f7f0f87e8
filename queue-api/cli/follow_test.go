// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
)

// said is what a program that was started has printed once it has ended.
type said struct {
	stdout, stderr string
	code           int
}

// follows starts muster logs -f of a job and gives what it will have said.
func follows(t *testing.T, endpoint, id string) <-chan said {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	ended := make(chan said, 1)
	go func() {
		defer cancel()
		var s said
		s.stdout, s.stderr, s.code = play(ctx, endpoint, "logs", "-f", id)
		ended <- s
	}()
	return ended
}

// start has a job run that has written a line with an end and one without.
func (w *world) start(t *testing.T, name string) string {
	t.Helper()
	out, errs, code := play(t.Context(), w.url, "submit", "-q", "q", "-d", "d", "--name", name, "-o", "name")
	if code != 0 {
		t.Fatal(errs)
	}
	id := strings.TrimSpace(out)
	w.end(t, id, batch.StatusRunning, outcome{})
	job, err := w.Job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	w.write(job, 0, "one")
	w.writeOpen(job, "the last one")
	return id
}

// end moves a job on.
func (w *world) end(t *testing.T, id string, to batch.JobStatus, how outcome) {
	t.Helper()
	if err := w.advance(t.Context(), id, to, how); err != nil {
		t.Fatal(err)
	}
}

// asks is how often the API was asked for logs.
func (w *world) asks() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.requests {
		if r == "POST /" {
			n++
		}
	}
	return n
}

// awaitAsks waits until it has been asked some more times.
func (w *world) awaitAsks(t *testing.T, more int) {
	t.Helper()
	begin := w.asks()
	for deadline := time.Now().Add(time.Minute); w.asks() < begin+more; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody asks for the log")
		}
	}
}

// awaitGone waits until a pod's log is kept, and the pod gone.
func (w *world) awaitGone(t *testing.T, name string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); w.hasPod(name); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the log is not kept")
		}
	}
}

// TestFollowedToItsEnd has an archive be away while a job ends: who follows goes on until the log is kept, for a last line without
// an end as for one that comes late, and no longer.
func TestFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	id := w.start(t, "late")
	ended := follows(t, w.url, id)
	w.awaitAsks(t, 2)
	w.archive.isDown.Store(true)
	w.end(t, id, batch.StatusFailed, outcome{exitCode: 7})
	w.awaitAsks(t, 5)
	if len(ended) > 0 {
		t.Fatalf("it ended while the log was being kept: %+v", <-ended)
	}
	w.archive.isDown.Store(false)
	if diff := cmp.Diff(said{stdout: "one\nthe last one\n"}, <-ended, cmp.AllowUnexported(said{})); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	asks := w.asks()
	if diff := cmp.Diff(said{stdout: "one\nthe last one\n"}, <-follows(t, w.url, id), cmp.AllowUnexported(said{})); diff != "" {
		t.Errorf("of a log that is kept (-want +got):\n%s", diff)
	}
	if n := w.asks() - asks; n != 1 {
		t.Errorf("a log that is kept is asked for %d times", n)
	}
}

// TestFollowedToAnEndThatIsMissing says what is missing, and why.
func TestFollowedToAnEndThatIsMissing(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	id := w.start(t, "lost")
	ended := follows(t, w.url, id)
	w.awaitAsks(t, 2)
	w.end(t, id, batch.StatusFailed, outcome{isLost: true})
	const why = "the machine was lost before the rest was read"
	got := <-ended
	if want := "one\n[the log ends here: " + why + "]\n"; got.stdout != want || got.code != 0 {
		t.Errorf("exit code %d, printed %q, want %q", got.code, got.stdout, want)
	}
	if want := " is not whole (incomplete): " + why + "\n"; !strings.HasSuffix(got.stderr, want) || !strings.HasPrefix(got.stderr, "Log d/default/") {
		t.Errorf("told %q, want …%q", got.stderr, want)
	}
	_, stderr, _ := play(t.Context(), w.url, "logs", id)
	if stderr != got.stderr {
		t.Errorf("who reads it later is told %q", stderr)
	}
}

// TestNothingIsKept of a job that ran: its pod is gone, and the archive has nothing.
func TestNothingIsKept(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	id := w.start(t, "gone")
	job, err := w.Job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	w.archive.isDown.Store(true)
	w.end(t, id, batch.StatusSucceeded, outcome{})
	w.forget(job.Current.PodName)
	got := <-follows(t, w.url, id)
	if got.stdout != "" || got.code != 0 || !strings.HasPrefix(got.stderr, "Nothing is kept of d/default/") {
		t.Errorf("%+v", got)
	}
}

// without has a server answer requests for logs in another way.
func without(t *testing.T, w *world, logs func(http.ResponseWriter, *http.Request, http.Handler)) string {
	t.Helper()
	target, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	through := httputil.NewSingleHostReverseProxy(target)
	through.ModifyResponse = func(r *http.Response) error {
		if r.Request.URL.Path != "/" {
			return nil
		}
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		var body map[string]json.RawMessage
		if err := json.Unmarshal(text, &body); err != nil {
			return err
		}
		delete(body, "musterEnd")
		if text, err = json.Marshal(body); err != nil {
			return err
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		r.Header.Del("Content-Length")
		return nil
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" && logs != nil {
			logs(rw, r, through)
			return
		}
		through.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestFollowedAtAServerThatDoesNotTell ends nevertheless: at one of an older version, and at one without logs.
func TestFollowedAtAServerThatDoesNotTell(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	cases := map[string]struct {
		logs       func(http.ResponseWriter, *http.Request, http.Handler)
		want, told string
	}{
		"of an older version": {want: "one\nthe last one\n"},
		"without logs": {
			logs: func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
				rw.Header().Set("X-Amzn-Errortype", "UnknownOperationException")
				rw.WriteHeader(http.StatusNotFound)
				_, _ = io.WriteString(rw, `{"message":"no"}`)
			},
			told: "The server keeps no logs: see --log-dir and --log-url of queue-api\n",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := w.start(t, strings.ReplaceAll(name, " ", "-"))
			job, err := w.Job(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			w.end(t, id, batch.StatusSucceeded, outcome{})
			w.awaitGone(t, job.Current.PodName) // what such a server does not tell cannot be waited for
			if diff := cmp.Diff(said{stdout: tc.want, stderr: tc.told}, <-follows(t, without(t, w, tc.logs), id), cmp.AllowUnexported(said{})); diff != "" {
				t.Errorf("mismatch (-want +got):\n%s", diff)
			}
		})
	}
}
