// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// listed gives the names of the jobs of all pages, and how many pages there were.
func (f *fixture) listed(tb testing.TB, query string) (names string, pages int) {
	tb.Helper()
	var list []string
	for token := ""; ; {
		pages++
		page := reply(tb, f.ListJobs, strings.TrimSuffix(query, "}")+`,"nextToken":"`+token+`"}`)
		for _, j := range page.JobSummaryList {
			list = append(list, *j.JobName)
		}
		if token = value(page.NextToken); token == "" {
			return strings.Join(list, " "), pages
		}
	}
}

// newListFixture has jobs of several statuses and definitions, a second apart.
func newListFixture(tb testing.TB) *fixture {
	tb.Helper()
	f := newBusyFixture(tb)
	ok(tb, f.RegisterJobDefinition, strings.Replace(containerDefinition, `"d"`, `"dd"`, 1))
	ok(tb, f.RegisterJobDefinition, containerDefinition)
	run := []lifecycle.Event{admitted(), bound(), started()}
	for i, job := range []struct {
		name, definition string
		events           []lifecycle.Event
	}{
		{"Alpha", "d:1", nil},
		{"beta-1", "d:2", run},
		{"beta-2", "dd", append(run[:3:3], ended(7, "Error"))},
		{"gamma", "d:1", run},
		{"delta", "e", nil},
	} {
		f.clock.SetTime(t0.Add(time.Duration(i) * time.Second))
		id := f.submit(tb, fmt.Sprintf(`{"jobName":%q,"jobQueue":"q","jobDefinition":%q}`, job.name, job.definition))
		f.step(tb, id, job.events...)
	}
	return f
}

func filter(name string, values ...string) string {
	return fmt.Sprintf(`{"jobQueue":"q","filters":[{"name":%q,"values":["%s"]}]}`, name, strings.Join(values, `","`))
}

