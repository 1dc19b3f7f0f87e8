// SPDX-License-Identifier: Apache-2.0

package events

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/storetest"
)

var scope = batch.Scope{Region: "us-west-2", Account: "210987654321"}

// jobs describes what the store has.
type jobs struct{ store *storetest.Memory }

func (d jobs) DescribeJobs(ctx context.Context, call batch.Call, in *awsapi.DescribeJobsRequest) (*awsapi.DescribeJobsResponse, error) {
	found, err := d.store.Jobs(ctx, in.Jobs)
	out := &awsapi.DescribeJobsResponse{}
	for _, j := range found {
		out.Jobs = append(out.Jobs, awsapi.JobDetail{
			JobId: &j.ID, JobArn: new(call.ARN(batch.ARNJob, j.ID)), JobName: &j.Name, Status: new(string(j.Status)),
			StoppedAt: new(j.StoppedAt.UnixMilli()), Attempts: []awsapi.AttemptDetail{}, Tags: map[string]string{},
		})
	}
	return out, err
}

type fixture struct {
	store *storetest.Memory
	queue batch.JobQueue
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	store := storetest.NewMemory()
	q, err := store.CreateQueue(t.Context(), batch.JobQueue{Name: "q", State: batch.Enabled})
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{store: store, queue: q}
}

func (f *fixture) composer() Composer { return Composer{Jobs: jobs{f.store}, Scope: scope} }

