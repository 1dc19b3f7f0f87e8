// SPDX-License-Identifier: Apache-2.0

package console

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/console/chart"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// queueRow is a queue in the list of queues, and at the top of its own page.
type queueRow struct {
	viewapi.QueueSummary

	Meter    template.HTML
	Day      template.HTML
	Runnable int64
	Starting int64
	Running  int64
	Pending  int64
}

func newQueueRow(q viewapi.QueueSummary) queueRow {
	row := queueRow{
		QueueSummary: q, Pending: q.Counts["SUBMITTED"] + q.Counts["PENDING"], Runnable: q.Counts["RUNNABLE"], Starting: q.Counts["STARTING"], Running: q.Counts["RUNNING"],
	}
	row.Meter = chart.Meter("vCPUs: "+amountOf(q.VCPUsUsed, q.MaxVCPUs), []chart.Part{{Label: "held", Class: "running", Value: q.VCPUsUsed}}, deref(q.MaxVCPUs))
	if q.History != nil {
		row.Day = chart.Sparkline("RUNNABLE jobs in the last 24 hours", plus(nil, q.History.Runnable))
	}
	return row
}

// Held says how many vCPUs the queue holds, of how many.
func (q queueRow) Held() string { return amountOf(q.VCPUsUsed, q.MaxVCPUs) }

// Oldest says for how long a job waits.
func (q queueRow) Oldest() string {
	if q.OldestRunnableAgeSeconds == nil {
		return ""
	}
	return duration(*q.OldestRunnableAgeSeconds)
}

func (r *Request) summary() (*viewapi.Summary, error) {
	s := &viewapi.Summary{}
	return s, r.API.Get(r.Context(), viewapi.PathSummary, s)
}

func loadQueues(r *Request) (*View, error) {
	s, err := r.summary()
	if err != nil {
		return nil, err
	}
	rows := make([]queueRow, len(s.Queues))
	for i := range s.Queues {
		rows[i] = newQueueRow(s.Queues[i])
	}
	slices.SortStableFunc(rows, func(a, b queueRow) int { return strings.Compare(a.JobQueue, b.JobQueue) })
	return &View{Title: "Job queues", Data: rows, Live: &Live{Every: 15 * time.Second}}, nil
}

// queuePage is one queue.
type queuePage struct {
	Queue    queueRow
	Detail   awsapi.JobQueueDetail
	Policy   string
	Tiles    []countTile
	Front    []frontJob
	Day      template.HTML
	Held     template.HTML
	Commands []command
}

// frontJob is one of the first that wait.
type frontJob struct {
	ID     string
	Name   string
	Since  int64
	Reason string
}

// maxFront is how many of them are shown.
const maxFront = 20

func loadQueue(r *Request) (*View, error) {
	name := r.PathValue("name")
	detail, err := r.queueDetail(name)
	if err != nil {
		return nil, err
	}
	s, err := r.summary()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(s.Queues, func(q viewapi.QueueSummary) bool { return q.JobQueue == name })
	if i < 0 {
		return nil, &ProblemError{Status: http.StatusForbidden, Message: "You may see job queue " + name + ", but not its jobs."}
	}
	page := &queuePage{Queue: newQueueRow(s.Queues[i]), Detail: *detail, Commands: queueCommands(r, name, value(detail.JobQueueArn))}
	_, page.Policy, _ = strings.Cut(value(detail.SchedulingPolicyArn), "scheduling-policy/")
	for _, t := range tiles(&viewapi.Totals{Counts: page.Queue.Counts}) {
		t.Path += "&queue=" + url.QueryEscape(name)
		page.Tiles = append(page.Tiles, t)
	}
	page.Day, page.Held = dayCharts(s.Queues[i : i+1])
	if page.Front, err = r.front(name); err != nil {
		return nil, err
	}
	return &View{Title: "Job queue " + name, Data: page, Live: &Live{Queues: []string{name}, Every: 15 * time.Second}}, nil
}

