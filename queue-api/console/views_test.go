// SPDX-License-Identifier: Apache-2.0

package console

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

const (
	jobA     = "00001aaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
	queueARN = "arn:aws:batch:us-east-1:123456789012:job-queue/demo"
)

func someNodes() *viewapi.Nodes {
	node := func(name, environment, zone string, change func(*viewapi.Node)) viewapi.Node {
		n := viewapi.Node{
			Name: name, ComputeEnvironment: environment, Zone: zone, InstanceType: "m5.large", CapacityType: "ON_DEMAND", Ready: true, Managed: true,
			Allocatable: viewapi.Resources{VCPUs: 4, MemoryMiB: 8192}, Jobs: []viewapi.NodeJob{}, PricePerHour: new(0.2), CreatedAt: testTime.Add(-time.Hour).UnixMilli(),
		}
		change(&n)
		return n
	}
	return &viewapi.Nodes{
		At: testTime.UnixMilli(),
		Nodes: []viewapi.Node{
			node("n-1", "fast", "a", func(n *viewapi.Node) {
				n.Requested = viewapi.Resources{VCPUs: 3}
				n.Jobs = []viewapi.NodeJob{{JobID: jobA, JobName: hostile, JobQueue: "demo", Attempt: 1, VCPUs: 1}, {JobID: jobA + ":1", JobQueue: "demo", Attempt: 2, VCPUs: 1}}
				n.HiddenJobs = 1
			}),
			node("n-2", "fast", "b", func(n *viewapi.Node) {
				n.CapacityType, n.Draining, n.Mark, n.PricePerHour = "SPOT", true, hostile, new(0.05)
				n.Jobs = []viewapi.NodeJob{{JobID: jobA, JobQueue: "demo", Attempt: 1, NodeIndex: new(1), VCPUs: 4}}
			}),
			node("n-3", "own", "a", func(n *viewapi.Node) { n.PricePerHour, n.Ready, n.Zone, n.InstanceType = nil, false, hostile, hostile }),
		},
		Clusters: []viewapi.ClusterState{{Nodes: 3}, {Name: "west", Error: "The cluster does not answer."}},
	}
}

func describedJobs() *awsapi.DescribeJobsResponse {
	return &awsapi.DescribeJobsResponse{Jobs: []awsapi.JobDetail{
		{JobId: new(jobA), JobName: new(hostile), JobQueue: new(queueARN), Status: new("RUNNING"), ShareIdentifier: new("red"), StartedAt: new(testTime.Add(-2 * time.Hour).UnixMilli()), Tags: map[string]string{"team": "x<y"}},
	}}
}

// clean holds that a page was made, and that nothing on it is what a tenant wrote as markup.
func clean(t *testing.T, p page) {
	t.Helper()
	if p.status != http.StatusOK || strings.Contains(p.text, "<script>alert") || strings.Contains(p.text, "<img src=x") || strings.Contains(p.text, " style=") {
		t.Fatalf("answered %d:\n%s", p.status, p.text)
	}
}

func wants(t *testing.T, p page, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if !strings.Contains(p.text, want) {
			t.Errorf("%q is not on the page:\n%s", want, p.text)
		}
	}
}

func TestNodesPage(t *testing.T) {
	t.Parallel()
	api := &fakeAPI{answers: map[string]any{viewapi.PathNodes: someNodes()}}
	b := openLoggedIn(t, api)
	p := b.get("/console/nodes")
	clean(t, p)
	wants(t, p, "3 of 3 nodes", "west: The cluster does not answer.", "3 of 8 vCPUs · 2 nodes · $0.2500/h", ">draining<", ">spot<", ">not ready<", "$0.2000/h", `href="/console/jobs/`+jobA+`:1"`, "1 more that are not listed here")
	for query, want := range map[string]string{
		"environment=own": "1 of 3 nodes", "mark=spot": "1 of 3 nodes", "zone=a&type=m5.large": "1 of 3 nodes", "mark=idle": "1 of 3 nodes", "page=7": "3 of 3 nodes", "page=x": "3 of 3 nodes",
		"environment=" + url.QueryEscape(hostile): "0 of 3 nodes",
	} {
		p := b.get("/console/nodes?" + query)
		clean(t, p)
		wants(t, p, want)
	}
	b = openLoggedIn(t, &fakeAPI{answers: map[string]any{viewapi.PathNodes: &viewapi.Nodes{}}})
	wants(t, b.get("/console/nodes"), "There are no nodes now")
}