// submit stores a RUNNABLE job.
func (f *fixture) submit(t *testing.T) string {
	t.Helper()
	id, err := batch.NewJobID(f.queue.Number, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.store.Submit(t.Context(), f.queue.Number, batch.Job{ID: id, Name: "j", Queue: "q", Status: batch.StatusRunnable}); err != nil {
		t.Fatal(err)
	}
	return id
}

func (f *fixture) step(t *testing.T, id string, events ...lifecycle.Event) {
	t.Helper()
	for _, ev := range events {
		_, err := f.store.Transition(t.Context(), id, func(j batch.Job) (batch.Job, error) {
			next, _, err := lifecycle.Step(j, ev, time.UnixMilli(1_700_000_000_123))
			return next, err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (f *fixture) compose(t *testing.T) []Event {
	t.Helper()
	changes, err := f.store.StatusChanges(t.Context(), f.queue.Number, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	events, err := f.composer().Compose(t.Context(), f.queue, changes)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// Contract 10.4: the envelope of a state change.
func TestStateChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.submit(t)
	f.step(t, id, lifecycle.Cancelled{Reason: "not needed"})
	events := f.compose(t)
	if len(events) != 2 {
		t.Fatalf("%d events, want 2", len(events))
	}
	text, err := json.Marshal(events[1])
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if at, _ := got["time"].(string); !strings.HasSuffix(at, "Z") || strings.Contains(at, ".") {
		t.Errorf("time %q is not whole seconds of UTC", at)
	}
	detail, _ := got["detail"].(map[string]any)
	delete(got, "time")
	delete(got, "id")
	delete(got, "detail")
	want := map[string]any{
		"version": "0", "detail-type": "Batch Job State Change", "source": "aws.batch", "account": "210987654321", "region": "us-west-2",
		"resources": []any{"arn:aws:batch:us-west-2:210987654321:job/" + id},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("envelope (-want +got):\n%s", diff)
	}
	if detail["status"] != "FAILED" || detail["statusReason"] != "not needed" || detail["jobId"] != id {
		t.Errorf("detail %v", detail)
	}
}

func TestEventTellsItsOwnMoment(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.submit(t)
	f.step(t, id, lifecycle.Cancelled{Reason: "r"})
	first := f.compose(t)[0]
	if *first.Detail.Status != "RUNNABLE" || first.Detail.StatusReason != nil || first.Detail.StoppedAt != nil {
		t.Errorf("the first event tells of the job's end: %+v", first.Detail)
	}
	if again := f.compose(t)[0]; again.ID != first.ID {
		t.Errorf("the same change has the ids %s and %s", first.ID, again.ID)
	}
}

// Contract 10.4 and 5.8: a queue that is blocked by its head.
func TestQueueBlocked(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.submit(t)
	const reason = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) is higher than that can be met by the CE(s) attached to the job queue."
	f.step(t, id, lifecycle.Blocked{Reason: reason})
	events := f.compose(t)
	last := events[len(events)-1]
	if last.DetailType != QueueBlocked || *last.Detail.Status != "RUNNABLE" || *last.Detail.StatusReason != reason {
		t.Errorf("got %+v", last)
	}
	want := []string{"arn:aws:batch:us-west-2:210987654321:job/" + id, "arn:aws:batch:us-west-2:210987654321:job-queue/q"}
	if diff := cmp.Diff(want, last.Resources); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
}

func TestForgottenJobIsShownByItsChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id, err := batch.NewJobID(f.queue.Number, nil)
	if err != nil {
		t.Fatal(err)
	}
	events, err := f.composer().Compose(t.Context(), f.queue, []batch.StatusChange{{Cursor: "1", JobID: id, From: batch.StatusRunning, To: batch.StatusSucceeded}})
	if err != nil || *events[0].Detail.JobId != id || *events[0].Detail.Status != "SUCCEEDED" {
		t.Errorf("got %+v, %v", events, err)
	}
}

// frames reads server-sent events into ids and statuses.
func frames(t *testing.T, body io.Reader, n int) (ids, statuses []string) {
	t.Helper()
	scanner := bufio.NewScanner(body)
	scanner.Buffer(nil, 1<<20)
	for len(statuses) < n && scanner.Scan() {
		line := scanner.Text()
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			ids = append(ids, id)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			var e Event
			if err := json.Unmarshal([]byte(data), &e); err != nil {
				t.Fatal(err)
			}
			statuses = append(statuses, *e.Detail.Status)
		}
	}
	return ids, statuses
}

// openStream opens a stream that ends with the test. Its header says how it was answered.
func openStream(t *testing.T, url, lastEventID string) (int, http.Header, io.Reader) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if lastEventID != "" {
		r.Header.Set("Last-Event-ID", lastEventID)
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reply.Body.Close() })
	return reply.StatusCode, reply.Header, reply.Body
}

func TestStreamGoesOnWhereTheClientLeftOff(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	server := httptest.NewServer(NewStream(f.store, f.composer(), StreamConfig{Poll: 5 * time.Millisecond}))
	t.Cleanup(server.Close)
	f.submit(t) // before the stream: not told
	_, header, body := openStream(t, server.URL, "")
	if got := header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("content type %q", got)
	}
	id := f.submit(t)
	f.step(t, id, lifecycle.Cancelled{Reason: "r"})
	ids, statuses := frames(t, body, 2)
	if diff := cmp.Diff([]string{"RUNNABLE", "FAILED"}, statuses); diff != "" {
		t.Fatalf("statuses (-want +got):\n%s", diff)
	}
	_, _, rest := openStream(t, server.URL, ids[0])
	_, again := frames(t, rest, 1)
	if diff := cmp.Diff([]string{"FAILED"}, again); diff != "" {
		t.Errorf("after the first event (-want +got):\n%s", diff)
	}
}

func TestStreamOfOneJob(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	server := httptest.NewServer(NewStream(f.store, f.composer(), StreamConfig{Poll: 5 * time.Millisecond}))
	t.Cleanup(server.Close)
	mine := f.submit(t)
	_, _, body := openStream(t, server.URL+"?jobQueue=q&jobId="+mine, "")
	f.step(t, f.submit(t), lifecycle.Cancelled{Reason: "other"})
	f.step(t, mine, lifecycle.Terminated{Reason: "mine"})
	if _, statuses := frames(t, body, 1); len(statuses) != 1 || statuses[0] != "FAILED" {
		t.Errorf("got %v", statuses)
	}
}

