// SPDX-License-Identifier: Apache-2.0

package authz

import (
	"context"
	"fmt"

	"github.com/muster-batch/muster/queue-api/viewapi"
)

// seenSummary keeps the queues whose jobs the caller may list.
func seenSummary(ctx context.Context, v *viewer, out *viewapi.Summary) error {
	n := needs{authorizer: v.authorizer, scope: v.call.Scope}
	for i := range out.Queues {
		n.onJobsOf(&out.Queues[i].JobQueue, "list")
	}
	kept, err := keep(ctx, v, out.Queues, n.list)
	if err == nil {
		out.Queues = kept
	}
	return err
}

// seenSpending keeps the queues whose jobs the caller may list.
func seenSpending(ctx context.Context, v *viewer, out *viewapi.Spending) error {
	n := needs{authorizer: v.authorizer, scope: v.call.Scope}
	for i := range out.Queues {
		n.onJobsOf(&out.Queues[i].JobQueue, "list")
	}
	kept, err := keep(ctx, v, out.Queues, n.list)
	if err == nil {
		out.Queues = kept
	}
	return err
}

// askJob asks whether the caller may see a job, by its id.
func askJob(ctx context.Context, n *needs, in any) error {
	id, ok := in.(string)
	if !ok {
		return fmt.Errorf("request is %T", in)
	}
	return n.onJob(ctx, &id, "get")
}
