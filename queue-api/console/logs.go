// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

const (
	// linesAPage is how many lines a page begins with, bytesAPage how much of them.
	linesAPage = 500
	bytesAPage = 96 << 10
	// lineShown is how much of a line is shown; the rest is in what is downloaded.
	lineShown = 4 << 10
)

// logsPage is one log of a job.
type logsPage struct {
	Job     string
	JobName string
	Status  string
	Streams []logStream
	Stream  string // the one that is shown; empty if there is none
	Lines   []logLine
	Earlier string // the page with what came before; empty at the beginning
	Latest  string // the page with the end; empty if this is it
	Tail    string // what goes on from here; empty if nothing does
	Save    string // what downloads it
	Trouble string // why there are no lines
}

// logStream is the log of one container of one attempt.
type logStream struct {
	Name, Label, Path string
	Current           bool
}

// logLine is a line as it is shown.
type logLine struct {
	At   int64  `json:"t"`
	Text string `json:"m"`
	// Cut is how many bytes are not shown.
	Cut int `json:"c,omitempty"`
}

func loadLogs(r *Request) (*View, error) {
	q := r.URL.Query()
	p := &logsPage{Job: strings.TrimSpace(q.Get("job")), Stream: q.Get("stream")}
	view := &View{Title: "Logs", Data: p}
	if p.Job == "" {
		return view, nil
	}
	jobs, err := r.describe([]string{p.Job})
	if err != nil {
		return nil, err
	}
	if len(jobs) == 0 {
		p.Trouble = "There is no such job, or it is not yours to see."
		return view, nil
	}
	job := &jobs[0]
	p.JobName, p.Status = deref(job.JobName), deref(job.Status)
	view.Title = "Log of " + p.JobName
	p.choose(streamsOf(job))
	if p.Stream == "" {
		p.Trouble = "No attempt of this job has run yet: there is no log."
		if a := job.ArrayProperties; a != nil && a.Index == nil && deref(a.Size) > 0 {
			p.Trouble = "An array has no log of its own: open one of its children."
		}
		return view, nil
	}
	return view, r.read(p, q.Get("before"))
}

// choose shows the newest stream unless another was asked for.
func (p *logsPage) choose(streams []logStream) {
	if !slices.ContainsFunc(streams, func(s logStream) bool { return s.Name == p.Stream }) {
		p.Stream = ""
	}
	if p.Stream == "" && len(streams) > 0 {
		p.Stream = streams[0].Name
	}
	for i := range streams {
		streams[i].Path, streams[i].Current = p.path(streams[i].Name, "", ""), streams[i].Name == p.Stream
	}
	p.Streams = streams
}

// path is the page of a stream, as of a token.
func (p *logsPage) path(stream, name, token string) string {
	q := url.Values{"job": {p.Job}, "stream": {stream}}
	if token != "" {
		q.Set(name, token)
	}
	return Root + "logs?" + q.Encode()
}

// streamsOf are the logs of a job, the newest first.
func streamsOf(job *awsapi.JobDetail) []logStream {
	var out []logStream
	add := func(attempt int, container, name string) {
		if name == "" || slices.ContainsFunc(out, func(s logStream) bool { return s.Name == name }) {
			return
		}
		label := fmt.Sprintf("Attempt %d", attempt)
		if container != "" {
			label += ", " + container
		}
		out = append(out, logStream{Name: name, Label: label})
	}
	for i, a := range job.Attempts {
		if a.Container != nil {
			add(i+1, "", deref(a.Container.LogStreamName))
		}
		for _, task := range a.TaskProperties {
			for _, c := range task.Containers {
				add(i+1, deref(c.Name), deref(c.LogStreamName))
			}
		}
	}
	now := len(job.Attempts) + 1
	if job.Container != nil {
		add(now, "", deref(job.Container.LogStreamName))
	}
	if job.EcsProperties != nil {
		for _, task := range job.EcsProperties.TaskProperties {
			for _, c := range task.Containers {
				add(now, deref(c.Name), deref(c.LogStreamName))
			}
		}
	}
	addPods(job, add)
	slices.Reverse(out)
	return out
}

