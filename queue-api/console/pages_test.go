// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

const testJob = "00001aaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

func arnOf(kind, name string) *string {
	return new(batch.Scope{Region: "us-east-1", Account: "123456789012"}.ARN(kind, name))
}

// oneQueue is what the API answers of a queue q with a job, all of whose texts are hostile.
func oneQueue() map[string]any {
	answers := noQueues()
	h := &viewapi.History{From: testTime.Add(-24 * time.Hour).UnixMilli(), StepSeconds: 300}
	for range 288 {
		h.Runnable, h.Running, h.Succeeded, h.Failed, h.VCPUs = append(h.Runnable, 1), append(h.Running, 1), append(h.Succeeded, 1), append(h.Failed, 1), append(h.VCPUs, 1)
	}
	answers[viewapi.PathSummary] = &viewapi.Summary{Queues: []viewapi.QueueSummary{{
		JobQueue: "q", State: "ENABLED", Status: "INVALID", StatusReason: hostile, Paused: true, Counts: map[string]int64{"RUNNABLE": 1234567}, History: h,
		OldestRunnableAgeSeconds: new(int64(7200)), VCPUsUsed: 3, MaxVCPUs: new(4.0),
	}}}
	answers["/v1/describejobqueues"] = &awsapi.DescribeJobQueuesResponse{JobQueues: []awsapi.JobQueueDetail{{
		JobQueueName: new("q"), JobQueueArn: arnOf(batch.ARNJobQueue, "q"), State: new("ENABLED"), Tags: map[string]string{"x": hostile},
		ComputeEnvironmentOrder: []awsapi.ComputeEnvironmentOrder{{Order: new(1), ComputeEnvironment: new(hostile)}},
	}}}
	answers["/v1/getjobqueuesnapshot"] = &awsapi.GetJobQueueSnapshotResponse{FrontOfQueue: &awsapi.FrontOfQueueDetail{
		Jobs: []awsapi.FrontOfQueueJobSummary{{JobArn: arnOf(batch.ARNJob, testJob), EarliestTimeAtPosition: new(testTime.UnixMilli())}},
	}}
	answers["/v1/listjobs"] = &awsapi.ListJobsResponse{NextToken: new("next page"), JobSummaryList: []awsapi.JobSummary{{
		JobId: new(testJob), JobName: new(hostile), Status: new("RUNNABLE"), StatusReason: new(hostile), ShareIdentifier: new(hostile),
		CreatedAt: new(testTime.UnixMilli()), JobDefinition: arnOf(batch.ARNJobDefinition, "d:1"),
	}}}
	answers["/v1/describejobs"] = &awsapi.DescribeJobsResponse{Jobs: []awsapi.JobDetail{hostileJob()}}
	answers[viewapi.PathCost(testJob)] = &viewapi.JobCost{JobID: testJob, Cost: viewapi.Cost{Dollars: new(1.25), Attempts: 2, UnknownAttempts: 1}, Attempts: []viewapi.AttemptCost{
		{Attempt: 1, Cost: viewapi.Cost{Dollars: new(1.25), Attempts: 1}, Hosts: []viewapi.HostCost{{Node: hostile, InstanceType: hostile, PricePerHour: new(0.5), Share: new(0.25)}}},
	}}
	answers[viewapi.PathExplanation(testJob)] = &viewapi.Explanation{
		Reason: hostile, Code: hostile, Next: hostile, Position: &viewapi.Position{Ahead: 1, Of: 2, Share: hostile, AheadByShare: []viewapi.ShareCount{{Share: hostile, Jobs: 1}}},
		Needs:    &viewapi.Needs{VCPUs: 1, MemoryMiB: 2, Consumables: []viewapi.Consumable{{Name: hostile, Quantity: 3}}},
		Supplies: []viewapi.Supply{{Kind: "computeEnvironment", Name: hostile, Unit: "vCPU", Free: new(1.0), Total: new(4.0), State: hostile}, {Name: "x"}},
		Estimate: &viewapi.Estimate{StartsAt: new(testTime.UnixMilli()), Because: hostile}, Autoscaler: &viewapi.Autoscaler{Message: hostile, At: testTime.UnixMilli()},
	}
	return answers
}

