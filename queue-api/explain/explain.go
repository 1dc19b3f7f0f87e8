// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"slices"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// MaxShares bounds the shares that a position shows.
const MaxShares = 20

// Explain says all that can be said of the job.
func (f *Facts) Explain() viewapi.Explanation {
	job := f.Job
	code, reason, _ := f.judge()
	e := viewapi.Explanation{
		JobID: job.ID, JobName: job.Name, JobQueue: job.Queue, Status: string(job.Status),
		Code: string(code), Kind: string(EntryOf(code).Kind), Reason: reason, Details: f.details(), Since: f.since().UnixMilli(),
		Supplies: []viewapi.Supply{},
		Needs:    needsOf(job), Estimate: f.estimate(code), Next: f.next(code),
	}
	if job.Status.IsTerminal() {
		e.Kind = string(KindEnded)
	}
	if job.IsArray() {
		e.Needs = nil // its children take something
	}
	if job.IsWaiting() {
		e.Supplies, e.Position = f.supplies(), f.position()
	}
	if a := job.Current; a != nil {
		e.ComputeEnvironment, e.Cluster, e.Pods = a.ComputeEnvironment, a.Cluster, podsOf(a)
	}
	if job.Status == batch.StatusRunnable && job.Current != nil {
		e.Scheduler, e.Autoscaler = f.lastWords()
	}
	if f.Queue != nil {
		if why, after := lifecycle.TimeLimit(f.Queue.JobStateTimeLimitActions, *job, f.Now); why != "" {
			e.Limit = &viewapi.Limit{At: f.Now.Add(max(0, after)).UnixMilli(), Reason: why}
		}
	}
	return e
}

// since is when the job came to where it is.
func (f *Facts) since() (at time.Time) {
	job := f.Job
	switch {
	case job.Status.IsTerminal():
		return job.StoppedAt
	case !job.BlockedAt.IsZero():
		return job.BlockedAt
	case job.Status == batch.StatusRunning:
		return job.StartedAt
	case job.Current != nil:
		return job.Current.AdmittedAt
	case len(job.Attempts) > 0:
		return job.Attempts[len(job.Attempts)-1].StoppedAt
	}
	return job.CreatedAt
}

func podsOf(a *batch.Attempt) *viewapi.PodCount {
	if len(a.Nodes) == 0 {
		p := &viewapi.PodCount{Total: 1}
		if a.NodeName == "" {
			p.WithoutNode = 1
		}
		return p
	}
	p := &viewapi.PodCount{Total: len(a.Nodes)}
	for i := range a.Nodes {
		if a.Nodes[i].NodeName == "" {
			p.WithoutNode++
		}
	}
	return p
}

func (f *Facts) position() *viewapi.Position {
	if f.Place.Of == 0 {
		return nil
	}
	p := &viewapi.Position{Ahead: f.Place.Ahead, Of: f.Place.Of, Share: f.Job.ShareIdentifier}
	if n, _ := f.jobsAhead(); f.Shares != nil || n > p.Ahead {
		p.JobsAhead = n
	}
	if f.Shares != nil {
		p.AheadByShare, _ = f.aheadByShare()
		p.AheadByShare = p.AheadByShare[:min(len(p.AheadByShare), MaxShares)]
	}
	return p
}

// lastWords are those of scheduler and autoscaler on an attempt that has no node.
func (f *Facts) lastWords() (scheduler string, autoscaler *viewapi.Autoscaler) {
	if f.Look != nil {
		scheduler = clip(f.Look.Scheduler)
	}
	said := &viewapi.Autoscaler{ComputeEnvironment: f.Job.Current.ComputeEnvironment}
	switch {
	case f.Job.StatusReason != "" && !strings.HasPrefix(f.Job.StatusReason, Refused):
		said.Message, said.Reason = f.Job.StatusReason, batchmeta.ReasonScaleUpFailed
		if !f.Job.BlockedAt.IsZero() {
			said.At = f.Job.BlockedAt.UnixMilli()
		}
	case f.Home != nil && f.Home.Report != nil && f.Home.StatusReason != "":
		said.Message = clip(f.Home.StatusReason)
		if !f.Home.Report.JudgedAt.IsZero() {
			said.At = f.Home.Report.JudgedAt.UnixMilli()
		}
	default:
		return scheduler, nil
	}
	return scheduler, said
}

// details name what the reason does not.
func (f *Facts) details() []string {
	if f.Job.Status.IsTerminal() {
		return f.outcomeDetails()
	}
	var out []string
	for _, e := range f.Environments {
		if e.AcceptsWork() {
			continue
		}
		text := "Compute environment " + e.Name + " is " + environmentSupply(e).State
		if e.State == batch.Enabled && e.StatusReason != "" {
			text += ": " + clip(e.StatusReason)
		}
		out = append(out, text)
	}
	return out
}

// maxWords bounds what is passed on of others' words.
const maxWords = 1024

func clip(s string) string {
	if len(s) <= maxWords {
		return s
	}
	return strings.ToValidUTF8(s[:maxWords], "") + "…"
}

// next is what to do, with the names that the job gives.
func (f *Facts) next(code Code) string {
	names := map[string]string{"queue": f.Job.Queue, "share": f.Job.ShareIdentifier}
	switch {
	case f.Job.Current != nil:
		names["environment"] = f.Job.Current.ComputeEnvironment
	case len(f.Environments) > 0:
		names["environment"] = f.Environments[0].Name
		names["cluster"] = f.Environments[0].ClusterName()
	}
	if f.Home != nil {
		names["cluster"] = f.Home.ClusterName()
	}
	if i := slices.IndexFunc(f.Environments, func(e Environment) bool { return !e.AcceptsWork() }); i >= 0 && f.Job.Current == nil {
		names["environment"], names["cluster"] = f.Environments[i].Name, f.Environments[i].ClusterName()
	}
	for _, r := range f.Job.Consumables {
		if c, known := f.Consumables[r.Name]; known && (c == nil || c.Available() < r.Quantity) {
			names["consumable"] = r.Name
			break
		}
	}
	return fill(EntryOf(code).Next, names)
}
