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

// LoadPace implements storetest.Store.
func (s *Store) LoadPace(ctx context.Context, queueNumber int) ([]byte, error) {
	pace, err := s.client.Get(ctx, slotOf(queueNumber).pace()).Bytes()
	return pace, wrap(err)
}

// SavePace implements storetest.Store.
func (s *Store) SavePace(ctx context.Context, queueNumber int, pace []byte) error {
	return s.saveText(ctx, slotOf(queueNumber).pace(), queueNumber, pace)
}

// SaveShareLedger implements storetest.Store.
func (s *Store) SaveShareLedger(ctx context.Context, queueNumber int, ledger []byte) error {
	return s.saveText(ctx, slotOf(queueNumber).ledger(), queueNumber, ledger)
}

// saveText keeps a text of the leader's.
func (s *Store) saveText(ctx context.Context, key string, queueNumber int, text []byte) error {
	v, err := s.run(ctx, s.scripts.saveLedger, []string{key, slotOf(queueNumber).epoch()}, text, s.epoch)
	if err == nil && v != int64(1) {
		return batch.ErrStaleEpoch
	}
	return err
}