func hostileJob() awsapi.JobDetail {
	return awsapi.JobDetail{
		JobId: new(testJob), JobName: new(hostile), JobQueue: arnOf(batch.ARNJobQueue, "q"), JobDefinition: arnOf(batch.ARNJobDefinition, "d:1"),
		Status: new("RUNNING"), StatusReason: new(hostile), CreatedAt: new(testTime.UnixMilli()), StartedAt: new(testTime.UnixMilli()),
		Tags: map[string]string{hostile: hostile}, Parameters: map[string]string{hostile: hostile},
		DependsOn: []awsapi.JobDependency{{JobId: new(testJob)}, {JobId: new(hostile)}},
		EksAttempts: []awsapi.EksAttemptDetail{{
			NodeName: new(hostile), PodName: new(hostile), StatusReason: new(hostile), StartedAt: new(testTime.UnixMilli()), StoppedAt: new(testTime.UnixMilli()),
			Containers: []awsapi.EksAttemptContainerDetail{{Name: new(hostile), ExitCode: new(1), Reason: new(hostile)}},
		}},
	}
}

func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	b := openLoggedIn(t, &fakeAPI{answers: oneQueue()})
	for _, path := range []string{"/console/", "/console/queues", "/console/queues/q", "/console/jobs", "/console/jobs?group=name&sort=name", "/console/jobs/" + testJob} {
		got := b.get(path)
		if got.status != http.StatusOK || !strings.Contains(got.text, "&lt;script&gt;alert(1)") {
			t.Errorf("%s: %d %s", path, got.status, got.text)
		}
		if strings.Contains(got.text, "<script>alert") || strings.Contains(got.text, "<img src=x") {
			t.Errorf("%s has markup of a tenant's", path)
		}
		if strings.Contains(got.text, " style=") || strings.Contains(got.text, " onclick=") || strings.Contains(got.text, "<style") {
			t.Errorf("%s has inline style or code, which the policy forbids", path)
		}
	}
}

func TestUnseenCharactersAreShown(t *testing.T) {
	t.Parallel()
	got := string(legible([]byte("a\u202eb\x1b[31m\x00c\n\td\u0085")))
	if got != "a\ufffdb\ufffd[31m\ufffdc\n\td\ufffd" {
		t.Errorf("got %q", got)
	}
	plain := []byte("as it is – ü")
	if !bytes.Equal(legible(plain), plain) {
		t.Error("what is plain was changed")
	}
}

func TestJobsAskForOnePage(t *testing.T) {
	t.Parallel()
	list := func(in awsapi.ListJobsRequest) string {
		in.JobQueue, in.MaxResults = new("q"), new(100)
		text, err := json.Marshal(&in)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	filter := func(name, value string) []awsapi.KeyValuesPair {
		return []awsapi.KeyValuesPair{{Name: &name, Values: []string{value}}}
	}
	cases := map[string]struct{ query, want string }{
		"all, of every status":       {"", list(awsapi.ListJobsRequest{Filters: filter("JOB_NAME", "*")})},
		"of a status":                {"?status=FAILED", list(awsapi.ListJobsRequest{JobStatus: new("FAILED")})},
		"by name":                    {"?name=a*&status=FAILED", list(awsapi.ListJobsRequest{JobStatus: new("FAILED"), Filters: filter("JOB_NAME", "a*")})},
		"by definition":              {"?definition=d", list(awsapi.ListJobsRequest{Filters: filter("JOB_DEFINITION", "d")})},
		"by share":                   {"?share=s", list(awsapi.ListJobsRequest{Filters: filter("SHARE_IDENTIFIER", "s")})},
		"after a time":               {"?after=2026-01-02T03:04", list(awsapi.ListJobsRequest{Filters: filter("AFTER_CREATED_AT", strconv.FormatInt(testTime.Truncate(time.Minute).UnixMilli(), 10))})},
		"the next page":              {"?next=token", list(awsapi.ListJobsRequest{Filters: filter("JOB_NAME", "*"), NextToken: new("token")})},
		"a queue that is not listed": {"?queue=q&status=RUNNING", list(awsapi.ListJobsRequest{JobStatus: new("RUNNING")})},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &fakeAPI{answers: oneQueue()}
			b := openLoggedIn(t, api)
			if got := b.get("/console/jobs" + tc.query); got.status != http.StatusOK {
				t.Fatalf("%d %s", got.status, got.text)
			}
			bodies := api.to("/v1/listjobs")
			if len(bodies) != 1 || !sameJSON(t, bodies[0], tc.want) {
				t.Errorf("asked %v, want %s", bodies, tc.want)
			}
		})
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		t.Fatalf("not JSON: %s %s", a, b)
	}
	return fmt.Sprint(x) == fmt.Sprint(y)
}

