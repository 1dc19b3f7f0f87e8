// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Fields of an hour's hashes: the hour, how many shares or tags there are, and for each of them, after a letter, its batch.Cost.
const (
	fieldHour     = "h"
	fieldNames    = "c"
	fieldCut      = "x" // more were named than are kept
	letterNano    = 'n'
	letterEnded   = 'a'
	letterUnknown = 'u'
)

// spent is what a script is told of what ended: the keys of the hour, and what of it cost how much. total is what the job cost in
// all up to now; of a child its array's is reckoned by the script.
func (s *Store) spent(q slot, old, next *batch.Job, tags map[string]string) (keys []string, args []any) {
	hour := batch.HourOf(s.clock.Now())
	keys = q.spending(hour)
	c := batch.EndedCost(old, next)
	if c.Attempts == 0 {
		return keys, []any{""}
	}
	args = []any{hour, c.Nano, c.Attempts, c.Unknown, next.Cost(s.clock.Now()).Nano}
	for _, tag := range batch.SpendingTags(tags) {
		args = append(args, tag.String())
	}
	return keys, args
}

// Spending implements storetest.Store, in one round trip for all queues.
func (s *Store) Spending(ctx context.Context, queueNumbers []int) ([]batch.Spending, error) {
	if len(queueNumbers) == 0 {
		return nil, nil
	}
	now := batch.HourOf(s.clock.Now())
	pipe := s.client.Pipeline()
	replies := make([][]hourReply, len(queueNumbers))
	for i, number := range queueNumbers {
		for hour := now - batch.SpendingHours + 1; hour <= now; hour++ {
			keys := slotOf(number).spending(hour)
			replies[i] = append(replies[i], hourReply{
				hour: hour, shares: pipe.HGetAll(ctx, keys[0]), tags: pipe.HGetAll(ctx, keys[1]), jobs: pipe.ZRangeWithScores(ctx, keys[2], 0, -1),
			})
		}
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, wrap(err)
	}
	out := make([]batch.Spending, len(queueNumbers))
	for i, number := range queueNumbers {
		out[i] = newSpending()
		for j := range replies[i] {
			replies[i][j].addTo(&out[i], slotOf(number))
		}
	}
	return out, nil
}

func newSpending() batch.Spending {
	return batch.Spending{Shares: map[string]batch.Cost{}, Tags: map[batch.Tag]batch.Cost{}, Hours: map[int64]batch.Cost{}}
}

// hourReply is what was asked of an hour.
type hourReply struct {
	hour         int64
	shares, tags *redis.MapStringStringCmd
	jobs         *redis.ZSliceCmd
}

// addTo adds the hour, unless what is in its place is of another day.
func (r *hourReply) addTo(s *batch.Spending, q slot) {
	shares := r.shares.Val()
	if shares[fieldHour] != strconv.FormatInt(r.hour, 10) {
		return
	}
	for share, c := range costsOf(shares) {
		s.Shares[share] = s.Shares[share].Plus(c)
		s.Hours[r.hour] = s.Hours[r.hour].Plus(c)
	}
	tags := r.tags.Val()
	for text, c := range costsOf(tags) {
		tag := batch.TagOf(text)
		s.Tags[tag] = s.Tags[tag].Plus(c)
	}
	s.MoreTags = s.MoreTags || tags[fieldCut] != ""
	for _, z := range r.jobs.Val() {
		id, _ := z.Member.(string)
		if len(id) == jobLength {
			s.Remember(batch.SpentJob{JobID: q.full(shortID(id)), Nano: int64(z.Score)})
		}
	}
}

// costsOf are the costs of an hour's hash by what they are of.
func costsOf(fields map[string]string) map[string]batch.Cost {
	out := map[string]batch.Cost{}
	for field, text := range fields {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || field == fieldHour || field == fieldNames || field == fieldCut {
			continue
		}
		c := batch.Cost{}
		switch field[0] {
		case letterNano:
			c.Nano = n
		case letterEnded:
			c.Attempts = n
		case letterUnknown:
			c.Unknown = n
		}
		of := strings.Clone(field[1:])
		out[of] = out[of].Plus(c)
	}
	return out
}