func TestStreamRefusals(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	full := NewStream(f.store, f.composer(), StreamConfig{MaxStreams: 1})
	full.open.Store(1)
	for name, tc := range map[string]struct {
		stream      *Stream
		query, last string
		status      int
		code        string
	}{
		"unknown queue":    {NewStream(f.store, f.composer(), StreamConfig{}), "?jobQueue=nope", "", 400, "ClientException"},
		"forged id":        {NewStream(f.store, f.composer(), StreamConfig{}), "", "garbage!", 400, "ClientException"},
		"too many streams": {full, "", "", 429, "TooManyRequestsException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(tc.stream)
			t.Cleanup(server.Close)
			status, header, _ := openStream(t, server.URL+tc.query, tc.last)
			if status != tc.status || header.Get("X-Amzn-Errortype") != tc.code {
				t.Errorf("got %d %s", status, header.Get("X-Amzn-Errortype"))
			}
		})
	}
}

// receiver is a webhook that fails every second request.
type receiver struct {
	mu       sync.Mutex // guards what follows
	requests int
	events   []Event
	unsigned int
}

const secret = "0123456789abcdef"

func (h *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	if !Verify(secret, r.Header.Get(HeaderSignature), body, time.Now(), time.Minute) {
		h.unsigned++
	}
	h.requests++
	if h.requests%2 == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var e Event
	_ = json.Unmarshal(body, &e)
	h.events = append(h.events, e)
}

// At least once and, of each job, in order, although every second request fails.
func TestWebhookGetsEverythingInOrder(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	receiver := &receiver{}
	server := httptest.NewServer(receiver)
	t.Cleanup(server.Close)
	hook := Webhook{Name: "hook", URL: server.URL, Secret: secret, Statuses: []batch.JobStatus{batch.StatusRunnable, batch.StatusFailed}}
	w := f.webhooks(t, hook, AllowList{netip.MustParsePrefix("127.0.0.0/8")})
	var want []string
	for range 5 {
		id := f.submit(t)
		f.step(t, id, lifecycle.Cancelled{Reason: "r"})
		want = append(want, id+" RUNNABLE", id+" FAILED")
	}
	for range 2 * len(want) {
		err := w.round(t.Context(), hook)
		if isBehind := testutil.ToFloat64(w.lag.WithLabelValues("hook")) > 0; isBehind != (err != nil) {
			t.Errorf("the webhook is behind: %v, although the round ended with %v", isBehind, err)
		}
		if err == nil {
			break
		}
	}
	var got []string
	for _, e := range receiver.events {
		got = append(got, *e.Detail.JobId+" "+*e.Detail.Status)
	}
	if diff := cmp.Diff(want, got); diff != "" || receiver.unsigned != 0 {
		t.Errorf("%d unsigned; events (-want +got):\n%s", receiver.unsigned, diff)
	}
	if err := w.round(t.Context(), hook); err != nil || len(receiver.events) != len(want) {
		t.Errorf("told again: %d events, %v", len(receiver.events), err)
	}
}

