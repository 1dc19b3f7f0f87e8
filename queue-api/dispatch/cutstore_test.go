// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/storetest"
)

var errCut = errors.New("cut short")

// cutStore fails every write after so many.
type cutStore struct {
	storetest.Store
	left atomic.Int64
}

func (s *cutStore) Transition(ctx context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error) {
	if s.left.Add(-1) < 0 {
		return batch.Job{}, errCut
	}
	return s.Store.Transition(ctx, id, step)
}

func (s *cutStore) TakeConsumables(ctx context.Context, holder string, want []batch.ConsumableRequirement) (string, error) {
	if s.left.Add(-1) < 0 {
		return "", errCut
	}
	return s.Store.TakeConsumables(ctx, holder, want)
}

func (s *cutStore) ReturnConsumables(ctx context.Context, holder string, spent bool) error {
	if s.left.Add(-1) < 0 {
		return errCut
	}
	return s.Store.ReturnConsumables(ctx, holder, spent)
}
