// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/console/chart"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

const (
	// nodesAPage is how many nodes a page has, jobsANode how many jobs are listed of each.
	nodesAPage = 60
	jobsANode  = 8
)

// nodesPage is the map of nodes.
type nodesPage struct {
	Filter       nodeFilter
	Environments template.HTML // what is used of each
	Groups       []nodeGroup
	Shown, Of    int
	Truncated    bool
	Clusters     []viewapi.ClusterState // that do not answer
	Names        []string               // of environments, to choose from
	Zones, Types []string
	Earlier      string // pages before and after; empty for none
	Later        string
}

// nodeFilter is what of the nodes is shown; it is in the page's address.
type nodeFilter struct {
	Environment, Zone, Type, Mark string
	Page                          int // from 0
}

// nodeGroup is nodes of one environment, zone and type.
type nodeGroup struct {
	Environment, Zone, Type string
	Tiles                   []tile
}

// tile is one node.
type tile struct {
	viewapi.Node

	Meter template.HTML
	Marks []string
	More  int // jobs that are not listed
}

func loadNodes(r *Request) (*View, error) {
	var all viewapi.Nodes
	if err := r.API.Get(r.Context(), viewapi.PathNodes, &all); err != nil {
		return nil, err
	}
	p := nodesPage{Filter: nodeFilterOf(r.URL.Query()), Of: len(all.Nodes), Truncated: all.Truncated, Clusters: unseen(all.Clusters)}
	p.choices(all.Nodes)
	p.Environments = usageOf(all.Nodes)
	nodes := slices.DeleteFunc(all.Nodes, func(n viewapi.Node) bool { return !p.Filter.has(&n) })
	p.Shown = len(nodes)
	first := min(p.Filter.Page*nodesAPage, len(nodes))
	last := min(first+nodesAPage, len(nodes))
	if first > 0 {
		p.Earlier = p.Filter.path(p.Filter.Page - 1)
	}
	if last < len(nodes) {
		p.Later = p.Filter.path(p.Filter.Page + 1)
	}
	p.Groups = groupsOf(nodes[first:last])
	return &View{Title: "Nodes", Data: p, Live: &Live{Every: 5 * time.Second}}, nil
}

func nodeFilterOf(q url.Values) nodeFilter {
	page, err := strconv.Atoi(q.Get("page"))
	if err != nil || page < 0 || page > 1000 {
		page = 0
	}
	return nodeFilter{q.Get("environment"), q.Get("zone"), q.Get("type"), q.Get("mark"), page}
}

func (f nodeFilter) path(page int) string {
	q := url.Values{}
	for name, value := range map[string]string{"environment": f.Environment, "zone": f.Zone, "type": f.Type, "mark": f.Mark} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if page > 0 {
		q.Set("page", strconv.Itoa(page))
	}
	return Root + "nodes?" + q.Encode()
}

func (f nodeFilter) has(n *viewapi.Node) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(f.Environment, n.ComputeEnvironment) && is(f.Zone, n.Zone) && is(f.Type, n.InstanceType) &&
		(f.Mark == "" || slices.Contains(marksOf(n), f.Mark))
}

// marksOf are short words for what is special of a node.
func marksOf(n *viewapi.Node) (marks []string) {
	for mark, is := range map[string]bool{
		"not ready": !n.Ready, "draining": n.Draining, "reserved": n.Reserved, "spot": n.CapacityType == "SPOT",
		"idle": len(n.Jobs)+n.HiddenJobs == 0,
	} {
		if is {
			marks = append(marks, mark)
		}
	}
	slices.Sort(marks)
	return marks
}

func (p *nodesPage) choices(nodes []viewapi.Node) {
	for i := range nodes {
		p.Names = append(p.Names, nodes[i].ComputeEnvironment)
		p.Zones = append(p.Zones, nodes[i].Zone)
		p.Types = append(p.Types, nodes[i].InstanceType)
	}
	p.Names, p.Zones, p.Types = distinct(p.Names), distinct(p.Zones), distinct(p.Types)
}

// distinct sorts and leaves out what is empty or there twice.
func distinct(list []string) []string {
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(s string) bool { return s == "" })
}

// unseen are the clusters that do not answer.
func unseen(list []viewapi.ClusterState) []viewapi.ClusterState {
	return slices.DeleteFunc(list, func(c viewapi.ClusterState) bool { return c.Error == "" })
}

// usageOf draws how much is asked for of the nodes of each environment.
func usageOf(nodes []viewapi.Node) template.HTML {
	type use struct {
		nodes, unpriced       int
		used, all, GPUs, cost float64
	}
	byName := map[string]*use{}
	var names []string
	for i := range nodes {
		n := &nodes[i]
		u := byName[n.ComputeEnvironment]
		if u == nil {
			u = &use{}
			byName[n.ComputeEnvironment] = u
			names = append(names, n.ComputeEnvironment)
		}
		u.nodes++
		u.used, u.all = u.used+n.Requested.VCPUs, u.all+n.Allocatable.VCPUs
		if n.PricePerHour != nil {
			u.cost += *n.PricePerHour
		} else {
			u.unpriced++
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	bars := make([]chart.Bar, len(names))
	for i, name := range names {
		u := byName[name]
		bars[i] = chart.Bar{
			Label: cmp.Or(name, "(no environment)"), Value: fmt.Sprintf("%s of %s vCPUs · %s", vcpus(u.used), vcpus(u.all), plural(u.nodes, "node")),
			Parts: []chart.Part{{Label: "asked for", Class: "used", Value: u.used}, {Label: "free", Class: "free", Value: u.all - u.used}}, Total: u.all,
		}
		if u.cost > 0 {
			bars[i].Value += " · " + dollars(u.cost) + "/h"
		}
		if name != "" {
			bars[i].Href = nodeFilter{Environment: name}.path(0)
		}
	}
	return chart.Bars("vCPUs asked for by compute environment", bars)
}

func plural[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return number(int64(n)) + " " + what + "s"
}

// groupsOf puts nodes that follow each other together.
func groupsOf(nodes []viewapi.Node) []nodeGroup {
	slices.SortStableFunc(nodes, func(a, b viewapi.Node) int {
		return cmp.Or(strings.Compare(a.ComputeEnvironment, b.ComputeEnvironment), strings.Compare(a.Zone, b.Zone), strings.Compare(a.InstanceType, b.InstanceType))
	})
	var groups []nodeGroup
	for _, n := range nodes {
		last := len(groups) - 1
		if last < 0 || groups[last].Environment != n.ComputeEnvironment || groups[last].Zone != n.Zone || groups[last].Type != n.InstanceType {
			groups = append(groups, nodeGroup{Environment: n.ComputeEnvironment, Zone: n.Zone, Type: n.InstanceType})
			last++
		}
		groups[last].Tiles = append(groups[last].Tiles, tileOf(n))
	}
	return groups
}

func tileOf(n viewapi.Node) tile {
	t := tile{Node: n, Marks: marksOf(&n), More: n.HiddenJobs}
	t.Meter = chart.Meter("vCPUs asked for on "+n.Name, []chart.Part{{Label: "asked for", Class: "used", Value: n.Requested.VCPUs}}, n.Allocatable.VCPUs)
	if len(t.Jobs) > jobsANode {
		t.More += len(t.Jobs) - jobsANode
		t.Jobs = t.Jobs[:jobsANode]
	}
	return t
}
