// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// WaitingShares implements storetest.Store.
func (s *Store) WaitingShares(ctx context.Context, queueNumber int) ([]string, error) {
	return s.sortedMembers(ctx, slotOf(queueNumber).waitingShares())
}

func (s *Store) sortedMembers(ctx context.Context, key string) ([]string, error) {
	members, err := s.client.SMembers(ctx, key).Result()
	slices.Sort(members)
	return members, wrap(err)
}

// entry is one of what waits in a share: a job, a retried child, or an array for all its children that were not tried yet.
type entry struct {
	id    shortID
	score float64
}

// waitingToken is where a page of a share begins: after an entry, or within an array's or behind a child of the same place.
type waitingToken struct {
	score float64
	index int // of the last child given; -1 when the entry is done with
}

func parseWaitingToken(s string) (t waitingToken, err error) {
	if s == "" {
		return waitingToken{score: -1, index: -1}, nil
	}
	score, index, within := strings.Cut(s, ":")
	t.index = -1
	n, err := strconv.ParseInt(score, 10, 64)
	if err == nil && within {
		t.index, err = strconv.Atoi(index)
	}
	if err != nil {
		return t, batch.Invalidf("nextToken: not a token of this list")
	}
	t.score = float64(n)
	return t, nil
}

// tokenBehind is that of a page behind an entry.
func tokenBehind(e entry) string {
	if e.id.isChild() {
		return tokenWithin(e, e.id.index())
	}
	return strconv.FormatInt(int64(e.score), 10)
}

// tokenWithin is that of a page behind a child of an entry.
func tokenWithin(e entry, index int) string {
	return strconv.FormatInt(int64(e.score), 10) + ":" + strconv.Itoa(index)
}

// WaitingIn implements storetest.Store. It takes two round trips, and one more if children wait that have a record.
func (s *Store) WaitingIn(ctx context.Context, queueNumber int, share, after string, limit int) ([]batch.Job, string, error) {
	token, err := parseWaitingToken(after)
	if err != nil {
		return nil, "", err
	}
	q := slotOf(queueNumber)
	entries, more, err := s.waitingEntries(ctx, q.waiting(share), token, limit+1)
	if err != nil {
		return nil, "", err
	}
	at, ends, err := s.expand(ctx, q, entries, token, limit+1)
	if err != nil {
		return nil, "", err
	}
	next := ""
	switch {
	case len(at) > limit:
		at, next = at[:limit], ends[limit-1]
	case more: // arrays none of whose children wait any more
		next = tokenBehind(entries[len(entries)-1])
	}
	jobs, err := s.read(ctx, at)
	return slices.DeleteFunc(jobs, func(j batch.Job) bool { return !j.IsWaiting() }), next, err
}

// waitingEntries gives at most limit entries of a share from a token on, and whether there may be more. An array may stand
// for many jobs, so fewer may be enough.
func (s *Store) waitingEntries(ctx context.Context, key string, token waitingToken, limit int) (entries []entry, more bool, err error) {
	from := "(" + strconv.FormatFloat(token.score, 'f', -1, 64)
	if token.index >= 0 {
		from = from[1:]
	}
	for offset := 0; ; offset += limit {
		page, err := s.client.ZRangeByScoreWithScores(ctx, key,
			&redis.ZRangeBy{Min: from, Max: "+inf", Offset: int64(offset), Count: int64(limit)}).Result()
		if err != nil {
			return nil, false, wrap(err)
		}
		for _, z := range page {
			e := entry{id: shortID(fmt.Sprint(z.Member)), score: z.Score}
			isDone := e.score == token.score && e.id.isChild() && e.id.index() <= token.index
			if !isDone {
				entries = append(entries, e)
			}
		}
		if len(page) < limit {
			return entries, false, nil
		}
		if len(entries) > 0 {
			return entries, true, nil
		}
	}
}

// expand gives the jobs and children that entries stand for, and for each the token of a page behind it.
func (s *Store) expand(ctx context.Context, q slot, entries []entry, token waitingToken, limit int) (at []address, ends []string, err error) {
	arrays, err := s.untried(ctx, q, entries, token, limit)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if !e.id.isArrayEntry() {
			at, ends = append(at, address{slot: q, id: e.id}), append(ends, tokenBehind(e))
			continue
		}
		for _, index := range arrays[e.id] {
			at, ends = append(at, address{slot: q, id: e.id.child(index)}), append(ends, tokenWithin(e, index))
		}
	}
	return at, ends, nil
}

//go:embed lua/waiting.lua
var waitingLua string

// untried gives the indexes of the children for which array entries stand, at most limit of each.
func (s *Store) untried(ctx context.Context, q slot, entries []entry, token waitingToken, limit int) (map[shortID][]int, error) {
	pipe := s.client.Pipeline()
	replies := map[shortID]*redis.Cmd{}
	for _, e := range entries {
		if !e.id.isArrayEntry() {
			continue
		}
		from := 0
		if e.score == token.score {
			from = token.index + 1
		}
		array := e.id.job()
		replies[e.id] = pipe.Eval(ctx, waitingLua, []string{q.job(array), q.children(array)}, from, limit)
	}
	if len(replies) == 0 {
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, wrap(err)
	}
	out := make(map[shortID][]int, len(replies))
	for id, reply := range replies {
		indexes, err := reply.Int64Slice()
		if err != nil {
			return nil, wrap(err)
		}
		for _, index := range indexes {
			out[id] = append(out[id], int(index))
		}
	}
	return out, nil
}

// Position implements storetest.Store.
func (s *Store) Position(ctx context.Context, id string) (ahead, of int, err error) {
	job, err := s.Job(ctx, id)
	if err != nil {
		return 0, 0, err
	}
	places, err := s.Positions(ctx, []batch.Job{job})
	if err == nil && places[0].Of == 0 {
		err = batch.ErrNotFound
	}
	if err != nil {
		return 0, 0, err
	}
	return places[0].Ahead, places[0].Of, nil
}

// Positions gives the places of jobs and children as they were read, in one round trip.
func (s *Store) Positions(ctx context.Context, jobs []batch.Job) ([]batch.Place, error) {
	pipe := s.client.Pipeline()
	ranks, counts := make([]*redis.IntCmd, len(jobs)), make([]*redis.IntCmd, len(jobs))
	for i := range jobs {
		at, err := locate(jobs[i].ID)
		if err != nil || !jobs[i].IsWaiting() {
			continue
		}
		member := at.id
		if jobs[i].IsChild() && isUntried(&jobs[i]) {
			member = at.id.arrayEntry()
		}
		key := at.waiting(jobs[i].ShareIdentifier)
		ranks[i], counts[i] = pipe.ZRank(ctx, key, string(member)), pipe.ZCard(ctx, key)
	}
	places := make([]batch.Place, len(jobs))
	if pipe.Len() == 0 {
		return places, nil
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, wrap(err)
	}
	for i, rank := range ranks {
		switch {
		case rank == nil || errors.Is(rank.Err(), redis.Nil): // it waits no more
		case rank.Err() != nil:
			return nil, wrap(rank.Err())
		case counts[i].Err() != nil:
			return nil, wrap(counts[i].Err())
		default:
			places[i] = batch.Place{Ahead: int(rank.Val()), Of: int(counts[i].Val())}
		}
	}
	return places, nil
}
