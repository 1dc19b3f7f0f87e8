// SPDX-License-Identifier: Apache-2.0

package authz

import (
	"context"
	"strings"

	"github.com/muster-batch/muster/queue-api/batch"
)

// kind is a resource of RBAC and the type that AWS gives it in ARNs.
type kind struct{ resource, arnType string }

var (
	environments = kind{"computeenvironments", batch.ARNComputeEnvironment}
	queues       = kind{"jobqueues", batch.ARNJobQueue}
	definitions  = kind{"jobdefinitions", batch.ARNJobDefinition}
	policies     = kind{"schedulingpolicies", batch.ARNSchedulingPolicy}
	consumables  = kind{"consumableresources", batch.ARNConsumableResource}
	jobs         = kind{"jobs", batch.ARNJob} // named by their queue
)

// name reads the name out of a name or an ARN. What is neither has none: to do something with it one must be allowed to do
// it with all of its kind.
func (k kind) name(nameOrARN string) string {
	name, ok := batch.NameFromARN(k.arnType, nameOrARN)
	if !ok {
		return ""
	}
	if k == definitions {
		name, _, _ = strings.Cut(name, ":")
	}
	return name
}

// needs collects what an operation has to ask.
type needs struct {
	authorizer *Authorizer
	scope      batch.Scope
	list       []question
}

// on asks for a verb on the thing that a name or an ARN means. nil means the whole kind.
func (n *needs) on(k kind, verb string, nameOrARN *string) {
	q := question{group: group, resource: k.resource, verb: verb, arn: n.scope.ARN(k.arnType, "*")}
	if nameOrARN != nil {
		if q.name = k.name(*nameOrARN); q.name != "" {
			q.arn = n.scope.ARN(k.arnType, q.name)
		}
	}
	n.list = append(n.list, q)
}

// onEach asks whether each may be seen.
func (n *needs) onEach(k kind, list []string) {
	for i := range list {
		n.on(k, "get", &list[i])
	}
}

// onJobsOf asks for a verb on the jobs of a queue.
func (n *needs) onJobsOf(queue *string, verb string) {
	q := question{group: group, resource: jobs.resource, verb: verb, arn: n.scope.ARN(queues.arnType, "*")}
	if queue != nil {
		if q.name = queues.name(*queue); q.name != "" {
			q.arn = n.scope.ARN(queues.arnType, q.name)
		}
	}
	n.list = append(n.list, q)
}

// onJob asks for a verb on a job.
func (n *needs) onJob(ctx context.Context, id *string, verb string) error {
	q := question{group: group, resource: jobs.resource, verb: verb, arn: n.scope.ARN(jobs.arnType, "*")}
	if id != nil {
		var err error
		if q.name, err = n.authorizer.queueOf(ctx, *id); err != nil {
			return err
		}
		if name, ok := batch.NameFromARN(jobs.arnType, *id); ok {
			q.arn = n.scope.ARN(jobs.arnType, name)
		}
	}
	n.list = append(n.list, q)
	return nil
}

// onEachJob asks for a verb on each job, once for all jobs of a queue.
func (n *needs) onEachJob(ctx context.Context, ids []string, verb string) error {
	seen := map[string]bool{}
	for i := range ids {
		if err := n.onJob(ctx, &ids[i], verb); err != nil {
			return err
		}
		last := len(n.list) - 1
		if seen[n.list[last].name] {
			n.list = n.list[:last]
			continue
		}
		seen[n.list[last].name] = true
	}
	return nil
}

// onARN asks for a verb on whatever an ARN means.
func (n *needs) onARN(ctx context.Context, arn *string, verb string) error {
	if arn != nil {
		for _, k := range []kind{environments, queues, definitions, policies, consumables} {
			if strings.Contains(*arn, ":"+k.arnType+"/") {
				n.on(k, verb, arn)
				return nil
			}
		}
	}
	return n.onJob(ctx, arn, verb)
}
