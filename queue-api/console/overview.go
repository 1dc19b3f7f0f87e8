// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/console/chart"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

const (
	// maxShownQueues bounds the queues and environments that the overview draws, the busiest first.
	maxShownQueues = 20
	// maxAlerts bounds what it warns of.
	maxAlerts = 20
	// longWait is after how long a job that waits is worth a look.
	longWait = time.Hour
)

type overview struct {
	Summary  viewapi.Summary
	Tiles    []countTile
	Alerts   []alert
	Queues   template.HTML
	Supplies template.HTML
	Ended    template.HTML
	Vcpus    template.HTML
}

// countTile is a number of jobs that leads to them.
type countTile struct {
	Label, Class, Path string
	Count              int64
}

// alert is something that a reader may have to do something about.
type alert struct {
	Severity string // failed or warning
	Text     string
	Path     string
}

func loadOverview(r *Request) (*View, error) {
	o := &overview{}
	if err := r.API.Get(r.Context(), viewapi.PathSummary, &o.Summary); err != nil {
		return nil, err
	}
	environments, err := r.environments()
	if err != nil {
		return nil, err
	}
	o.Tiles = tiles(&o.Summary.Totals)
	o.Alerts = slices.Concat(r.statusAlerts(), environmentAlerts(environments), queueAlerts(o.Summary.Queues))
	o.Alerts = o.Alerts[:min(len(o.Alerts), maxAlerts)]
	o.Queues = queueBars(o.Summary.Queues)
	o.Supplies = environmentBars(environments)
	o.Ended, o.Vcpus = dayCharts(o.Summary.Queues)
	return &View{Title: "Overview", Data: o, Live: &Live{Every: 15 * time.Second}}, nil
}

// environments are those that the user may see; none if there is not even that to be told.
func (r *Request) environments() ([]awsapi.ComputeEnvironmentDetail, error) {
	var out awsapi.DescribeComputeEnvironmentsResponse
	err := r.API.Post(r.Context(), "/v1/describecomputeenvironments", &awsapi.DescribeComputeEnvironmentsRequest{}, &out)
	return out.ComputeEnvironments, err
}

func tiles(t *viewapi.Totals) []countTile {
	list := []countTile{}
	for _, status := range batch.JobStatuses {
		list = append(list, countTile{
			Label: string(status), Class: string(status), Count: t.Counts[string(status)], Path: Root + "jobs?status=" + string(status),
		})
	}
	return list
}

// statusAlerts are what the server says of itself. One that does not answer says nothing here: it is no page's only content.
func (r *Request) statusAlerts() (list []alert) {
	var s viewapi.Status
	if r.API.Get(r.Context(), viewapi.PathStatus, &s) != nil {
		return nil
	}
	for _, c := range s.Checks {
		switch c.Result {
		case "fail":
			list = append(list, alert{"failed", c.Name + ": " + c.Message, ""})
		case "warn":
			list = append(list, alert{"warning", c.Name + ": " + c.Message, ""})
		}
	}
	return list
}

func environmentAlerts(environments []awsapi.ComputeEnvironmentDetail) (list []alert) {
	for i := range environments {
		e := &environments[i]
		if value(e.Status) == string(batch.ResourceInvalid) {
			list = append(list, alert{"failed", "Compute environment " + value(e.ComputeEnvironmentName) + " is INVALID: " + value(e.StatusReason), ""})
		}
	}
	return list
}

func queueAlerts(queues []viewapi.QueueSummary) (list []alert) {
	for i := range queues {
		q := &queues[i]
		path := queuePath(q.JobQueue)
		switch waits := q.OldestRunnableAgeSeconds; {
		case q.Status == string(batch.ResourceInvalid):
			list = append(list, alert{"failed", "Job queue " + q.JobQueue + " is INVALID: " + q.StatusReason, path})
		case q.Paused && q.Counts[string(batch.StatusRunnable)] > 0:
			list = append(list, alert{"warning", fmt.Sprintf("Job queue %s is paused, and %s jobs wait in it.", q.JobQueue, number(q.Counts[string(batch.StatusRunnable)])), path})
		case waits != nil && *waits >= int64(longWait/time.Second):
			list = append(list, alert{"warning", "A job of queue " + q.JobQueue + " has been RUNNABLE for " + duration(*waits) + ".", path})
		}
	}
	return list
}

