// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// SaveStep implements storetest.Store. Nobody waits for it: what is lost of it is a point of a chart.
func (s *Store) SaveStep(ctx context.Context, queueNumber, place int, record []byte) error {
	return wrap(s.client.HSet(ctx, slotOf(queueNumber).history(), strconv.Itoa(place), record).Err())
}

// Steps implements storetest.Store, in one round trip.
func (s *Store) Steps(ctx context.Context, queueNumbers []int) ([][][]byte, error) {
	if len(queueNumbers) == 0 {
		return nil, nil
	}
	pipe := s.client.Pipeline()
	replies := make([]*redis.StringSliceCmd, len(queueNumbers))
	for i, number := range queueNumbers {
		replies[i] = pipe.HVals(ctx, slotOf(number).history())
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, wrap(err)
	}
	out := make([][][]byte, len(replies))
	for i, reply := range replies {
		for _, record := range reply.Val() {
			out[i] = append(out[i], []byte(record))
		}
	}
	return out, nil
}
