// SPDX-License-Identifier: Apache-2.0

package authz

import (
	"context"

	"github.com/muster-batch/muster/queue-api/batch"
)

// viewer is a caller who looks at an answer.
type viewer struct {
	authorizer *Authorizer
	call       batch.Call
}

// visible keeps what the caller may see: all, with list on the kind, else those with get.
func visible[T any](ctx context.Context, v *viewer, k kind, list []T, name func(*T) *string) ([]T, error) {
	if len(list) == 0 {
		return list, nil
	}
	all, err := v.authorizer.ask(ctx, v.call.User, question{group: group, resource: k.resource, verb: "list"})
	if err != nil || all {
		return list, err
	}
	n := needs{authorizer: v.authorizer, scope: v.call.Scope}
	for i := range list {
		n.on(k, "get", name(&list[i]))
	}
	return keep(ctx, v, list, n.list)
}

// visibleJobs keeps the jobs of queues whose jobs the caller may get.
func visibleJobs[T any](ctx context.Context, v *viewer, list []T, queue func(*T) *string) ([]T, error) {
	n := needs{authorizer: v.authorizer, scope: v.call.Scope}
	for i := range list {
		n.onJobsOf(queue(&list[i]), "get")
	}
	return keep(ctx, v, list, n.list)
}

// VisibleJobs tells of each job, by id, whether the caller may describe it.
func (a *Authorizer) VisibleJobs(ctx context.Context, call batch.Call, ids []string) ([]bool, error) {
	n := needs{authorizer: a, scope: call.Scope}
	for i := range ids {
		if err := n.onJob(ctx, &ids[i], "get"); err != nil {
			return nil, err
		}
	}
	return a.askAll(ctx, call.User, n.list)
}

func keep[T any](ctx context.Context, v *viewer, list []T, questions []question) ([]T, error) {
	answers, err := v.authorizer.askAll(ctx, v.call.User, questions)
	if err != nil {
		return nil, err
	}
	kept := make([]T, 0, len(list))
	for i := range list {
		if answers[i] {
			kept = append(kept, list[i])
		}
	}
	return kept, nil
}
