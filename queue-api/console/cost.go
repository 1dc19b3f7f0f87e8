// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/console/chart"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

const (
	// jobsOfCost is how many jobs are described to know their shares and tags; of others the queue alone is known.
	jobsOfCost = 1000
	// costRows is how many rows a list has at most.
	costRows = 50
)

// unused is what nobody's job asked for.
const unused = "(unused)"

// costPage is what is paid now.
type costPage struct {
	PerHour      float64 // of all nodes whose price is known
	Nodes        int
	Unpriced     int // nodes whose price is not known
	Environments template.HTML
	By           string // queue, share or a tag's key
	Tags         []string
	Rows         []costRow
	Chart        template.HTML
	Jobs         []costJob
	MoreJobs     int
	Undescribed  int
	Clusters     []viewapi.ClusterState
	Spent        *spentPage // nil if nothing ended
}

// costRow is what one queue, share or tag costs.
type costRow struct {
	Name          string
	PerHour, Part float64
	Jobs          int
}

// costJob is what a running job costs.
type costJob struct {
	ID, Name, Queue, Share string
	VCPUs, PerHour         float64
	StartedAt              int64
	SoFar                  *float64 // nil before it started
	tags                   map[string]string
}

func loadCost(r *Request) (*View, error) {
	var nodes viewapi.Nodes
	if err := r.API.Get(r.Context(), viewapi.PathNodes, &nodes); err != nil {
		return nil, err
	}
	p := costPage{Clusters: unseen(nodes.Clusters), By: cmp.Or(r.URL.Query().Get("by"), "queue")}
	p.Environments = p.environments(nodes.Nodes)
	jobs, left := costs(nodes.Nodes)
	if err := r.addDetails(jobs, &p); err != nil {
		return nil, err
	}
	var err error
	if p.Spent, err = r.loadSpending(&p); err != nil {
		return nil, err
	}
	p.Rows = rowsOf(jobs, left, p.By)
	p.draw()
	now := r.Now()
	for _, j := range jobs {
		if j.StartedAt > 0 {
			j.SoFar = new(j.PerHour * max(now.Sub(time.UnixMilli(j.StartedAt)), 0).Hours())
		}
	}
	p.MoreJobs = max(len(jobs)-costRows, 0)
	for _, j := range jobs[:min(len(jobs), costRows)] {
		p.Jobs = append(p.Jobs, *j)
	}
	return &View{Title: "Cost", Data: p, Live: &Live{Every: 15 * time.Second}}, nil
}

// environments draws what the nodes of each environment cost, on demand and Spot.
func (p *costPage) environments(nodes []viewapi.Node) template.HTML {
	type key struct{ name, capacity string }
	perHour, names := map[key]float64{}, []string{}
	for i := range nodes {
		n := &nodes[i]
		p.Nodes++
		if n.PricePerHour == nil {
			p.Unpriced++
			continue
		}
		p.PerHour += *n.PricePerHour
		perHour[key{n.ComputeEnvironment, n.CapacityType}] += *n.PricePerHour
		names = append(names, n.ComputeEnvironment)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return ""
	}
	bars := make([]chart.Bar, len(names))
	for i, name := range names {
		demand, spot := perHour[key{name, "ON_DEMAND"}]+perHour[key{name, ""}], perHour[key{name, "SPOT"}]
		bars[i] = chart.Bar{
			Label: cmp.Or(name, "(no environment)"), Value: fmt.Sprintf("%s/h: %s on demand, %s Spot", dollars(demand+spot), dollars(demand), dollars(spot)),
			Parts: []chart.Part{{Label: "on demand", Class: "on-demand", Value: demand}, {Label: "Spot", Class: "spot", Value: spot}},
		}
		if name != "" {
			bars[i].Href = nodeFilter{Environment: name}.path(0)
		}
	}
	return chart.Bars("Dollars an hour by compute environment", bars)
}

