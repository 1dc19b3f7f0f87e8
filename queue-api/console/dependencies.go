// SPDX-License-Identifier: Apache-2.0

package console

import (
	"slices"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/console/chart"
)

const (
	// maxGraph bounds the jobs of a graph, maxLevels how far back it goes.
	maxGraph  = 80
	maxLevels = 4
)

// dependency is a job that another waits for, or waited.
type dependency struct{ ID, Name, Status, Type string }

// depends gets what the job depends on, and what that depends on, as far as the user may see it.
func (p *jobPage) depends(r *Request) error {
	if len(p.Job.DependsOn) == 0 {
		return nil
	}
	g := &graph{known: map[string]*awsapi.JobDetail{p.ID: &p.Job}, types: map[string]string{}}
	level := []string{p.ID}
	for range maxLevels {
		var missing []string
		for _, id := range level {
			for _, on := range g.of(id) {
				if _, ok := g.known[on]; !ok && !slices.Contains(missing, on) && len(g.known)+len(missing) < maxGraph {
					missing = append(missing, on)
				}
			}
		}
		if len(missing) == 0 {
			break
		}
		found, err := r.jobs(missing)
		if err != nil {
			return err
		}
		for _, id := range missing {
			g.known[id] = found[id] // nil for one that is gone, or not the user's to see
			g.order = append(g.order, id)
		}
		level = missing
	}
	p.Graph = chart.Graph("What the job depends on", g.nodes(p.ID), g.edges(p.ID))
	for _, on := range g.of(p.ID) {
		p.Depends = append(p.Depends, g.dependency(on))
	}
	return nil
}

// graph is jobs and what they depend on.
type graph struct {
	known map[string]*awsapi.JobDetail
	order []string
	types map[string]string
}

// of are the jobs that one depends on.
func (g *graph) of(id string) (list []string) {
	job := g.known[id]
	if job == nil {
		return nil
	}
	for i := range job.DependsOn {
		if on := value(job.DependsOn[i].JobId); on != "" {
			if name, ok := batch.NameFromARN(batch.ARNJob, on); ok {
				on = name
			}
			g.types[on] = value(job.DependsOn[i].Type)
			list = append(list, on)
		}
	}
	return list
}

func (g *graph) dependency(id string) dependency {
	d := dependency{ID: id, Name: id, Status: "UNKNOWN", Type: g.types[id]}
	if job := g.known[id]; job != nil {
		d.Name, d.Status = value(job.JobName), value(job.Status)
	}
	return d
}

func (g *graph) nodes(self string) (list []chart.Node) {
	for _, id := range append(slices.Clone(g.order), self) {
		d := g.dependency(id)
		list = append(list, chart.Node{ID: id, Label: d.Name, Note: d.Status, Class: d.Status, Href: jobPath(id)})
	}
	return list
}

func (g *graph) edges(self string) (list []chart.Edge) {
	for _, id := range append(slices.Clone(g.order), self) {
		for _, on := range g.of(id) {
			if _, drawn := g.known[on]; drawn {
				list = append(list, chart.Edge{From: on, To: id})
			}
		}
	}
	return list
}