func TestNodesPageIsBounded(t *testing.T) {
	t.Parallel()
	many := &viewapi.Nodes{}
	for i := range 2000 {
		n := someNodes().Nodes[0]
		n.Name = fmt.Sprintf("ip-10-0-%d-%d.ec2.internal", i/256, i%256)
		for range 60 {
			n.Jobs = append(n.Jobs, n.Jobs[0])
		}
		many.Nodes = append(many.Nodes, n)
	}
	b := openLoggedIn(t, &fakeAPI{answers: map[string]any{viewapi.PathNodes: many}})
	p := b.get("/console/nodes?page=1")
	clean(t, p)
	wants(t, p, "2,000 of 2,000 nodes", "page=2", `rel="prev"`)
	if n := strings.Count(p.text, `data-testid="node"`); n != nodesAPage || len(p.text) > 400<<10 || len(compress([]byte(p.text))) > 40<<10 {
		t.Errorf("%d nodes in %d bytes, %d compressed", n, len(p.text), len(compress([]byte(p.text))))
	}
}

func TestDecisionsPage(t *testing.T) {
	t.Parallel()
	api := &fakeAPI{answers: map[string]any{viewapi.PathDecisions: &viewapi.Decisions{
		Decisions: []viewapi.Decision{
			{ID: "1", At: testTime.UnixMilli(), Count: 3, Type: "Warning", Reason: "BatchScaleUpFailed", Message: hostile, JobID: jobA, ComputeEnvironment: "fast"},
			{ID: "2", At: testTime.UnixMilli(), Count: 1, Type: "Normal", Reason: "ScaledUpGroup", Message: "grown", Object: hostile},
		},
		Clusters: []viewapi.ClusterState{{Name: "west", Error: "The cluster does not answer."}},
	}}}
	b := openLoggedIn(t, api)
	p := b.get("/console/decisions")
	clean(t, p)
	wants(t, p, "3 times", "BatchScaleUpFailed", `href="/console/jobs/`+jobA+`"`, "grown", "west: The cluster", `data-every="2"`)
	if p := b.get("/console/decisions?reason=ScaledUpGroup"); strings.Contains(p.text, jobA) || !strings.Contains(p.text, "grown") {
		t.Errorf("of one reason:\n%s", p.text)
	}
	b = openLoggedIn(t, &fakeAPI{answers: map[string]any{viewapi.PathDecisions: &viewapi.Decisions{}}})
	wants(t, b.get("/console/decisions"), "has said nothing")
}

func TestCosts(t *testing.T) {
	t.Parallel()
	jobs, left := costs(someNodes().Nodes)
	got := map[string]float64{"left": math.Round(left*1000) / 1000}
	for _, j := range jobs {
		got[j.ID] = math.Round(j.PerHour*1000) / 1000
	}
	// Of n-1, at 0.2, a quarter each; all of n-2, at 0.05; n-3 has no price.
	want := map[string]float64{jobA: 0.1, jobA + ":1": 0.05, "left": 0.1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dollars an hour mismatch (-want +got):\n%s", diff)
	}
	rows := rowsOf(jobs, left, "queue")
	wantRows := []costRow{{Name: "demo", PerHour: 0.15, Part: 0.6, Jobs: 2}, {Name: unused, PerHour: 0.1, Part: 0.4}}
	if diff := cmp.Diff(wantRows, rows, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("rows mismatch (-want +got):\n%s", diff)
	}
	var many []*costJob
	for i := range 500 {
		many = append(many, &costJob{ID: strconv.Itoa(i), Queue: fmt.Sprint("q", i), PerHour: 1})
	}
	if rows := rowsOf(many, 0, "queue"); len(rows) != costRows+1 || rows[costRows].PerHour != 450 {
		t.Errorf("%d rows, the last %+v", len(rows), rows[len(rows)-1])
	}
}

