// SPDX-License-Identifier: Apache-2.0

package authz

import (
	"context"
	"fmt"

	"github.com/muster-batch/muster/queue-api/viewapi"
)

// seenSummary keeps the queues whose jobs the caller may list.
func seenSummary(ctx context.Context, v *viewer, out *viewapi.Summary) (err error) {
	out.Queues, err = keepListed(ctx, v, out.Queues, func(i int) *string { return &out.Queues[i].JobQueue })
	return err
}

// seenSpending keeps them, too.
func seenSpending(ctx context.Context, v *viewer, out *viewapi.Spending) (err error) {
	out.Queues, err = keepListed(ctx, v, out.Queues, func(i int) *string { return &out.Queues[i].JobQueue })
	return err
}

// keepListed keeps what is of queues whose jobs the caller may list; if that cannot be told, nothing.
func keepListed[T any](ctx context.Context, v *viewer, rows []T, queue func(i int) *string) ([]T, error) {
	n := needs{authorizer: v.authorizer, scope: v.call.Scope}
	for i := range rows {
		n.onJobsOf(queue(i), "list")
	}
	return keep(ctx, v, rows, n.list)
}

// askJob asks whether the caller may see a job, by its id.
func askJob(ctx context.Context, n *needs, in any) error {
	id, ok := in.(string)
	if !ok {
		return fmt.Errorf("request is %T", in)
	}
	return n.onJob(ctx, &id, "get")
}
