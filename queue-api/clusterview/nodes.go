// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

const (
	// maxNodes bounds the nodes of an answer, maxJobs the jobs listed of one, maxAllJobs those of all.
	maxNodes   = 2000
	maxJobs    = 64
	maxAllJobs = 10_000
)

// environments are those of the store, by UUID.
type environments map[string]*environment

// environment is one, with the prices of its instance types.
type environment struct {
	*batch.ComputeEnvironment
	prices map[string]float64 // by instance type; what is not known is absent
}

func (v *View) environments(ctx context.Context) (environments, error) {
	list, err := v.store.Environments(ctx)
	if err != nil {
		return nil, fmt.Errorf("read compute environments: %w", err)
	}
	all := make(environments, len(list))
	for i := range list {
		all[list[i].UUID] = &environment{ComputeEnvironment: &list[i]}
	}
	return all, nil
}

// price is what an instance of a type costs in the environment; nil if that is not known.
func (e *environment) price(instanceType string) *float64 {
	if e.prices == nil && e.Report != nil {
		e.prices = map[string]float64{}
		for _, o := range batchmeta.ParseOffers(e.Report.InstanceTypes) {
			if o.PricePerHour > 0 {
				e.prices[o.InstanceType] = o.PricePerHour
			}
		}
	}
	if price, ok := e.prices[instanceType]; ok {
		return &price
	}
	return nil
}

// name is empty for an environment that is not there any more.
func (e environments) name(uuid string) string {
	if one := e[uuid]; one != nil && uuid != "" {
		return one.Name
	}
	return ""
}

// Nodes shows the nodes of a compute environment, by its name or ARN, or of all where that is empty, those of each environment
// and zone together. Jobs are identified and named; the caller takes those out that are not its own to see.
func (v *View) Nodes(ctx context.Context, environment string) (*viewapi.Nodes, error) {
	known, err := v.environments(ctx)
	if err != nil {
		return nil, err
	}
	only := ""
	if environment != "" {
		if only, err = known.find(environment); err != nil {
			return nil, err
		}
	}
	states, clusters := look(ctx, v, v.state)
	now := v.clock.Now()
	out := &viewapi.Nodes{At: millis(now), Nodes: []viewapi.Node{}, Clusters: clusters}
	for i, s := range states {
		if s == nil {
			continue
		}
		for j := range s.nodes {
			if n := &s.nodes[j]; only == "" || n.uuid == only {
				clusters[i].Nodes++
				out.Nodes = append(out.Nodes, s.show(n, known[n.uuid], clusters[i].Name, now))
			}
		}
	}
	sortNodes(out.Nodes)
	if len(out.Nodes) > maxNodes {
		out.Nodes, out.Truncated = out.Nodes[:maxNodes], true
	}
	bound(out.Nodes)
	return out, nil
}

func (v *View) state(ctx context.Context, m *member) (*state, error) {
	return m.state.get(ctx, v.clock, func(ctx context.Context) (*state, error) { return readState(ctx, m.client) })
}

// find gives the UUID of the environment that a name or an ARN means.
func (e environments) find(nameOrARN string) (string, error) {
	if name, ok := batch.NameFromARN(batch.ARNComputeEnvironment, nameOrARN); ok {
		for uuid, one := range e {
			if one.Name == name {
				return uuid, nil
			}
		}
	}
	return "", batch.Invalidf("computeEnvironment: %.256s does not exist", nameOrARN)
}

func sortNodes(list []viewapi.Node) {
	slices.SortFunc(list, func(a, b viewapi.Node) int {
		return cmp.Or(cmp.Compare(a.ComputeEnvironment, b.ComputeEnvironment), cmp.Compare(a.Zone, b.Zone),
			cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Name, b.Name))
	})
}

// bound cuts the lists of jobs where all together are too many.
func bound(list []viewapi.Node) {
	left := maxAllJobs
	for i := range list {
		n := &list[i]
		keep := min(len(n.Jobs), left)
		n.HiddenJobs += len(n.Jobs) - keep
		n.Jobs = n.Jobs[:keep]
		left -= keep
	}
}

// show makes the answer's node; e is nil for an environment that is not there any more.
func (s *state) show(n *node, e *environment, cluster string, now time.Time) viewapi.Node {
	out := viewapi.Node{
		Name: n.name, Cluster: cluster, InstanceType: n.instanceType, InstanceID: n.instanceID, Zone: n.zone, CapacityType: n.capacityType,
		CreatedAt: millis(n.createdAt), Ready: n.isReady, Draining: n.isDraining, Mark: n.mark, Allocatable: n.allocatable, Jobs: []viewapi.NodeJob{},
	}
	if e != nil {
		out.ComputeEnvironment, out.Managed, out.PricePerHour = e.Name, e.Type == batch.Managed, e.price(n.instanceType)
	}
	if r, ok := batchmeta.ReservationOf(n.reserved); ok && now.Before(r.Until) {
		out.Reserved = true
		out.Mark = cmp.Or(out.Mark, "held for a gang until "+r.Until.UTC().Format(time.TimeOnly)+" UTC at most")
	}
	for _, p := range s.on[n.name] {
		out.Requested.VCPUs += p.requests.VCPUs
		out.Requested.MemoryMiB += p.requests.MemoryMiB
		out.Requested.GPUs += p.requests.GPUs
		out.Requested.Pods++
		if p.job != "" {
			out.Jobs = append(out.Jobs, viewapi.NodeJob{
				JobID: p.job, JobName: p.jobName, JobQueue: p.queue, Attempt: p.attempt, NodeIndex: p.nodeIndex, Pod: p.name,
				VCPUs: p.requests.VCPUs, MemoryMiB: p.requests.MemoryMiB, GPUs: p.requests.GPUs,
			})
		}
	}
	slices.SortFunc(out.Jobs, func(a, b viewapi.NodeJob) int {
		return cmp.Or(cmp.Compare(a.JobID, b.JobID), cmp.Compare(a.Pod, b.Pod))
	})
	if len(out.Jobs) > maxJobs {
		out.HiddenJobs = len(out.Jobs) - maxJobs
		out.Jobs = out.Jobs[:maxJobs]
	}
	return out
}
