// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// lists are the operations that list things of each kind, and the member of the answer that has them.
var lists = map[string]struct{ operation, member string }{
	"ComputeEnvironment": {"DescribeComputeEnvironments", "computeEnvironments"},
	"JobQueue":           {"DescribeJobQueues", "jobQueues"},
	"JobDefinition":      {"DescribeJobDefinitions", "jobDefinitions"},
	"SchedulingPolicy":   {"ListSchedulingPolicies", "schedulingPolicies"},
	"ConsumableResource": {"ListConsumableResources", "consumableResources"},
}

// pageSize is the largest that the API takes.
const pageSize = 100

// ErrMany means that a list has more pages than anybody reads.
var ErrMany = errors.New("too many to list")

// List gives all things of the kind that the caller may see, as the server shows them; of job definitions the ACTIVE revisions.
func (k *Kind) List(ctx context.Context, api API) ([]map[string]any, error) {
	l := lists[k.Name]
	in := map[string]any{"maxResults": pageSize}
	if k == JobDefinition {
		in["status"] = "ACTIVE"
	}
	var all []map[string]any
	for range maxPages {
		page, err := ask(ctx, api, l.operation, in)
		if err != nil {
			return nil, err
		}
		items, _ := page[l.member].([]any)
		for _, item := range items {
			if thing, ok := item.(map[string]any); ok {
				all = append(all, thing)
			}
		}
		token, _ := page["nextToken"].(string)
		if token == "" {
			return k.complete(ctx, api, all)
		}
		in["nextToken"] = token
	}
	return nil, fmt.Errorf("%s: %w", k.Name, ErrMany)
}

// complete looks up what a list leaves out.
func (k *Kind) complete(ctx context.Context, api API, all []map[string]any) ([]map[string]any, error) {
	switch k {
	case ConsumableResource:
		for i, thing := range all {
			whole, err := ask(ctx, api, "DescribeConsumableResource", map[string]any{"consumableResource": k.NameOf(thing)})
			if err != nil {
				return nil, err
			}
			all[i] = whole
		}
	case SchedulingPolicy:
		var whole []map[string]any
		for part := range slices.Chunk(all, pageSize) {
			arns := make([]any, len(part))
			for i := range part {
				arns[i] = part[i][k.arnMember]
			}
			page, err := ask(ctx, api, "DescribeSchedulingPolicies", map[string]any{"arns": arns})
			if err != nil {
				return nil, err
			}
			items, _ := page["schedulingPolicies"].([]any)
			for _, item := range items {
				if thing, ok := item.(map[string]any); ok {
					whole = append(whole, thing)
				}
			}
		}
		return whole, nil
	}
	return all, nil
}