func TestCostPage(t *testing.T) {
	t.Parallel()
	b := openLoggedIn(t, &fakeAPI{answers: map[string]any{viewapi.PathNodes: someNodes(), "/v1/describejobs": describedJobs(), viewapi.PathSpending: &viewapi.Spending{}}})
	p := b.get("/console/cost")
	clean(t, p)
	if strings.Contains(p.text, "What ended in the last 24 hours") {
		t.Error("what ended is shown where nothing did")
	}
	wants(t, p, "$0.2500", "for 3 nodes", "price of 1 of these nodes is not known", "$0.2000 on demand, $0.0500 Spot", "$0.1500/h · 60% · 2 jobs", "(unused)", "It is no bill", `value="tag:team"`)
	p = b.get("/console/cost?by=tag:team")
	clean(t, p)
	wants(t, p, "x&lt;y", "(no tag)")
	wants(t, b.get("/console/cost?by=share"), "demo / red", "$0.2000</td>") // two hours at 0.1
	b = openLoggedIn(t, &fakeAPI{answers: map[string]any{viewapi.PathNodes: &viewapi.Nodes{}, "/v1/describejobs": &awsapi.DescribeJobsResponse{}, viewapi.PathSpending: someSpending()}})
	// Jobs that ended are shown also where no node is left.
	p = b.get("/console/cost")
	clean(t, p)
	wants(t, p, "nothing is paid", "at least $3.50, unknown of 2", "for 8 attempts", "demo", "$3.00 · 5 attempts", "unknown · 1 attempt", `value="tag:team"`, "more tags than are kept", "$2.50</td>", "&lt;$0.0001</td>", jobPath(jobA))
	p = b.get("/console/cost?by=tag:team")
	clean(t, p)
	wants(t, p, "at least $2.00, unknown of 1 · 3 attempts", "(no tag)", "at least $1.50, unknown of 1 · 5 attempts")
	wants(t, b.get("/console/cost?by=share"), "demo / (none)", "demo / (others)", "at least $0.5000, unknown of 1 · 2 attempts")
}

func someSpending() *viewapi.Spending {
	cost := func(dollars float64, attempts, unknown int64) viewapi.Cost {
		return viewapi.Cost{Dollars: &dollars, Attempts: attempts, UnknownAttempts: unknown}
	}
	none := viewapi.Cost{Attempts: 1, UnknownAttempts: 1}
	return &viewapi.Spending{Queues: []viewapi.QueueSpending{
		{
			JobQueue: "demo", Cost: cost(3, 5, 0), Hours: []float64{1, 2}, MoreTags: true,
			Shares: []viewapi.ShareSpending{{Share: "", Cost: cost(2, 4, 0)}, {Share: viewapi.OtherShares, Cost: cost(1, 1, 0)}},
			Tags:   []viewapi.TagSpending{{Key: "team", Value: hostile, Cost: cost(1.5, 1, 0)}, {Key: "other", Value: "x", Cost: cost(3, 5, 0)}},
			Jobs:   []viewapi.JobSpending{{JobID: jobA, JobName: hostile, Status: "FAILED", Dollars: 2.5}, {JobID: jobA + ":1", Status: "SUCCEEDED", Dollars: 0.00001}},
		},
		{
			JobQueue: "fast", Cost: cost(0.5, 2, 1), Hours: []float64{0, 0.5},
			Shares: []viewapi.ShareSpending{{Share: "", Cost: cost(0.5, 2, 1)}},
			Tags:   []viewapi.TagSpending{{Key: "team", Value: hostile, Cost: cost(0.5, 2, 1)}},
		},
		{JobQueue: "own", Cost: none, Shares: []viewapi.ShareSpending{{Share: "", Cost: none}}},
		{JobQueue: "idle"},
	}}
}