// queueBars are what the busiest queues hold of what their environments may have.
func queueBars(queues []viewapi.QueueSummary) template.HTML {
	sorted := slices.SortedFunc(slices.Values(queues), func(a, b viewapi.QueueSummary) int {
		return cmp.Or(cmp.Compare(b.VCPUsUsed, a.VCPUsUsed), cmp.Compare(a.JobQueue, b.JobQueue))
	})
	bars := []chart.Bar{}
	for _, q := range sorted[:min(len(sorted), maxShownQueues)] {
		bars = append(bars, chart.Bar{
			Label: q.JobQueue, Value: amountOf(q.VCPUsUsed, q.MaxVCPUs), Total: deref(q.MaxVCPUs), Href: queuePath(q.JobQueue),
			Parts: []chart.Part{{Label: "vCPUs", Class: "running", Value: q.VCPUsUsed}},
		})
	}
	return chart.Bars("vCPUs that job queues hold", bars)
}

// environmentBars are the vCPUs of the environments' nodes, of those that they may have.
func environmentBars(environments []awsapi.ComputeEnvironmentDetail) template.HTML {
	bars := []chart.Bar{}
	for i := range environments {
		e := &environments[i]
		if e.ComputeResources == nil || len(bars) == maxShownQueues {
			continue
		}
		desired, most := float64(deref(e.ComputeResources.DesiredvCpus)), float64(deref(e.ComputeResources.MaxvCpus))
		bars = append(bars, chart.Bar{
			Label: value(e.ComputeEnvironmentName), Value: amountOf(desired, &most), Total: most,
			Parts: []chart.Part{{Label: "vCPUs", Class: "starting", Value: desired}},
		})
	}
	if len(bars) == 0 {
		return ""
	}
	return chart.Bars("vCPUs of the nodes of compute environments", bars)
}

func amountOf(n float64, most *float64) string {
	if most == nil {
		return vcpus(n) + " vCPUs"
	}
	return vcpus(n) + " of " + vcpus(*most) + " vCPUs"
}

// columnSteps is how many steps of a day are one column: half an hour of five minutes each.
const columnSteps = 6

// dayCharts draw what ended in a day, and what was held meanwhile, over all queues; empty where there was nothing.
func dayCharts(queues []viewapi.QueueSummary) (ended, held template.HTML) {
	var succeeded, failed, vcpu []float64
	step, from := 0, int64(0)
	for i := range queues {
		if h := queues[i].History; h != nil {
			succeeded, failed, vcpu = plus(succeeded, h.Succeeded), plus(failed, h.Failed), plus(vcpu, h.VCPUs)
			step, from = h.StepSeconds, h.From
		}
	}
	columns := []chart.Column{}
	for i := 0; i < len(succeeded); i += columnSteps {
		end := min(i+columnSteps, len(succeeded))
		columns = append(columns, chart.Column{
			Label: at(from+int64(i*step)*1000) + " UTC",
			Parts: []chart.Part{
				{Label: "SUCCEEDED", Class: "succeeded", Value: sumOf(succeeded[i:end])},
				{Label: "FAILED", Class: "failed", Value: sumOf(failed[i:end])},
			},
		})
	}
	if sumOf(succeeded)+sumOf(failed) > 0 {
		ended = chart.Columns("Jobs that ended in the last 24 hours, by half hours", columns)
	}
	if sumOf(vcpu) > 0 {
		held = chart.Sparkline("vCPUs held in the last 24 hours", vcpu)
	}
	return ended, held
}

func plus[N int64 | float64](sum []float64, list []N) []float64 {
	for len(sum) < len(list) {
		sum = append(sum, 0)
	}
	for i, n := range list {
		sum[i] += float64(n)
	}
	return sum
}

func sumOf(list []float64) (total float64) {
	for _, n := range list {
		total += n
	}
	return total
}

// value is a text that may be absent.
func value(s *string) string { return deref(s) }