func (f *fixture) webhooks(t *testing.T, hook Webhook, allow AllowList) *Webhooks {
	t.Helper()
	w, err := NewWebhooks([]Webhook{hook}, f.store, f.store, f.composer(), prometheus.NewRegistry(),
		WebhooksConfig{Allow: allow, Clock: clock.RealClock{}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWebhookReachesNoInternalAddress(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	receiver := &receiver{}
	server := httptest.NewServer(receiver)
	t.Cleanup(server.Close)
	f.submit(t)
	for _, url := range []string{server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)} {
		hook := Webhook{Name: "hook", URL: url, Secret: secret}
		err := f.webhooks(t, hook, nil).round(t.Context(), hook)
		if err == nil || !strings.Contains(err.Error(), errInternal.Error()) || receiver.requests != 0 {
			t.Errorf("%s: %d requests, error %v", url, receiver.requests, err)
		}
	}
}

func TestWebhookRunRetriesUntilTheEnd(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	receiver := &receiver{requests: 1} // the first one fails
	server := httptest.NewServer(receiver)
	t.Cleanup(server.Close)
	hook := Webhook{Name: "hook", URL: server.URL, Secret: secret, JobQueues: []string{"q"}}
	w := f.webhooks(t, hook, AllowList{netip.MustParsePrefix("127.0.0.1/32")})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	f.submit(t)
	w.Wake()
	deadline := time.After(3 * time.Minute)
	for {
		receiver.mu.Lock()
		n := len(receiver.events)
		receiver.mu.Unlock()
		if n == 1 {
			break
		}
		select {
		case <-deadline:
			t.Fatal("not delivered")
		case <-time.After(10 * time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestPermits(t *testing.T) {
	t.Parallel()
	list, err := ParseAllowList([]string{"10.1.0.0/16", "192.168.7.9"})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true, "10.1.2.3": true, "192.168.7.9": true,
		"10.2.0.1": false, "127.0.0.1": false, "::1": false, "169.254.169.254": false, "fe80::1": false, "fd00::1": false,
		"0.0.0.0": false, "100.64.0.1": false, "::ffff:127.0.0.1": false, "224.0.0.1": false, "255.255.255.255": false, "64:ff9b::7f00:1": false,
	} {
		if got := list.permits(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
	if _, err := ParseAllowList([]string{"example.com"}); err == nil {
		t.Error("a name is on the list")
	}
}

func TestParseWebhooks(t *testing.T) {
	t.Parallel()
	hooks, err := parseWebhooks([]byte("webhooks:\n- {name: a, url: 'https://example.com/x', secret: 0123456789abcdef-, statuses: [FAILED]}\n"))
	if err != nil || len(hooks) != 1 || !slices.Equal(hooks[0].Statuses, []batch.JobStatus{batch.StatusFailed}) {
		t.Fatalf("got %+v, %v", hooks, err)
	}
	for text, want := range map[string]string{
		`webhooks: [{name: A, url: "https://x.example", secret: 0123456789abcdefg}]`:                                                 "webhooks[0]: name: must match",
		`webhooks: [{name: a, url: "ftp://x.example", secret: 0123456789abcdefg}]`:                                                   "webhooks[0]: url: must be",
		`webhooks: [{name: a, url: "https://x.example", secret: short}]`:                                                             "webhooks[0]: secret: must have at least 16 characters",
		`webhooks: [{name: a, url: "https://x.example", secret: 0123456789abcdefg, statuses: [DONE]}]`:                               "statuses: DONE is not a job status",
		`webhooks: [{name: a, url: "https://x.example", secret: 0123456789abcdefg, pasword: hunter2}]`:                               "not a list of webhooks",
		`webhooks: [{name: a, url: "https://x", secret: 0123456789abcdefg}, {name: a, url: "https://y", secret: 0123456789abcdefg}]`: "webhooks[1]: name a is taken",
	} {
		if _, err := parseWebhooks([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	signature := Sign(secret, now, []byte("body"))
	for name, tc := range map[string]struct {
		secret, signature, body string
		now                     time.Time
		want                    bool
	}{
		"as sent":      {secret, signature, "body", now, true},
		"other body":   {secret, signature, "bodx", now, false},
		"other secret": {"0123456789abcdeg", signature, "body", now, false},
		"old":          {secret, signature, "body", now.Add(time.Hour), false},
		"from later":   {secret, signature, "body", now.Add(-time.Hour), false},
		"garbage":      {secret, "t=x,v1=zz", "body", now, false},
		"empty":        {secret, "", "body", now, false},
	} {
		if got := Verify(tc.secret, tc.signature, []byte(tc.body), tc.now, time.Minute); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzParseSignature(f *testing.F) {
	f.Add("t=1,v1=00")
	f.Fuzz(func(_ *testing.T, s string) { _, _, _ = parseSignature(s) })
}

func FuzzDecodeCursors(f *testing.F) {
	f.Add(encodeCursors(map[int]string{1: "2-3"}))
	f.Fuzz(func(t *testing.T, s string) {
		if cursors, err := decodeCursors(s); err == nil && cursors == nil {
			t.Error("no cursors and no error")
		}
	})
}
