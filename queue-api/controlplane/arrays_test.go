// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// describe gives the jobs asked for, all of which must be known.
func (f *fixture) describe(tb testing.TB, ids ...string) []awsapi.JobDetail {
	tb.Helper()
	out := reply(tb, f.DescribeJobs, `{"jobs":["`+strings.Join(ids, `","`)+`"]}`).Jobs
	if len(out) != len(ids) {
		tb.Fatalf("got %d jobs of %v", len(out), ids)
	}
	return out
}

// summary is a statusSummary with the counts given, all others 0.
func summary(counts map[batch.JobStatus]int) map[string]int {
	out := map[string]int{}
	for _, s := range batch.JobStatuses {
		out[string(s)] = counts[s]
	}
	return out
}

// TestSubmitArray covers contract 2.4 and 4.9: 2 to 10,000 children, liftable.
func TestSubmitArray(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	for size, want := range map[string]string{
		"-1": "arrayProperties.size must be between 2 and 10000", "0": "arrayProperties.size must be between 2 and 10000",
		"1": "arrayProperties.size must be between 2 and 10000", "10001": "arrayProperties.size must be between 2 and 10000",
		"99999999999": "arrayProperties.size must be between 2 and 10000",
	} {
		_, err := do(t, f.SubmitJob, `{"jobName":"j","jobQueue":"q","jobDefinition":"d","arrayProperties":{"size":`+size+`}}`)
		wantRefusal(t, err, want)
	}
	for _, size := range []int{2, 10_000} {
		job := f.job(t, f.submitWith(t, fmt.Sprintf(`"arrayProperties":{"size":%d}`, size)))
		if job.ArraySize != size || job.Status != batch.StatusPending || job.Children[batch.StatusRunnable] != size {
			t.Errorf("got size %d, %s, %v", job.ArraySize, job.Status, job.Children)
		}
	}
	f.cfg.MaxArraySize = 20_000
	f.submitWith(t, `"arrayProperties":{"size":20000}`)
	_, err := do(t, f.SubmitJob, `{"jobName":"j","jobQueue":"q","jobDefinition":"d","arrayProperties":{"size":20001}}`)
	wantRefusal(t, err, "arrayProperties.size must be between 2 and 20000")
}

// TestDescribeArray covers contract 3.9 and 4.9: what a parent shows and what it does not.
func TestDescribeArray(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	id := f.submitWith(t, `"arrayProperties":{"size":3},"tags":{"k":"v"},"timeout":{"attemptDurationSeconds":60},"retryStrategy":{"attempts":2}`)
	f.step(t, id+":1", admitted(), bound(), started())
	f.run(t, id+":0", 0)
	f.clock.SetTime(t0.Add(time.Minute))
	wantJSON(t, strings.Replace(containerJob(id, "", `,"status":"PENDING","attempts":[],"retryStrategy":{"attempts":2,"evaluateOnExit":[]},
		"arrayProperties":{"size":3,"statusSummaryLastUpdatedAt":`+ms(time.Minute)+`,
			"statusSummary":{"SUBMITTED":0,"PENDING":0,"RUNNABLE":1,"STARTING":0,"RUNNING":1,"SUCCEEDED":1,"FAILED":0}}`), `"tags":{}`, `"tags":{"k":"v"}`, 1),
		ok(t, f.DescribeJobs, fmt.Sprintf(`{"jobs":[%q]}`, id)))
}

// TestDescribeChild covers contract 3.9 and 10.2: a child before and after it has a record of its own.
func TestDescribeChild(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	id := f.submitWith(t, `"arrayProperties":{"size":3},"tags":{"k":"v"},"timeout":{"attemptDurationSeconds":60}`)
	const same = `,"timeout":{"attemptDurationSeconds":60},"arrayProperties":{"index":1,"statusSummary":{}}`
	show := func() string { return ok(t, f.DescribeJobs, fmt.Sprintf(`{"jobs":["%s:1"]}`, id)) }
	wantJSON(t, containerJob(id+":1", "", same+`,"status":"RUNNABLE","attempts":[],`+waits), show())
	f.run(t, id+":1", 0)
	logs := `,"taskArn":"` + taskARN + `","containerInstanceArn":"` + instanceARN + shortHash("node-1") + `","logStreamName":"` + logStreamID + `","exitCode":0`
	more := `"startedAt":` + ms(time.Second) + `,"stoppedAt":` + ms(2*time.Second) + `,"statusReason":"Essential container in task exited"`
	wantJSON(t, containerJob(id+":1", logs, same+`,"status":"SUCCEEDED",`+more+`,"attempts":[{"container":{"networkInterfaces":[]`+logs+`},`+more+`}]`), show())
}

