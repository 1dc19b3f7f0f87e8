// SPDX-License-Identifier: Apache-2.0

package console

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/cli/jobspec"
	"github.com/muster-batch/muster/queue-api/console/chart"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// jobPage is one job: a plain one, an array, a child of one, a multi-node job or a node of one.
type jobPage struct {
	Job        awsapi.JobDetail
	ID         string
	Status     string
	Reason     string
	Queue      string
	Definition string
	Ended      bool
	Why        *viewapi.Explanation
	Attempts   []attemptRow
	Timeline   template.HTML
	Parent     string // of a child or a node
	Children   int    // of a child's array; 0 if it is not known
	Graph      template.HTML
	Depends    []dependency
	Array      *arrayView
	Gang       *viewapi.Gang
	YAML       string
	Commands   []command
	Supplies   []supply
	Cost       *viewapi.JobCost // nil where it cannot be told
}

// attemptRow is one run of the job.
type attemptRow struct {
	Number           int
	Started, Stopped int64
	Ran              int64
	Reason           string
	Node, Pod        string
	Exits            []string
	Current          bool
	Cost             *viewapi.AttemptCost
}

// supply is how much there is of something, as it is shown.
type supply struct {
	viewapi.Supply

	Meter template.HTML
}

func loadJob(r *Request) (*View, error) {
	id := r.PathValue("id")
	ids, parent := []string{id}, ""
	if ref, err := batch.ParseJobID(id); err == nil && ref.Job != id {
		parent = ref.Job
		ids = append(ids, parent)
	}
	found, err := r.jobs(ids)
	if err != nil {
		return nil, err
	}
	job := found[id]
	if job == nil {
		return nil, &ProblemError{Status: http.StatusNotFound, Message: "There is no job " + id + ", or its queue is not yours to see. Jobs that ended are forgotten after a time."}
	}
	p := &jobPage{Job: *job, ID: id, Status: value(job.Status), Reason: value(job.StatusReason), Parent: parent}
	p.Queue, _ = batch.NameFromARN(batch.ARNJobQueue, value(job.JobQueue))
	p.Definition, _ = batch.NameFromARN(batch.ARNJobDefinition, value(job.JobDefinition))
	p.Ended = batch.JobStatus(p.Status).IsTerminal()
	if array := found[parent]; array != nil && array.ArrayProperties != nil {
		p.Children = deref(array.ArrayProperties.Size)
	}
	p.explain(r)
	now := r.Now()
	p.Attempts = attempts(job, now)
	p.addCost(r)
	p.Timeline = p.timeline(now)
	if err := p.depends(r); err != nil {
		return nil, err
	}
	if err := p.members(r); err != nil {
		return nil, err
	}
	text, err := yaml.Marshal(job)
	if err != nil {
		return nil, fmt.Errorf("job as YAML: %w", err)
	}
	p.YAML, p.Commands = string(text), jobCommands(r, p)
	live := &Live{Queues: []string{p.Queue}, Job: id, Every: 15 * time.Second}
	if p.Parent != "" {
		live.Job = p.Parent
	}
	if p.Ended {
		live.Every = time.Minute
	}
	return &View{Title: "Job " + value(job.JobName), Data: p, Live: live}, nil
}

// explain asks why the job is as it is. What cannot be explained still has its reason.
func (p *jobPage) explain(r *Request) {
	var why viewapi.Explanation
	if r.API.Get(r.Context(), viewapi.PathExplanation(p.ID), &why) != nil {
		return
	}
	p.Why = &why
	for _, s := range why.Supplies {
		one := supply{Supply: s}
		if s.Free != nil && s.Total != nil {
			one.Meter = chart.Meter(s.Name+": in use", []chart.Part{{Label: "in use", Class: "running", Value: *s.Total - *s.Free}}, *s.Total)
		}
		p.Supplies = append(p.Supplies, one)
	}
}

// addCost asks what the job cost, and each of its attempts.
func (p *jobPage) addCost(r *Request) {
	var c viewapi.JobCost
	if r.API.Get(r.Context(), viewapi.PathCost(p.ID), &c) != nil {
		return
	}
	p.Cost = &c
	for i := range p.Attempts {
		for j := range c.Attempts {
			if c.Attempts[j].Attempt == p.Attempts[i].Number {
				p.Attempts[i].Cost = &c.Attempts[j]
			}
		}
	}
}

// attempts are the runs of a job, the one under way last.
func attempts(job *awsapi.JobDetail, now time.Time) []attemptRow {
	rows := []attemptRow{}
	for i := range job.EksAttempts {
		a := &job.EksAttempts[i]
		rows = append(rows, attemptRow{
			Number: i + 1, Started: deref(a.StartedAt), Stopped: deref(a.StoppedAt), Reason: value(a.StatusReason),
			Node: value(a.NodeName), Pod: podOf(a.PodNamespace, a.PodName), Exits: eksExits(a.Containers),
		})
	}
	for i := len(rows); i < len(job.Attempts); i++ {
		a := &job.Attempts[i]
		rows = append(rows, attemptRow{
			Number: i + 1, Started: deref(a.StartedAt), Stopped: deref(a.StoppedAt), Reason: value(a.StatusReason), Exits: plainExits(a),
		})
	}
	for i := range rows {
		rows[i].finish(now)
	}
	if current := underWay(job, len(rows)); current != nil {
		current.finish(now)
		rows = append(rows, *current)
	}
	return rows
}

// finish reckons for how long an attempt ran.
func (a *attemptRow) finish(now time.Time) {
	a.Ran = -1
	if a.Started > 0 {
		end := a.Stopped
		if end == 0 {
			end = now.UnixMilli()
		}
		a.Ran = max(0, (end-a.Started)/1000)
	}
}