func TestSharesPage(t *testing.T) {
	t.Parallel()
	use := func(share string, vcpus float64) awsapi.FairshareCapacityUtilization {
		return awsapi.FairshareCapacityUtilization{ShareIdentifier: &share, CapacityUsage: []awsapi.FairshareCapacityUsage{{CapacityUnit: new("VCPU"), Quantity: &vcpus}}}
	}
	api := &fakeAPI{answers: map[string]any{
		"/v1/describejobqueues": &awsapi.DescribeJobQueuesResponse{JobQueues: []awsapi.JobQueueDetail{
			{JobQueueName: new("fifo")}, {JobQueueName: new("fair"), SchedulingPolicyArn: new("arn:aws:batch:us-east-1:123456789012:scheduling-policy/p")},
		}},
		"/v1/describeschedulingpolicies": &awsapi.DescribeSchedulingPoliciesResponse{SchedulingPolicies: []awsapi.SchedulingPolicyDetail{{
			Name: new("p"), FairsharePolicy: &awsapi.FairsharePolicy{
				ShareDecaySeconds: new(3600), ComputeReservation: new(10), ShareDistribution: []awsapi.ShareAttributes{{ShareIdentifier: new("red"), WeightFactor: new(0.5)}},
			},
		}}},
		"/v1/getjobqueuesnapshot": &awsapi.GetJobQueueSnapshotResponse{
			FrontOfQueue:     &awsapi.FrontOfQueueDetail{Jobs: []awsapi.FrontOfQueueJobSummary{{JobArn: new("arn:aws:batch:us-east-1:123456789012:job/" + jobA)}}},
			QueueUtilization: &awsapi.QueueSnapshotUtilizationDetail{FairshareUtilization: &awsapi.FairshareUtilizationDetail{ActiveShareCount: new(int64(2)), TopCapacityUtilization: []awsapi.FairshareCapacityUtilization{use("red", 2), use(hostile, 4)}}},
		},
		"/v1/describejobs": describedJobs(),
	}}
	b := openLoggedIn(t, api)
	p := b.get("/console/shares")
	clean(t, p)
	// red weighs half of the other, so it gets two of three parts.
	wants(t, p, "2 vCPUs, target 4", "4 vCPUs, target 2", "fades over 1h 00m", "10% is reserved", "2 active", `class="part over"`, `<td class="n">1</td>`)
	if strings.Contains(p.text, ">fifo<") {
		t.Error("a queue without shares is shown")
	}
	delete(api.answers, "/v1/describeschedulingpolicies")
	wants(t, b.get("/console/shares?queue=fair"), "Its policy is not shown to you", "queue=fair")
	b = openLoggedIn(t, &fakeAPI{answers: noQueues()})
	wants(t, b.get("/console/shares"), "No queue has a fair-share policy")
}

func loggedJob() *awsapi.DescribeJobsResponse {
	attempt := func(stream string) awsapi.AttemptDetail {
		return awsapi.AttemptDetail{Container: &awsapi.AttemptContainerDetail{LogStreamName: &stream}, StartedAt: new(int64(1)), StoppedAt: new(int64(2))}
	}
	return &awsapi.DescribeJobsResponse{Jobs: []awsapi.JobDetail{{
		JobId: new(jobA), JobName: new(hostile), Status: new("FAILED"), StartedAt: new(int64(1)), StoppedAt: new(testTime.Add(-time.Hour).UnixMilli()),
		Attempts: []awsapi.AttemptDetail{attempt("d/default/1"), attempt("d/default/2")}, Container: &awsapi.ContainerDetail{LogStreamName: new("d/default/2")},
	}}}
}

// logOf answers GetLogEvents with lines, all after a token and none after "end".
func logOf(lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var out gotLogEvents
		out.Forward, out.Backward, out.End = "end", "begin", &viewapi.LogEnd{State: viewapi.LogComplete}
		if r.Header.Get("X-Amz-Target") != "Logs_20140328.GetLogEvents" {
			out.Forward = "a call of something else"
		}
		var in getLogEvents
		_ = json.NewDecoder(r.Body).Decode(&in)
		for i, line := range lines {
			if in.Token == "end" || in.Limit > 0 && i < len(lines)-in.Limit {
				continue
			}
			out.Events = append(out.Events, struct {
				Timestamp int64  `json:"timestamp"`
				Message   string `json:"message"`
			}{testTime.UnixMilli(), line})
		}
		_ = json.NewEncoder(w).Encode(out)
	}
}