func TestDescribeWhatIsNoChild(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	array := f.submitWith(t, `"arrayProperties":{"size":3}`)
	single := f.submitWith(t, `"tags":{}`)
	wantJSON(t, `{"jobs":[]}`, ok(t, f.DescribeJobs, fmt.Sprintf(`{"jobs":["%[1]s:3","%[1]s:01","%[1]s:-1","%[1]s#0","%[2]s:0","%[2]s#0","%[1]s:1:1"]}`, array, single)))
	got := f.describe(t, array+":2", array, array+":0")
	if *got[0].JobArn != arnBase+"job/"+array+":2" || *got[1].JobId != array || *got[2].ArrayProperties.Index != 0 {
		t.Errorf("got %+v", got)
	}
}

// TestArrayEnds covers the final states of contract 4.9.
func TestArrayEnds(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		exits      []int
		want       string
		wantReason string
		wantCounts map[batch.JobStatus]int
	}{
		"all children succeeded": {[]int{0, 0}, "SUCCEEDED", "", map[batch.JobStatus]int{batch.StatusSucceeded: 2}},
		"one failed":             {[]int{1, 0}, "FAILED", "Array Child Job failed", map[batch.JobStatus]int{batch.StatusSucceeded: 1, batch.StatusFailed: 1}},
		"one has not ended":      {[]int{1}, "PENDING", "", map[batch.JobStatus]int{batch.StatusRunnable: 1, batch.StatusFailed: 1}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newBusyFixture(t)
			id := f.submitWith(t, `"arrayProperties":{"size":2}`)
			for i, exit := range tc.exits {
				f.run(t, batch.ChildID(id, i), exit)
			}
			f.step(t, id, lifecycle.ChildrenEnded{})
			f.clock.SetTime(t0.Add(time.Hour))
			d := f.describe(t, id)[0]
			if *d.Status != tc.want || value(d.StatusReason) != tc.wantReason || (d.StoppedAt != nil) != (tc.want != "PENDING") {
				t.Errorf("got %s, %q, stopped %v", *d.Status, value(d.StatusReason), d.StoppedAt)
			}
			if diff := cmp.Diff(summary(tc.wantCounts), d.ArrayProperties.StatusSummary); diff != "" {
				t.Errorf("statusSummary mismatch (-want +got):\n%s", diff)
			}
			if d.StoppedAt != nil && *d.ArrayProperties.StatusSummaryLastUpdatedAt != *d.StoppedAt {
				t.Errorf("the summary of an array that ended changed at %d", *d.ArrayProperties.StatusSummaryLastUpdatedAt)
			}
		})
	}
}

// indexes gives the indexes of the children or nodes of all pages, and how many pages there were.
func (f *fixture) indexes(tb testing.TB, query string) (indexes []int, pages int) {
	tb.Helper()
	for token := ""; ; {
		pages++
		page := reply(tb, f.ListJobs, strings.TrimSuffix(query, "}")+`,"nextToken":"`+token+`"}`)
		for _, j := range page.JobSummaryList {
			if j.NodeProperties != nil {
				indexes = append(indexes, *j.NodeProperties.NodeIndex)
			} else {
				indexes = append(indexes, *j.ArrayProperties.Index)
			}
		}
		if token = value(page.NextToken); token == "" {
			return indexes, pages
		}
	}
}

// TestListChildren covers contract 2.5: RUNNING unless a status is named, in index order, filters ignored.
func TestListChildren(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	id := f.submitWith(t, `"arrayProperties":{"size":6}`)
	for _, i := range []int{4, 1} {
		f.step(t, batch.ChildID(id, i), admitted(), bound(), started())
	}
	f.run(t, id+":3", 7)
	cases := map[string]struct {
		query string
		want  []int
		pages int
	}{
		"RUNNING by default":         {fmt.Sprintf(`{"arrayJobId":%q}`, id), []int{1, 4}, 1},
		"of a status, by ARN":        {fmt.Sprintf(`{"arrayJobId":"%sjob/%s","jobStatus":"RUNNABLE"}`, arnBase, id), []int{0, 2, 5}, 1},
		"page by page":               {fmt.Sprintf(`{"arrayJobId":%q,"jobStatus":"RUNNABLE","maxResults":2}`, id), []int{0, 2, 5}, 2},
		"filters do not apply":       {fmt.Sprintf(`{"arrayJobId":%q,"filters":[{"name":"JOB_NAME","values":["x"]}]}`, id), []int{1, 4}, 1},
		"none of the status":         {fmt.Sprintf(`{"arrayJobId":%q,"jobStatus":"SUCCEEDED"}`, id), nil, 1},
		"a multi-node job it is not": {fmt.Sprintf(`{"multiNodeJobId":%q}`, id), nil, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, pages := f.indexes(t, tc.query)
			if diff := cmp.Diff(tc.want, got); diff != "" || pages != tc.pages {
				t.Errorf("%d pages, indexes mismatch (-want +got):\n%s", pages, diff)
			}
		})
	}
	for _, parent := range []string{id + ":1", id + "#1", "x"} {
		_, err := do(t, f.ListJobs, fmt.Sprintf(`{"arrayJobId":%q}`, parent))
		wantRefusal(t, err, "Job "+parent+" does not exist")
	}
	token, err := newToken(listID("children", id, "RUNNING"), 99)
	if err != nil {
		t.Fatal(err)
	}
	wantJSON(t, `{"jobSummaryList":[]}`, ok(t, f.ListJobs, fmt.Sprintf(`{"arrayJobId":%q,"nextToken":%q}`, id, *token)))
}