// costs are what each job costs an hour, the dearest first: of each node that it is on its share of the price, as batch.ShareOf has
// it. left is what of all prices is nobody's, or the jobs' that are not the user's to see.
func costs(nodes []viewapi.Node) (jobs []*costJob, left float64) {
	byID := map[string]*costJob{}
	for i := range nodes {
		n := &nodes[i]
		if n.PricePerHour == nil {
			continue
		}
		price := *n.PricePerHour
		left += price
		for _, on := range n.Jobs {
			j := byID[on.JobID]
			if j == nil {
				j = &costJob{ID: on.JobID, Name: on.JobName, Queue: on.JobQueue}
				byID[on.JobID] = j
			}
			part := price * batch.ShareOf(requestsOf(on.VCPUs, on.MemoryMiB, on.GPUs), requestsOf(n.Allocatable.VCPUs, n.Allocatable.MemoryMiB, n.Allocatable.GPUs))
			j.VCPUs, j.PerHour = j.VCPUs+on.VCPUs, j.PerHour+part
			left -= part
		}
	}
	jobs = slices.SortedFunc(maps.Values(byID), func(a, b *costJob) int {
		return cmp.Or(cmp.Compare(b.PerHour, a.PerHour), cmp.Compare(a.ID, b.ID))
	})
	return jobs, max(left, 0)
}

func requestsOf(vcpus float64, memoryMiB, gpus int64) batch.Requests {
	return batch.Requests{MilliVCPU: int64(math.Round(vcpus * 1000)), MemoryMiB: memoryMiB, GPU: gpus}
}

// addDetails adds what the jobs themselves say.
func (r *Request) addDetails(jobs []*costJob, p *costPage) error {
	byID := map[string]*costJob{}
	var ids []string
	for _, j := range jobs[:min(len(jobs), jobsOfCost)] {
		byID[j.ID] = j
		ids = append(ids, j.ID)
	}
	p.Undescribed = len(jobs) - len(ids)
	details, err := r.describe(ids)
	if err != nil {
		return err
	}
	for i := range details {
		d := &details[i]
		if j := byID[deref(d.JobId)]; j != nil {
			j.add(d)
			p.Tags = append(p.Tags, slices.Collect(maps.Keys(d.Tags))...)
		}
	}
	p.Tags = distinct(p.Tags)
	p.Tags = p.Tags[:min(len(p.Tags), costRows)]
	return nil
}

func (j *costJob) add(d *awsapi.JobDetail) {
	j.Name, j.Share, j.tags, j.StartedAt = deref(d.JobName), deref(d.ShareIdentifier), d.Tags, deref(d.StartedAt)
	if name, ok := batch.NameFromARN(batch.ARNJobQueue, deref(d.JobQueue)); ok {
		j.Queue = name
	}
}

// tagPrefix begins the choice of a tag's key.
const tagPrefix = "tag:"

// of is what the job's cost is counted for.
func (j *costJob) of(by string) string {
	key, isTag := strings.CutPrefix(by, tagPrefix)
	switch {
	case isTag:
		return cmp.Or(j.tags[key], "(no tag)")
	case by == "share":
		return j.Queue + " / " + cmp.Or(j.Share, "(none)")
	}
	return cmp.Or(j.Queue, "(unknown)")
}

func rowsOf(jobs []*costJob, left float64, by string) []costRow {
	rows := map[string]*costRow{}
	total := left
	for _, j := range jobs {
		name := j.of(by)
		if rows[name] == nil {
			rows[name] = &costRow{Name: name}
		}
		rows[name].PerHour += j.PerHour
		rows[name].Jobs++
		total += j.PerHour
	}
	var list []costRow
	for _, row := range rows {
		list = append(list, *row)
	}
	slices.SortFunc(list, func(a, b costRow) int { return cmp.Or(cmp.Compare(b.PerHour, a.PerHour), cmp.Compare(a.Name, b.Name)) })
	if len(list) > costRows {
		others := costRow{Name: "(others)"}
		for _, row := range list[costRows:] {
			others.PerHour, others.Jobs = others.PerHour+row.PerHour, others.Jobs+row.Jobs
		}
		list = append(list[:costRows], others)
	}
	if left > 0 {
		list = append(list, costRow{Name: unused, PerHour: left})
	}
	for i := range list {
		if total > 0 {
			list[i].Part = list[i].PerHour / total
		}
	}
	return list
}

func (p *costPage) draw() {
	bars := make([]chart.Bar, len(p.Rows))
	for i, row := range p.Rows {
		class := "used"
		if row.Name == unused {
			class = "free"
		}
		bars[i] = chart.Bar{
			Label: row.Name, Value: fmt.Sprintf("%s/h · %d%%", dollars(row.PerHour), percent(row.Part, 1)),
			Parts: []chart.Part{{Label: "dollars an hour", Class: class, Value: row.PerHour}},
		}
		if row.Jobs > 0 {
			bars[i].Value += " · " + plural(row.Jobs, "job")
		}
	}
	if len(bars) > 0 {
		p.Chart = chart.Bars("Dollars an hour by "+p.By, bars)
	}
}