func TestLogsPage(t *testing.T) {
	t.Parallel()
	api := &fakeAPI{answers: map[string]any{"/v1/describejobs": loggedJob(), "/": logOf(hostile, "\x1b[31mred\x1b[0m\x07 \u202eevil", strings.Repeat("é", lineShown))}}
	b := openLoggedIn(t, api)
	wants(t, b.get("/console/logs"), `name="job"`)
	p := b.get("/console/logs?job=" + jobA)
	clean(t, p)
	wants(t, p, "Attempt 1", "Attempt 2", "red\ufffd \ufffdevil", fmt.Sprint(lineShown, " bytes more in the download"), "03:04:05.000", `data-tail="/console/logs/tail?after=end`, "before=begin")
	if first, second := strings.Index(p.text, "Attempt 2"), strings.Index(p.text, "Attempt 1"); first > second {
		t.Error("the newest attempt is not the first")
	}
	p = b.get("/console/logs?job=" + jobA + "&stream=d%2Fdefault%2F1&before=begin")
	clean(t, p)
	wants(t, p, "The end")
	if strings.Contains(p.text, "data-tail") {
		t.Error("lines from before are followed by what is new")
	}
	lines := make([]string, linesAPage)
	for i := range lines {
		lines[i] = strings.Repeat("x", 1000)
	}
	api.answers["/"] = logOf(lines...)
	if p := b.get("/console/logs?job=" + jobA); strings.Count(p.text, `class="line"`) != bytesAPage/1000 {
		t.Errorf("%d long lines", strings.Count(p.text, `class="line"`))
	}
	api.answers["/"] = &ProblemError{Status: http.StatusBadRequest, Code: "ResourceNotFoundException", Message: "The specified log stream does not exist."}
	wants(t, b.get("/console/logs?job="+jobA), "Nothing of this log is kept")
	delete(api.answers, "/")
	wants(t, b.get("/console/logs?job="+jobA), "This server keeps no logs")
	api.answers["/v1/describejobs"] = &awsapi.DescribeJobsResponse{}
	wants(t, b.get("/console/logs?job=nonsense"), "There is no such job")
}

func TestLogIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	api := &fakeAPI{answers: map[string]any{"/v1/describejobs": loggedJob(), "/": logOf(hostile, "a\nid: forged")}}
	b := open(t, api, Config{Tokens: &fakeTokens{users: map[string]string{"good": "ann"}}, Clock: clock.RealClock{}})
	b.post("/console/login", url.Values{"token": {"good"}})
	p := b.get("/console/logs/tail?job=" + jobA + "&stream=d%2Fdefault%2F2&after=x")
	if p.status != http.StatusOK || p.header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("answered %d %v", p.status, p.header)
	}
	wants(t, p, "id: end\nevent: lines\ndata: [", `\u003cscript\u003e`, "a\ufffdid: forged", "id: end\nevent: over\ndata: {\"state\":\"COMPLETE\"}\n")
	if strings.Contains(p.text, "\nid: forged") {
		t.Error("a line forges an event")
	}
	if again := b.get("/console/logs/tail?job="+jobA+"&stream=d%2Fdefault%2F2&after=x", "Last-Event-ID", "end"); strings.Contains(again.text, "event: lines") {
		t.Error("lines come twice")
	}
	delete(api.answers, "/")
	if p := b.get("/console/logs/tail?stream=x"); p.status != http.StatusNotFound {
		t.Errorf("a log that is not there: %d", p.status)
	}
	stranger := open(t, api, Config{Tokens: &fakeTokens{}})
	for _, path := range []string{"tail", "download"} {
		if p := stranger.get("/console/logs/" + path + "?stream=x"); p.status != http.StatusUnauthorized {
			t.Errorf("a stranger's %s: %d", path, p.status)
		}
	}
}