func TestNextPageKeepsWhatIsAsked(t *testing.T) {
	t.Parallel()
	b := openLoggedIn(t, &fakeAPI{answers: oneQueue()})
	got := b.get("/console/jobs?queue=q&status=RUNNABLE&group=name")
	if !strings.Contains(got.text, `href="/console/jobs?group=name&amp;next=next&#43;page&amp;queue=q&amp;status=RUNNABLE"`) {
		t.Errorf("no link to the next page: %s", got.text)
	}
}

func TestPagesOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	answers := oneQueue()
	answers["/v1/describejobs"] = &awsapi.DescribeJobsResponse{}
	answers["/v1/describejobqueues"] = &awsapi.DescribeJobQueuesResponse{}
	answers["/v1/listjobs"] = &ProblemError{Status: http.StatusForbidden, Code: "AccessDeniedException", Message: "User: ann is not authorized " + hostile}
	b := openLoggedIn(t, &fakeAPI{answers: answers})
	for path, want := range map[string]int{
		"/console/jobs/" + testJob: http.StatusNotFound, "/console/queues/none": http.StatusNotFound, "/console/jobs": http.StatusForbidden,
		"/console/nothing": http.StatusNotFound, "/console/jobs/x/child?index=y": http.StatusBadRequest, "/console/jobs/x/child?index=7": http.StatusSeeOther,
	} {
		if got := b.get(path); got.status != want || strings.Contains(got.text, "<script>alert") {
			t.Errorf("%s: %d %s, want %d", path, got.status, got.text, want)
		}
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	queuePath := "/v1/tags/" + *arnOf(batch.ARNJobQueue, "q")
	many := ids(120)
	cases := map[string]struct {
		path string
		form url.Values
		to   string   // where the API is called
		want []string // what is in each call
		says string
	}{
		"pause":     {"do/queue", url.Values{"queue": {"q"}, "do": {"pause"}}, queuePath, []string{`"muster.sh/paused":"true"`}, "is paused"},
		"resume":    {"do/queue", url.Values{"queue": {"q"}, "do": {"resume"}}, queuePath, []string{""}, "goes on"},
		"disable":   {"do/queue", url.Values{"queue": {"q"}, "do": {"disable"}}, "/v1/updatejobqueue", []string{`"state":"DISABLED"`}, "takes no more jobs"},
		"enable":    {"do/queue", url.Values{"queue": {"q"}, "do": {"enable"}}, "/v1/updatejobqueue", []string{`"state":"ENABLED"`}, "takes jobs again"},
		"cancel":    {"do/jobs", url.Values{"id": {testJob}, "do": {"cancel"}, "reason": {hostile}}, "/v1/canceljobs", []string{`rm -rf`}, "1 job cancelled"},
		"terminate": {"do/jobs", url.Values{"id": many, "do": {"terminate"}}, "/v1/terminatejobs", []string{many[0], many[50], many[100]}, "terminated"},
		"nothing":   {"do/jobs", url.Values{"do": {"cancel"}}, "/v1/canceljobs", nil, "No job is selected"},
		"nonsense":  {"do/jobs", url.Values{"id": {testJob}, "do": {"dance"}}, "/v1/canceljobs", nil, "no such action"},
		"too many":  {"do/jobs", url.Values{"id": ids(1001), "do": {"cancel"}}, "/v1/canceljobs", nil, "At most 1,000 jobs"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := oneQueue()
			answers[queuePath], answers["/v1/updatejobqueue"] = map[string]any{}, map[string]any{}
			answers["/v1/canceljobs"] = &awsapi.CancelJobsResponse{Successful: []string{testJob}}
			answers["/v1/terminatejobs"] = &awsapi.CancelJobsResponse{Successful: []string{testJob}}
			api := &fakeAPI{answers: answers}
			b := openLoggedIn(t, api)
			for _, token := range []string{"", "made up"} {
				form := url.Values{"csrf": {token}}
				maps.Copy(form, tc.form)
				if got := b.post("/console/"+tc.path, form); got.status != http.StatusForbidden || len(api.to(tc.to)) > 0 {
					t.Errorf("with the token %q: %d, sent %v", token, got.status, api.to(tc.to))
				}
			}
			form := url.Values{"csrf": {b.csrf("/console/queues")}, "back": {"/console/queues"}}
			maps.Copy(form, tc.form)
			got := b.post("/console/"+tc.path, form)
			if got.status != http.StatusSeeOther || got.location != "/console/queues" {
				t.Fatalf("answered %d %s %s", got.status, got.location, got.text)
			}
			bodies := api.to(tc.to)
			if len(bodies) != len(tc.want) {
				t.Fatalf("%d calls, want %d", len(bodies), len(tc.want))
			}
			for i, want := range tc.want {
				if !strings.Contains(bodies[i], want) {
					t.Errorf("call %d is %s, want %s", i, bodies[i], want)
				}
			}
			if page := b.get("/console/queues"); !strings.Contains(page.text, tc.says) {
				t.Errorf("the page says nothing of %q", tc.says)
			}
			if page := b.get("/console/queues"); strings.Contains(page.text, `data-testid="notice"`) {
				t.Error("it says so twice")
			}
		})
	}
}