func (r *Request) queueDetail(name string) (*awsapi.JobQueueDetail, error) {
	var out awsapi.DescribeJobQueuesResponse
	if err := r.API.Post(r.Context(), "/v1/describejobqueues", &awsapi.DescribeJobQueuesRequest{JobQueues: []string{name}}, &out); err != nil {
		return nil, err
	}
	if len(out.JobQueues) == 0 {
		return nil, &ProblemError{Status: http.StatusNotFound, Message: "There is no job queue " + name + "."}
	}
	return &out.JobQueues[0], nil
}

// front are the first jobs that wait, with what they wait for.
func (r *Request) front(queue string) ([]frontJob, error) {
	var snapshot awsapi.GetJobQueueSnapshotResponse
	if err := r.API.Post(r.Context(), "/v1/getjobqueuesnapshot", &awsapi.GetJobQueueSnapshotRequest{JobQueue: &queue}, &snapshot); err != nil {
		return nil, err
	}
	if snapshot.FrontOfQueue == nil || len(snapshot.FrontOfQueue.Jobs) == 0 {
		return nil, nil
	}
	jobs := snapshot.FrontOfQueue.Jobs[:min(len(snapshot.FrontOfQueue.Jobs), maxFront)]
	ids, since := []string{}, map[string]int64{}
	for i := range jobs {
		if id, ok := batch.NameFromARN(batch.ARNJob, value(jobs[i].JobArn)); ok {
			ids, since[id] = append(ids, id), deref(jobs[i].EarliestTimeAtPosition)
		}
	}
	details, err := r.jobs(ids)
	if err != nil {
		return nil, err
	}
	list := []frontJob{}
	for _, id := range ids {
		f := frontJob{ID: id, Since: since[id]}
		if d, ok := details[id]; ok {
			f.Name, f.Reason = value(d.JobName), value(d.StatusReason)
		}
		list = append(list, f)
	}
	return list, nil
}

// jobs describes jobs, at most 100, by id; those that are not there, or not the user's to see, are missing.
func (r *Request) jobs(ids []string) (map[string]*awsapi.JobDetail, error) {
	out := map[string]*awsapi.JobDetail{}
	if len(ids) == 0 {
		return out, nil
	}
	var found awsapi.DescribeJobsResponse
	if err := r.API.Post(r.Context(), "/v1/describejobs", &awsapi.DescribeJobsRequest{Jobs: ids}, &found); err != nil {
		return nil, err
	}
	for i := range found.Jobs {
		out[value(found.Jobs[i].JobId)] = &found.Jobs[i]
	}
	return out, nil
}

// changeQueue pauses a queue, lets it go on, closes it to submissions or opens it.
func changeQueue(r *Request) (Done, error) {
	name := r.PostFormValue("queue")
	detail, err := r.queueDetail(name)
	if err != nil {
		return Done{}, err
	}
	tags := "/v1/tags/" + url.PathEscape(value(detail.JobQueueArn))
	switch r.PostFormValue("do") {
	case "pause":
		err = r.API.Post(r.Context(), tags, &awsapi.TagResourceRequest{Tags: map[string]string{batchmeta.QueuePaused: batchmeta.QueuePausedTrue}}, nil)
		return Done{Notice: "Job queue " + name + " is paused: what waits in it goes on waiting."}, err
	case "resume":
		err = r.API.Do(r.Context(), http.MethodDelete, tags+"?tagKeys="+url.QueryEscape(batchmeta.QueuePaused), nil, nil)
		return Done{Notice: "Job queue " + name + " goes on."}, err
	case "disable":
		return Done{Notice: "Job queue " + name + " takes no more jobs; what is in it goes on."}, r.setState(name, batch.Disabled)
	case "enable":
		return Done{Notice: "Job queue " + name + " takes jobs again."}, r.setState(name, batch.Enabled)
	}
	return Done{}, &ProblemError{Status: http.StatusBadRequest, Message: "There is no such action on a job queue."}
}

func (r *Request) setState(queue string, state batch.State) error {
	return r.API.Post(r.Context(), "/v1/updatejobqueue", &awsapi.UpdateJobQueueRequest{JobQueue: &queue, State: new(string(state))}, nil)
}