func TestListJobs(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ query, want string }{
		"RUNNING by default":                {`{"jobQueue":"q"}`, "gamma beta-1"},
		"of a status, by the queue's ARN":   {`{"jobQueue":"` + arnBase + `job-queue/q","jobStatus":"RUNNABLE"}`, "delta Alpha"},
		"page by page":                      {`{"jobQueue":"q","jobStatus":"RUNNABLE","maxResults":1}`, "delta Alpha"},
		"JOB_NAME, in any case":             {filter("JOB_NAME", "alpha"), "Alpha"},
		"JOB_NAME, prefix, every status":    {filter("JOB_NAME", "BETA*"), "beta-2 beta-1"},
		"JOB_NAME, all":                     {filter("JOB_NAME", "*"), "delta gamma beta-2 beta-1 Alpha"},
		"JOB_NAME, either":                  {filter("JOB_NAME", "alpha", "delta"), "delta Alpha"},
		"JOB_DEFINITION, all revisions":     {filter("JOB_DEFINITION", "d"), "gamma beta-1 Alpha"},
		"JOB_DEFINITION, prefix":            {filter("JOB_DEFINITION", "d*"), "gamma beta-2 beta-1 Alpha"},
		"JOB_DEFINITION, case matters":      {filter("JOB_DEFINITION", "D"), ""},
		"JOB_DEFINITION, ARN":               {filter("JOB_DEFINITION", "arn:aws:batch:r:1:job-definition/d:1"), "gamma Alpha"},
		"JOB_DEFINITION, ARN, no revision":  {filter("JOB_DEFINITION", "arn:aws:batch:r:1:job-definition/d"), "gamma beta-1 Alpha"},
		"JOB_DEFINITION, ARN of a queue":    {filter("JOB_DEFINITION", "arn:aws:batch:r:1:job-queue/d"), ""},
		"BEFORE_CREATED_AT":                 {filter("BEFORE_CREATED_AT", ms(2*time.Second)), "beta-1 Alpha"},
		"AFTER_CREATED_AT":                  {filter("AFTER_CREATED_AT", ms(2*time.Second)), "delta gamma"},
		"SHARE_IDENTIFIER, in no share":     {filter("SHARE_IDENTIFIER", "s"), ""},
		"jobStatus is ignored with filters": {strings.Replace(filter("JOB_NAME", "*"), "{", `{"jobStatus":"RUNNING",`, 1), "delta gamma beta-2 beta-1 Alpha"},
		"a filter, page by page":            {strings.Replace(filter("JOB_NAME", "*"), "{", `{"maxResults":2,`, 1), "delta gamma beta-2 beta-1 Alpha"},
	}
	f := newListFixture(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, _ := f.listed(t, tc.query); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestListJobsShowsASummary(t *testing.T) {
	t.Parallel()
	f := newListFixture(t)
	out := reply(t, f.ListJobs, `{"jobQueue":"q","jobStatus":"FAILED"}`)
	id := *out.JobSummaryList[0].JobId
	wantJSON(t, fmt.Sprintf(`{"jobSummaryList":[{"jobArn":"%[1]sjob/%[2]s","jobId":%[2]q,"jobName":"beta-2","createdAt":%[3]d,"startedAt":%[4]d,"stoppedAt":%[3]d,"status":"FAILED",
		"statusReason":"Essential container in task exited","container":{"exitCode":7},"capacityUsage":[{"capacityUnit":"cpu","quantity":1}],"jobDefinition":"%[1]sjob-definition/dd:1"}]}`,
		arnBase, id, t0.UnixMilli()+2000, t0.UnixMilli()+1000), ok(t, f.ListJobs, `{"jobQueue":"q","jobStatus":"FAILED"}`))
	wantJSON(t, `{"jobSummaryList":[]}`, ok(t, f.ListJobs, fmt.Sprintf(`{"arrayJobId":%q}`, id)))
	wantJSON(t, `{"jobSummaryList":[]}`, ok(t, f.ListJobs, fmt.Sprintf(`{"multiNodeJobId":%q,"jobQueue":""}`, id)))
	wantJSON(t, `{"jobSummaryList":[]}`, ok(t, f.ListJobs, `{"jobQueue":"q","jobStatus":"PENDING"}`))
}

func TestListJobsRefuses(t *testing.T) {
	t.Parallel()
	f := newListFixture(t)
	token := *reply(t, f.ListJobs, `{"jobQueue":"q","maxResults":1}`).NextToken
	const one = "Exactly one of jobQueue, arrayJobId and multiNodeJobId must be specified"
	const times = " must be one time in milliseconds since the epoch"
	cases := map[string]struct{ body, want string }{
		"no list":             {`{"jobStatus":"RUNNING"}`, one},
		"two lists":           {`{"jobQueue":"q","arrayJobId":"x"}`, one},
		"unknown queue":       {`{"jobQueue":"nope"}`, "JobQueue nope not found."},
		"unknown parent":      {`{"arrayJobId":"nope"}`, "Job nope does not exist"},
		"unknown status":      {`{"jobQueue":"q","jobStatus":"x"}`, "jobStatus: must be one of SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING, SUCCEEDED, FAILED"},
		"maxResults 0":        {`{"jobQueue":"q","maxResults":0}`, "maxResults must be between 1 and 1000"},
		"maxResults 1001":     {`{"jobQueue":"q","maxResults":1001}`, "maxResults must be between 1 and 1000"},
		"101 with a filter":   {strings.Replace(filter("JOB_NAME", "*"), "{", `{"maxResults":101,`, 1), "maxResults must be between 1 and 100"},
		"unknown filter":      {filter("job_name", "x"), "filters[0].name must be one of JOB_NAME, JOB_DEFINITION, BEFORE_CREATED_AT, AFTER_CREATED_AT, SHARE_IDENTIFIER"},
		"two filters":         {`{"jobQueue":"q","filters":[{"name":"JOB_NAME","values":["a"]},{"name":"JOB_NAME","values":["a"]}]}`, "filters must have at most one filter"},
		"no values":           {`{"jobQueue":"q","filters":[{"name":"JOB_NAME"}]}`, "filters[0].values must have at least one value"},
		"no time":             {filter("AFTER_CREATED_AT", "yesterday"), "filters[0].values of AFTER_CREATED_AT" + times},
		"two times":           {filter("BEFORE_CREATED_AT", "1", "2"), "filters[0].values of BEFORE_CREATED_AT" + times},
		"token of other list": {`{"jobQueue":"q","jobStatus":"FAILED","nextToken":"` + token + `"}`, "nextToken is not a token of this list"},
		"no token":            {`{"jobQueue":"q","nextToken":"x"}`, "nextToken is not a token of this list"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := do(t, f.ListJobs, tc.body)
			wantRefusal(t, err, tc.want)
		})
	}
}