// addPods adds the logs of pods, which AWS Batch has no names for.
func addPods(job *awsapi.JobDetail, add func(attempt int, container, name string)) {
	definition, _ := batch.NameFromARN(batch.ARNJobDefinition, deref(job.JobDefinition))
	definition, _, _ = strings.Cut(definition, ":")
	for i, a := range job.EksAttempts {
		for _, c := range slices.Concat(a.InitContainers, a.Containers) {
			if name := deref(c.Name); name != "" && deref(a.PodName) != "" {
				add(i+1, name, batch.LogStream(definition, name, *a.PodName))
			}
		}
	}
	if job.EksProperties == nil || job.EksProperties.PodProperties == nil || deref(job.StartedAt) == 0 {
		return
	}
	pod := job.EksProperties.PodProperties
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		if name := cmp.Or(deref(c.Name), "Default"); deref(pod.PodName) != "" {
			add(len(job.EksAttempts)+1, name, batch.LogStream(definition, name, *pod.PodName))
		}
	}
}

// GetLogEvents of the CloudWatch Logs API, as far as it is used.
type (
	getLogEvents struct {
		Group         string `json:"logGroupName"`
		Stream        string `json:"logStreamName"`
		Token         string `json:"nextToken,omitempty"`
		Limit         int    `json:"limit,omitempty"`
		StartFromHead bool   `json:"startFromHead,omitempty"`
	}
	gotLogEvents struct {
		Events []struct {
			Timestamp int64  `json:"timestamp"`
			Message   string `json:"message"`
		} `json:"events"`
		Forward  string          `json:"nextForwardToken"`
		Backward string          `json:"nextBackwardToken"`
		End      *viewapi.LogEnd `json:"musterEnd"`
	}
)

const (
	logGroup = "/aws/batch/job"
	// codeNoLog is the error of a log that is not there.
	codeNoLog = "ResourceNotFoundException"
)

// read fills the page with the lines before a token, or with the last ones.
func (r *Request) read(p *logsPage, before string) error {
	var got gotLogEvents
	in := getLogEvents{Group: logGroup, Stream: p.Stream, Token: before, Limit: linesAPage}
	if err := r.API.Logs(r.Context(), "GetLogEvents", &in, &got); err != nil {
		problem := problemOf(r.Context(), err)
		p.Trouble = "The log could not be read: " + problem.Message
		if problem.Code == codeNoLog {
			p.Trouble = "Nothing of this log is kept, and its pod is gone or has written nothing yet."
		}
		if problem.Status == 404 {
			p.Trouble = "This server keeps no logs: it was started without --log-dir or --log-url."
		}
		return nil
	}
	lines := linesOf(&got)
	if few := fits(lines); few < len(lines) { // the same again, so that the tokens are those of what is shown
		in.Limit = max(few, 1)
		got = gotLogEvents{}
		if err := r.API.Logs(r.Context(), "GetLogEvents", &in, &got); err != nil {
			return err
		}
		lines = linesOf(&got)
	}
	p.Lines = lines
	if len(p.Lines) > 0 && got.Backward != "" {
		p.Earlier = p.path(p.Stream, "before", got.Backward)
	}
	if before != "" {
		p.Latest = p.path(p.Stream, "", "")
	} else {
		p.Tail = Root + "logs/tail?" + url.Values{"stream": {p.Stream}, "after": {got.Forward}}.Encode()
	}
	p.Save = Root + "logs/download?" + url.Values{"stream": {p.Stream}}.Encode()
	return nil
}

func linesOf(got *gotLogEvents) []logLine {
	lines := make([]logLine, len(got.Events))
	for i, e := range got.Events {
		lines[i] = lineOf(e.Timestamp, e.Message)
	}
	return lines
}

// fits is how many of the last lines are not too much for a page.
func fits(lines []logLine) int {
	size := 0
	for i, line := range slices.Backward(lines) {
		if size += len(line.Text); size > bytesAPage {
			return len(lines) - 1 - i
		}
	}
	return len(lines)
}