func ids(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%08x-bbbb-4ccc-8ddd-eeeeeeeeeeee", 4096+i)
	}
	return list
}

func TestNoActionLeadsAway(t *testing.T) {
	t.Parallel()
	answers := oneQueue()
	answers["/v1/updatejobqueue"] = map[string]any{}
	b := openLoggedIn(t, &fakeAPI{answers: answers})
	form := url.Values{"csrf": {b.csrf("/console/queues")}, "back": {"https://evil.example/"}, "queue": {"q"}, "do": {"enable"}}
	if got := b.post("/console/do/queue", form); got.location != Root {
		t.Errorf("leads to %s", got.location)
	}
}

func TestSubmitAgain(t *testing.T) {
	t.Parallel()
	answers := oneQueue()
	job := hostileJob()
	job.Status, job.DependsOn = new("FAILED"), nil
	answers["/v1/describejobs"] = &awsapi.DescribeJobsResponse{Jobs: []awsapi.JobDetail{job}}
	answers["/v1/describejobdefinitions"] = &awsapi.DescribeJobDefinitionsResponse{JobDefinitions: []awsapi.JobDefinition{{JobDefinitionName: new("d"), Revision: new(1)}}}
	answers["/v1/submitjob"] = &awsapi.SubmitJobResponse{JobId: new("fresh"), JobName: new("j")}
	api := &fakeAPI{answers: answers}
	b := openLoggedIn(t, api)
	got := b.post("/console/do/jobs", url.Values{"csrf": {b.csrf("/console/queues")}, "id": {testJob}, "do": {"retry"}})
	if bodies := api.to("/v1/submitjob"); len(bodies) != 1 || !strings.Contains(bodies[0], `"jobDefinition":"`+*arnOf(batch.ARNJobDefinition, "d:1")) {
		t.Errorf("submitted %v", bodies)
	}
	if got.location != "/console/jobs/fresh" {
		t.Errorf("leads to %s: %s", got.location, got.text)
	}
}

func TestArrayIsOnePicture(t *testing.T) {
	t.Parallel()
	answers := oneQueue()
	job := hostileJob()
	job.ArrayProperties = &awsapi.ArrayPropertiesDetail{Size: new(10_000)}
	job.DependsOn = nil
	answers["/v1/describejobs"] = &awsapi.DescribeJobsResponse{Jobs: []awsapi.JobDetail{job}}
	answers[viewapi.PathArray(testJob)] = &viewapi.Array{JobID: testJob, Size: 10_000, Statuses: strings.Repeat("DDFRU", 2000)}
	got := openLoggedIn(t, &fakeAPI{answers: answers}).get("/console/jobs/"+testJob, "Accept-Encoding", "gzip")
	if got.status != http.StatusOK || len(got.text) > 100<<10 {
		t.Errorf("%d with %d bytes", got.status, len(got.text))
	}
	plain := openLoggedIn(t, &fakeAPI{answers: answers}).get("/console/jobs/" + testJob)
	if strings.Count(plain.text, "/console/jobs/"+testJob+":") > 2*maxChildLinks {
		t.Error("more children are linked than anybody reads")
	}
}

func TestShellTakesWhatIsQuoted(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "plain", "two words", "it's", hostile, "$(reboot) `x` \\ \"", "a\nb", "-x", "\x1b[2J\u202e", "ü…", "*?[a]{b,c}~!", "\x00"} {
		line := "printf %s " + quote(text)
		for _, c := range line {
			if c < ' ' || c == '\u202e' {
				t.Errorf("%q shows a control: %q", text, line)
			}
		}
		if strings.Contains(text, "\x00") { // no shell has one
			continue
		}
		out, err := exec.CommandContext(t.Context(), "bash", "-c", line).Output()
		if err != nil || string(out) != text {
			t.Errorf("bash makes %q of %s: %v", out, line, err)
		}
	}
}