func TestListJobsBoundsItsWork(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	f.cfg.MaxListScan = 10
	for i := range 25 {
		f.submit(t, fmt.Sprintf(`{"jobName":"j%d","jobQueue":"q","jobDefinition":"d"}`, i))
	}
	first := reply(t, f.ListJobs, filter("JOB_NAME", "j0"))
	if len(first.JobSummaryList) != 0 || first.NextToken == nil {
		t.Errorf("got %+v, want an empty page and a token", first)
	}
	if names, pages := f.listed(t, filter("JOB_NAME", "j0")); names != "j0" || pages != 3 {
		t.Errorf("got %q in %d pages", names, pages)
	}
}

// TestFilteredListMissesNothing lists page by page while jobs change their status and new ones arrive. Jobs are created up
// to a second before ones that were submitted earlier, as by servers whose clocks differ.
func TestFilteredListMissesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		f := newBusyFixture(t)
		f.cfg.MaxListScan = rapid.IntRange(1, 150).Draw(rt, "scan")
		var ids []string
		for i := range rapid.IntRange(0, 250).Draw(rt, "jobs") {
			at := t0.Add(time.Duration(i)*10*time.Millisecond - time.Duration(rapid.IntRange(0, 999).Draw(rt, "skew"))*time.Millisecond)
			f.clock.SetTime(at)
			id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"d"}`)
			f.step(t, id, someEvents(rt, 0)...)
			ids = append(ids, id)
		}
		limit := rapid.IntRange(1, 100).Draw(rt, "maxResults")
		moved := map[string]bool{}
		seen := map[string]int{}
		for token := ""; ; {
			page := reply(t, f.ListJobs, strings.Replace(filter("JOB_NAME", "j"), "{", fmt.Sprintf(`{"maxResults":%d,"nextToken":%q,`, limit, token), 1))
			if len(page.JobSummaryList) > limit {
				rt.Fatalf("%d jobs on a page of %d", len(page.JobSummaryList), limit)
			}
			for _, j := range page.JobSummaryList {
				seen[*j.JobId]++
			}
			if token = value(page.NextToken); token == "" {
				break
			}
			f.moveSome(t, rt, ids, moved)
			f.submit(t, `{"jobName":"late","jobQueue":"q","jobDefinition":"d"}`)
		}
		for _, id := range ids {
			if !moved[id] && seen[id] != 1 {
				rt.Fatalf("a job that did not move was listed %d times", seen[id])
			}
		}
	})
}

// someEvents takes a job of the numbered stage of its life (0 RUNNABLE to 3 RUNNING) further.
func someEvents(rt *rapid.T, stage int) []lifecycle.Event {
	life := []lifecycle.Event{admitted(), bound(), started(), ended(rapid.IntRange(0, 1).Draw(rt, "exit"), "")}
	return life[stage:rapid.IntRange(stage, len(life)).Draw(rt, "stage")]
}

func (f *fixture) status(tb testing.TB, id string) batch.JobStatus {
	tb.Helper()
	job, err := f.store.Job(tb.Context(), id)
	if err != nil {
		tb.Fatal(err)
	}
	return job.Status
}

// moveSome ends a few jobs that wait or run, and notes which.
func (f *fixture) moveSome(tb testing.TB, rt *rapid.T, ids []string, moved map[string]bool) {
	tb.Helper()
	for _, id := range ids {
		if !moved[id] && rapid.IntRange(0, 9).Draw(rt, "move") == 0 {
			before := f.status(tb, id)
			ok(tb, f.CancelJob, fmt.Sprintf(`{"jobId":%q,"reason":"r"}`, id))
			moved[id] = f.status(tb, id) != before
		}
	}
}

func TestFilteredListIsNewestFirst(t *testing.T) {
	t.Parallel()
	f := newListFixture(t)
	var times []int64
	for _, j := range reply(t, f.ListJobs, filter("JOB_NAME", "*")).JobSummaryList {
		times = append(times, *j.CreatedAt)
	}
	if !slices.IsSortedFunc(times, func(a, b int64) int { return int(b - a) }) || len(times) != 5 {
		t.Errorf("got %v", times)
	}
}

func TestListTokenWithAForgedCursorIsRefused(t *testing.T) {
	t.Parallel()
	f := newListFixture(t)
	forged, err := newToken(listID("jobs", "q", "RUNNING"), "x")
	if err != nil {
		t.Fatal(err)
	}
	in := &awsapi.ListJobsRequest{JobQueue: new("q"), NextToken: forged}
	_, err = f.ListJobs(t.Context(), caller, in)
	wantRefusal(t, err, "nextToken: not a token of this list")
}