// TestTailWaitsForTheEnd has a log be kept after its job has ended: the tail goes on until the API says that this is all, or that there
// is no log any more.
func TestTailWaitsForTheEnd(t *testing.T) {
	t.Parallel()
	noLog := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-Errortype", codeNoLog)
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"message":"The specified log stream does not exist."}`)
	}
	for name, tc := range map[string]struct {
		last http.HandlerFunc // what the API answers at last
		want string
	}{
		"all is kept":   {logOf("the last one"), `{"state":"COMPLETE"}`},
		"it is no more": {noLog, `{"state":"LOST","reason":"nothing of it is kept"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			api := &fakeAPI{answers: map[string]any{"/": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if asked.Add(1) > 2 {
					tc.last(w, r)
					return
				}
				_ = json.NewEncoder(w).Encode(gotLogEvents{Forward: "here", End: &viewapi.LogEnd{State: viewapi.LogOpen}})
			})}}
			b := open(t, api, Config{Tokens: &fakeTokens{users: map[string]string{"good": "ann"}}, Clock: clock.RealClock{}})
			b.post("/console/login", url.Values{"token": {"good"}})
			p := b.get("/console/logs/tail?stream=d%2Fdefault%2F2&after=x")
			wants(t, p, "event: over\ndata: "+tc.want+"\n")
			if n := asked.Load(); n != 3 {
				t.Errorf("asked %d times, answered %s", n, p.text)
			}
		})
	}
}

func TestLogIsDownloaded(t *testing.T) {
	t.Parallel()
	b := openLoggedIn(t, &fakeAPI{answers: map[string]any{"/": logOf("<b>", "\x1b[31mred")}})
	p := b.get("/console/logs/download?stream=" + url.QueryEscape("d/c/\"\r\nX: y"))
	want := "2026-01-02T03:04:05.000Z <b>\n2026-01-02T03:04:05.000Z \x1b[31mred\n"
	if p.text != want || p.header.Get("Content-Disposition") != `attachment; filename="d-c----X--y.log"` || p.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%v %q", p.header, p.text)
	}
}

func TestStreamsOfPods(t *testing.T) {
	t.Parallel()
	container := func(name string) awsapi.EksAttemptContainerDetail {
		return awsapi.EksAttemptContainerDetail{Name: &name}
	}
	job := &awsapi.JobDetail{
		JobDefinition: new("arn:aws:batch:us-east-1:123456789012:job-definition/def:3"), StartedAt: new(int64(1)),
		EksAttempts: []awsapi.EksAttemptDetail{{PodName: new("aws-batch.00000000-0000-3000-8000-000000000001"), Containers: []awsapi.EksAttemptContainerDetail{container("main")}, InitContainers: []awsapi.EksAttemptContainerDetail{container("init")}}},
		EksProperties: &awsapi.EksPropertiesDetail{PodProperties: &awsapi.EksPodPropertiesDetail{
			PodName: new("aws-batch.00000000-0000-3000-8000-000000000002"), Containers: []awsapi.EksContainerDetail{{Name: new("main")}},
		}},
	}
	var got []string
	for _, s := range streamsOf(job) {
		got = append(got, s.Label+" "+s.Name)
	}
	want := []string{
		"Attempt 2, main def/main/00000000000030008000000000000002", "Attempt 1, main def/main/00000000000030008000000000000001",
		"Attempt 1, init def/init/00000000000030008000000000000001",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("streams mismatch (-want +got):\n%s", diff)
	}
}

func FuzzVisible(f *testing.F) {
	f.Add(hostile)
	f.Add("\x1b[1;31mred\x1b[0m \x1b]0;title\a \x1b[\x1b")
	f.Fuzz(func(t *testing.T, text string) {
		shown := visible(text)
		for _, c := range shown {
			if c < ' ' && c != '\t' || c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 {
				t.Errorf("%q is shown as %q", text, shown)
			}
		}
		if line := lineOf(1, text); line.Cut+lineShown < len(text) && len(text) > lineShown {
			t.Errorf("%d bytes, %d cut", len(text), line.Cut)
		}
	})
}