func TestLiveIsTheAPIsStream(t *testing.T) {
	t.Parallel()
	asked := make(chan *http.Request, 1)
	answers := oneQueue()
	answers[viewapi.PathEvents] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte("id: 1\n\n"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	tokens := &fakeTokens{users: map[string]string{"good": "ann"}}
	clk := testingclock.NewFakeClock(testTime)
	b := open(t, &fakeAPI{answers: answers}, Config{Tokens: tokens, Clock: clk})
	if got := b.get("/console/live"); got.status != http.StatusUnauthorized {
		t.Errorf("a stranger gets %d", got.status)
	}
	b.post("/console/login", url.Values{"token": {"good"}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/console/live?job="+testJob+"&after=cursor", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Last-Event-ID", "later")
	answer, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	got := <-asked
	if q := got.URL.Query(); q.Get("brief") != "true" || q.Get("jobId") != testJob || q.Get("jobQueue") != "q" || q.Get("after") != "cursor" || got.Header.Get("Last-Event-ID") != "later" {
		t.Errorf("asked %s %v", got.URL, got.Header)
	}
	// A token that is taken back ends the stream as soon as it is asked again.
	tokens.set(nil, nil)
	for ctx.Err() == nil && !clk.HasWaiters() {
		time.Sleep(time.Millisecond)
	}
	clk.Step(askAgain)
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || ctx.Err() != nil {
		t.Errorf("the stream goes on: %v %v", err, ctx.Err())
	}
}

// fakeProvider logs in who comes with the code "good".
type fakeProvider struct{ down bool }

func (f fakeProvider) Begin(_ context.Context, state, nonce, proof string) (string, error) {
	if f.down {
		return "", errors.New("down")
	}
	return "https://id.example/auth?" + url.Values{"state": {state}, "nonce": {nonce}, "proof": {proof}}.Encode(), nil
}

func (fakeProvider) End(_ context.Context, code, nonce, proof string) (batch.User, error) {
	if code != "good" || nonce == "" || proof == "" || nonce == proof {
		return batch.User{}, &batch.Error{Code: batch.CodeUnrecognizedClient, Message: "refused"}
	}
	return batch.User{Name: "oidc:ann", Groups: []string{"g"}}, nil
}

func TestLoginElsewhere(t *testing.T) {
	t.Parallel()
	b := open(t, &fakeAPI{answers: noQueues()}, Config{OIDC: fakeProvider{}})
	got := b.get("/console/login/oidc?next=/console/jobs")
	to, err := url.Parse(got.location)
	if err != nil || to.Host != "id.example" {
		t.Fatalf("leads to %s", got.location)
	}
	state := to.Query().Get("state")
	stranger := open(t, &fakeAPI{answers: noQueues()}, Config{OIDC: fakeProvider{}})
	for name, tc := range map[string]struct {
		who   *browser
		query string
		want  int
	}{
		"another browser": {stranger, "?code=good&state=" + state, http.StatusBadRequest},
		"without a state": {stranger, "?code=good", http.StatusBadRequest},
	} {
		if got := tc.who.get("/console/login/callback" + tc.query); got.status != tc.want {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	if got := b.get("/console/login/callback?code=good&state=" + state); got.location != "/console/jobs" {
		t.Fatalf("comes back to %d %s %s", got.status, got.location, got.text)
	}
	if got := b.get("/console/"); got.status != http.StatusOK || !strings.Contains(got.text, "oidc:ann") {
		t.Errorf("logged in: %d", got.status)
	}
	if got := b.get("/console/login/callback?code=good&state=" + state); got.status != http.StatusBadRequest {
		t.Errorf("a second time: %d", got.status)
	}
	for query, want := range map[string]int{"?code=bad": http.StatusForbidden, "?error=access_denied": http.StatusForbidden} {
		fresh := open(t, &fakeAPI{answers: noQueues()}, Config{OIDC: fakeProvider{}})
		to, err := url.Parse(fresh.get("/console/login/oidc").location)
		if err != nil {
			t.Fatal(err)
		}
		if got := fresh.get("/console/login/callback" + query + "&state=" + to.Query().Get("state")); got.status != want || !strings.Contains(got.text, `role="alert"`) {
			t.Errorf("%s: %d", query, got.status)
		}
	}
	down := open(t, &fakeAPI{answers: noQueues()}, Config{OIDC: fakeProvider{down: true}})
	if got := down.get("/console/login/oidc"); got.status != http.StatusBadGateway {
		t.Errorf("while the provider is down: %d", got.status)
	}
}
