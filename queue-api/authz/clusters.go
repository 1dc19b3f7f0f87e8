// SPDX-License-Identifier: Apache-2.0

package authz

import (
	"context"
	"fmt"
	"slices"

	"github.com/muster-batch/muster/queue-api/viewapi"
)

func askNodes(_ context.Context, n *needs, in any) error {
	environment, ok := in.(string)
	if !ok {
		return fmt.Errorf("request is %T", in)
	}
	if environment != "" {
		n.on(environments, "get", &environment)
	}
	return nil
}

func askGang(ctx context.Context, n *needs, in any) error {
	job, ok := in.(string)
	if !ok {
		return fmt.Errorf("request is %T", in)
	}
	return n.onJob(ctx, &job, "get")
}

// seenNodes leaves the nodes of environments that the caller may get, and on them the jobs that it may. How many others there
// are is told. A node whose environment is not there any more is seen by those who may get all.
func seenNodes(ctx context.Context, v *viewer, out *viewapi.Nodes) (err error) {
	if out.Nodes, err = visible(ctx, v, environments, out.Nodes, func(n *viewapi.Node) *string { return &n.ComputeEnvironment }); err != nil {
		return err
	}
	var ids []string
	count := map[string]int{}
	for i := range out.Nodes {
		count[out.Nodes[i].Cluster]++
		for _, j := range out.Nodes[i].Jobs {
			ids = append(ids, j.JobID)
		}
	}
	may, err := v.authorizer.VisibleJobs(ctx, v.call, ids)
	if err != nil {
		return err
	}
	for i := range out.Nodes {
		n := &out.Nodes[i]
		mine := may[:len(n.Jobs)]
		may = may[len(n.Jobs):]
		kept := n.Jobs[:0]
		for k, j := range n.Jobs {
			if mine[k] {
				kept = append(kept, j)
			}
		}
		n.HiddenJobs += len(n.Jobs) - len(kept)
		n.Jobs = kept
	}
	out.Clusters, err = v.clusters(ctx, out.Clusters, count)
	return err
}

// clusters leaves those that the caller sees something of, and tells of others no more than that they do not answer.
func (v *viewer) clusters(ctx context.Context, list []viewapi.ClusterState, seen map[string]int) ([]viewapi.ClusterState, error) {
	all, err := v.authorizer.ask(ctx, v.call.User, question{group: group, resource: environments.resource, verb: "list"})
	if err != nil || all {
		return list, err
	}
	list = slices.DeleteFunc(list, func(c viewapi.ClusterState) bool { return seen[c.Name] == 0 && c.Error == "" })
	for i := range list {
		if list[i].Nodes = seen[list[i].Name]; list[i].Nodes == 0 {
			list[i].Name = ""
		}
	}
	return list, nil
}

// seenDecisions leaves what is about jobs and environments that the caller may get. What is about neither is seen by those who
// may get all environments.
func seenDecisions(ctx context.Context, v *viewer, out *viewapi.Decisions) error {
	n := needs{authorizer: v.authorizer, scope: v.call.Scope}
	for i := range out.Decisions {
		d := &out.Decisions[i]
		if d.JobID == "" {
			n.on(environments, "get", &d.ComputeEnvironment)
			continue
		}
		if err := n.onJob(ctx, &d.JobID, "get"); err != nil {
			return err
		}
	}
	kept, err := keep(ctx, v, out.Decisions, n.list)
	if err != nil {
		return err
	}
	out.Decisions = kept
	count := map[string]int{}
	for i := range kept {
		count[kept[i].Cluster]++
	}
	clusters, err := v.clusters(ctx, out.Clusters, count)
	for i := range clusters {
		clusters[i].Nodes = 0
	}
	out.Clusters = clusters
	return err
}