// TestListArrayAndChildSummaries covers contract 3.9 and 10.3.
func TestListArrayAndChildSummaries(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	id := f.submitWith(t, `"arrayProperties":{"size":2}`)
	f.run(t, id+":1", 0)
	base := func(id, status string) string {
		return fmt.Sprintf(`"jobArn":"%[1]sjob/%[2]s","jobId":%[2]q,"jobName":"j","createdAt":%[3]d,"status":%[4]q,"jobDefinition":"%[1]sjob-definition/d:1"`, arnBase, id, t0.UnixMilli(), status)
	}
	wantJSON(t, `{"jobSummaryList":[{`+base(id, "PENDING")+`,"arrayProperties":{"size":2,"statusSummaryLastUpdatedAt":`+ms(0)+`,
		"statusSummary":{"SUBMITTED":0,"PENDING":0,"RUNNABLE":1,"STARTING":0,"RUNNING":0,"SUCCEEDED":1,"FAILED":0}}}]}`, ok(t, f.ListJobs, `{"jobQueue":"q","jobStatus":"PENDING"}`))
	wantJSON(t, `{"jobSummaryList":[{`+base(id+":1", "SUCCEEDED")+`,"arrayProperties":{"index":1},"container":{"exitCode":0},"capacityUsage":[{"capacityUnit":"cpu","quantity":1}],
		"startedAt":`+ms(time.Second)+`,"stoppedAt":`+ms(2*time.Second)+`,"statusReason":"Essential container in task exited"}]}`,
		ok(t, f.ListJobs, fmt.Sprintf(`{"arrayJobId":%q,"jobStatus":"SUCCEEDED"}`, id)))
	wantJSON(t, `{"jobSummaryList":[]}`, ok(t, f.ListJobs, `{"jobQueue":"q","jobStatus":"SUCCEEDED"}`))
}

// TestStopArray covers contract 4.7: children that wait fail at once, the array once all have ended.
func TestStopArray(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	id := f.submitWith(t, `"arrayProperties":{"size":3}`)
	f.step(t, id+":0", admitted(), bound(), started())
	ok(t, f.TerminateJob, fmt.Sprintf(`{"jobId":%q,"reason":"enough"}`, id))
	d := f.describe(t, id, id+":0", id+":1")
	if *d[0].Status != "PENDING" || !*d[0].IsTerminated || d[0].ArrayProperties.StatusSummary["FAILED"] != 2 {
		t.Errorf("got %s, %v", *d[0].Status, d[0].ArrayProperties.StatusSummary)
	}
	if *d[1].Status != "RUNNING" {
		t.Errorf("the child that runs is stopped by the leader; got %s", *d[1].Status)
	}
	if *d[2].Status != "FAILED" || *d[2].StatusReason != "enough" || *d[2].StoppedAt != t0.UnixMilli() || !*d[2].IsTerminated {
		t.Errorf("got %s, %q", *d[2].Status, value(d[2].StatusReason))
	}
	f.step(t, id+":0", lifecycle.Terminated{Reason: "enough"}, ended(143, ""))
	f.step(t, id, lifecycle.ChildrenEnded{})
	if got := f.describe(t, id)[0]; *got.Status != "FAILED" || *got.StatusReason != "enough" {
		t.Errorf("got %s, %q", *got.Status, value(got.StatusReason))
	}
}

func TestStopOneChild(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	id := f.submitWith(t, `"arrayProperties":{"size":2}`)
	ok(t, f.CancelJob, fmt.Sprintf(`{"jobId":"%s:1","reason":"not this one"}`, id))
	d := f.describe(t, id, id+":0", id+":1")
	if d[0].IsCancelled != nil || *d[1].Status != "RUNNABLE" || *d[2].Status != "FAILED" || *d[2].StatusReason != "not this one" || !*d[2].IsCancelled {
		t.Errorf("got %+v", d)
	}
}