// underWay is the attempt of a job that runs, or begins to; nil of any other.
func underWay(job *awsapi.JobDetail, ended int) *attemptRow {
	status := batch.JobStatus(value(job.Status))
	if status != batch.StatusRunning && status != batch.StatusStarting || job.ArrayProperties != nil && job.ArrayProperties.Index == nil {
		return nil
	}
	row := &attemptRow{Number: ended + 1, Current: true}
	if status == batch.StatusRunning {
		row.Started = deref(job.StartedAt)
	}
	if e := job.EksProperties; e != nil && e.PodProperties != nil {
		row.Node, row.Pod = value(e.PodProperties.NodeName), value(e.PodProperties.PodName)
	}
	return row
}

func podOf(namespace, name *string) string {
	if value(name) == "" {
		return ""
	}
	return strings.TrimPrefix(value(namespace)+"/"+value(name), "/")
}

func eksExits(containers []awsapi.EksAttemptContainerDetail) (list []string) {
	for i := range containers {
		list = append(list, exit(value(containers[i].Name), containers[i].ExitCode, value(containers[i].Reason)))
	}
	return list
}

func plainExits(a *awsapi.AttemptDetail) (list []string) {
	if c := a.Container; c != nil {
		list = append(list, exit("", c.ExitCode, value(c.Reason)))
	}
	for _, task := range a.TaskProperties {
		for i := range task.Containers {
			list = append(list, exit(value(task.Containers[i].Name), task.Containers[i].ExitCode, value(task.Containers[i].Reason)))
		}
	}
	return list
}

// exit says how a container ended.
func exit(name string, code *int, reason string) string {
	text := "no exit code"
	if code != nil {
		text = "exit code " + strconv.Itoa(*code)
	}
	if name != "" && name != "default" {
		text = name + ": " + text
	}
	if reason != "" {
		text += ", " + reason
	}
	return text
}

// timeline draws when the job waited and when each of its attempts ran.
func (p *jobPage) timeline(now time.Time) template.HTML {
	created := deref(p.Job.CreatedAt)
	if created == 0 || p.Job.ArrayProperties != nil && p.Job.ArrayProperties.Index == nil {
		return ""
	}
	end := now
	if stopped := deref(p.Job.StoppedAt); stopped > 0 {
		end = time.UnixMilli(stopped)
	}
	waited := end
	rows := []chart.Row{}
	for _, a := range p.Attempts {
		if a.Started == 0 {
			continue
		}
		from, to := time.UnixMilli(a.Started), end
		if a.Stopped > 0 {
			to = time.UnixMilli(a.Stopped)
		}
		if len(rows) == 0 {
			waited = from
		}
		class := "running"
		if a.Stopped > 0 {
			class = "failed"
			if p.Status == string(batch.StatusSucceeded) && a.Number == len(p.Attempts) {
				class = "succeeded"
			}
		}
		rows = append(rows, chart.Row{Label: "attempt " + strconv.Itoa(a.Number), Spans: []chart.Span{{From: from, To: to, Label: "ran", Class: class}}})
	}
	first := chart.Row{Label: "until it ran", Spans: []chart.Span{{From: time.UnixMilli(created), To: waited, Label: "waited", Class: "pending"}}}
	return chart.Timeline("Timeline of the job", slices.Insert(rows, 0, first))
}

// members gets the children of an array, and the members of a multi-node job.
func (p *jobPage) members(r *Request) error {
	if a := p.Job.ArrayProperties; a != nil && a.Index == nil && deref(a.Size) > 0 {
		var err error
		p.Array, err = r.array(p.ID)
		return err
	}
	if p.Job.NodeProperties != nil {
		var gang viewapi.Gang
		if err := r.API.Get(r.Context(), viewapi.PathGang(p.ID), &gang); err == nil {
			p.Gang = &gang
		}
	}
	return nil
}

// Overruled names what the job says in deprecated members and does not count.
func (p *jobPage) Overruled() string {
	if c := p.Job.Container; c != nil {
		return jobspec.Overruled(c.ResourceRequirements, c.Vcpus, c.Memory)
	}
	return ""
}

// Child is the index of a child of an array, with those beside it.
func (p *jobPage) Child() *childPlace {
	a := p.Job.ArrayProperties
	if a == nil || a.Index == nil {
		return nil
	}
	c := &childPlace{Index: *a.Index}
	if *a.Index > 0 {
		c.Before = batch.ChildID(p.Parent, *a.Index-1)
	}
	if *a.Index+1 < p.Children {
		c.After = batch.ChildID(p.Parent, *a.Index+1)
	}
	return c
}

type childPlace struct {
	Index         int
	Before, After string // empty where there is none
}

func jobCommands(r *Request, p *jobPage) []command {
	return []command{
		{"AWS CLI", strings.Join([]string{
			r.aws("describe-jobs", "--jobs", p.ID),
			r.aws("terminate-job", "--job-id", p.ID, "--reason", "stopped by hand"),
		}, "\n")},
		{"muster", strings.Join([]string{
			words("muster", "get", p.ID), words("muster", "explain", p.ID), words("muster", "logs", "-f", p.ID), words("muster", "retry", p.ID),
		}, "\n")},
		{"curl", r.curl("/v1/describejobs", map[string][]string{"jobs": {p.ID}}) + "\n" + r.curlGet(viewapi.PathExplanation(p.ID))},
		{"All jobs of the same name", r.aws("list-jobs", "--job-queue", p.Queue, "--filters", "name=JOB_NAME,values="+value(p.Job.JobName))},
	}
}

// LogsPath is where the job's logs are.
func (p *jobPage) LogsPath() string { return Root + "logs?job=" + url.QueryEscape(p.ID) }
