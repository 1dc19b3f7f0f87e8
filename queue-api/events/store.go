// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Outbox is what this package reads of the store.
type Outbox interface {
	Queues(ctx context.Context) ([]batch.JobQueue, error)
	// StatusChanges gives the changes after a cursor, oldest first; an empty cursor means from the oldest kept.
	StatusChanges(ctx context.Context, queueNumber int, after string, limit int) ([]batch.StatusChange, error)
	// LastStatusChange is the cursor of the newest change, empty if there is none.
	LastStatusChange(ctx context.Context, queueNumber int) (string, error)
}

// Cursors remember how far a receiver of a queue's events got.
type Cursors interface {
	DeliveryCursor(ctx context.Context, sink string, queueNumber int) (string, error)
	SetDeliveryCursor(ctx context.Context, sink string, queueNumber int, cursor string) error
}

// page is how many changes are read at once.
const page = 100
