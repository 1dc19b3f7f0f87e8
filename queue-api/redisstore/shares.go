// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"fmt"
	"strconv"

	"github.com/muster-batch/muster/queue-api/batch"
)

// ShareUsage implements storetest.Store.
func (s *Store) ShareUsage(ctx context.Context, queueNumber int) (map[string]int64, error) {
	return s.amounts(ctx, slotOf(queueNumber).shareUsage())
}

// amounts reads a hash of numbers without those that are 0.
func (s *Store) amounts(ctx context.Context, key string) (map[string]int64, error) {
	fields, err := s.client.HGetAll(ctx, key).Result()
	if err != nil {
		return nil, wrap(err)
	}
	out := make(map[string]int64, len(fields))
	for name, v := range fields {
		amount, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", key, name, err)
		}
		if amount != 0 {
			out[name] = amount
		}
	}
	return out, nil
}

// Shares implements storetest.Store.
func (s *Store) Shares(ctx context.Context, queueNumber int) ([]string, error) {
	return s.sortedMembers(ctx, slotOf(queueNumber).activeShares())
}

// ForgetShare implements storetest.Store.
func (s *Store) ForgetShare(ctx context.Context, queueNumber int, share string) error {
	q := slotOf(queueNumber)
	_, err := s.run(ctx, s.scripts.forgetShare, []string{q.activeShares(), q.waiting(share), q.shareLive()}, share)
	return err
}

// LoadShareLedger implements storetest.Store.
func (s *Store) LoadShareLedger(ctx context.Context, queueNumber int) ([]byte, error) {
	ledger, err := s.client.Get(ctx, slotOf(queueNumber).ledger()).Bytes()
	return ledger, wrap(err)
}

// SaveShareLedger implements storetest.Store.
func (s *Store) SaveShareLedger(ctx context.Context, queueNumber int, ledger []byte) error {
	q := slotOf(queueNumber)
	v, err := s.run(ctx, s.scripts.saveLedger, []string{q.ledger(), q.epoch()}, ledger, s.epoch)
	if err == nil && v != int64(1) {
		return batch.ErrStaleEpoch
	}
	return err
}
