// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// WaitingShares implements storetest.Store.
func (s *Store) WaitingShares(ctx context.Context, queueNumber int) ([]string, error) {
	return s.sortedMembers(ctx, slotOf(queueNumber).waitingShares())
}

// WaitingSizes implements storetest.Store. It takes two round trips.
func (s *Store) WaitingSizes(ctx context.Context, queueNumber int) (map[string]int, error) {
	shares, err := s.WaitingShares(ctx, queueNumber)
	if err != nil || len(shares) == 0 {
		return nil, err
	}
	pipe := s.client.Pipeline()
	counts := make([]*redis.IntCmd, len(shares))
	for i, share := range shares {
		counts[i] = pipe.ZCard(ctx, slotOf(queueNumber).waiting(share))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, wrap(err)
	}
	sizes := make(map[string]int, len(shares))
	for i, share := range shares {
		sizes[share] = int(counts[i].Val())
	}
	return sizes, nil
}

// JobsFirst implements storetest.Store. It takes two round trips, and reads of an array its counts alone.
func (s *Store) JobsFirst(ctx context.Context, queueNumber int, entries map[string]int) (map[string]int, error) {
	q := slotOf(queueNumber)
	pipe := s.client.Pipeline()
	replies := map[string]*redis.StringSliceCmd{}
	for share, n := range entries {
		if n > 0 {
			replies[share] = pipe.ZRange(ctx, q.waiting(share), 0, int64(n)-1)
		}
	}
	if len(replies) == 0 {
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, wrap(err)
	}
	jobs, arrays := map[string]int{}, map[string][]*redis.SliceCmd{}
	pipe = s.client.Pipeline()
	for share, reply := range replies {
		for _, member := range reply.Val() {
			if id := shortID(member); id.isArrayEntry() {
				arrays[share] = append(arrays[share], pipe.HMGet(ctx, q.job(id.job()), fieldSize, fieldCounts, fieldOpen))
			} else {
				jobs[share]++
			}
		}
	}
	if len(arrays) == 0 {
		return jobs, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, wrap(err)
	}
	for share, of := range arrays {
		for _, a := range of {
			jobs[share] += untriedOf(a.Val())
		}
	}
	return jobs, nil
}

// untriedOf is for how many children an array's entry stands: those that wait and were not tried, with a record or without one. It
// takes the array's size, its counts and whether it is open; of an array that is gone it is none.
func untriedOf(fields []any) int {
	text := func(i int) string {
		if i >= len(fields) {
			return ""
		}
		s, _ := fields[i].(string)
		return s
	}
	size, _ := strconv.Atoi(text(0))
	waiting, recorded := 0, 0
	for i, number := range strings.Fields(text(1)) {
		n, _ := strconv.Atoi(number)
		recorded += n
		if i < len(countedLetters) && countedLetters[i] == untried {
			waiting = n
		}
	}
	if text(2) != "" {
		waiting += max(0, size-recorded)
	}
	return waiting
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

// beginning is before every entry.
var beginning = waitingToken{score: -1, index: -1}

func parseWaitingToken(s string) (t waitingToken, err error) {
	if s == "" {
		return beginning, nil
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

// reading is a page of one share as it comes together.
type reading struct {
	token   waitingToken
	limit   int     // of jobs
	entries []entry // one more than the limit, if there are
	more    bool    // there may be entries behind them
}

// WaitingIn implements storetest.Store. It takes two round trips, and one more if children wait.
func (s *Store) WaitingIn(ctx context.Context, queueNumber int, share, after string, limit int) ([]batch.Job, string, error) {
	token, err := parseWaitingToken(after)
	if err != nil {
		return nil, "", err
	}
	q := slotOf(queueNumber)
	r := &reading{token: token, limit: limit}
	if err := s.find(ctx, q.waiting(share), r); err != nil {
		return nil, "", err
	}
	pages, err := s.pages(ctx, q, []*reading{r})
	if err != nil {
		return nil, "", err
	}
	return pages[0].Jobs, pages[0].Next, nil
}

// WaitingFirst implements storetest.Store, in as many round trips as WaitingIn.
func (s *Store) WaitingFirst(ctx context.Context, queueNumber int, shares []string, limit int) ([]batch.Page, error) {
	if len(shares) == 0 {
		return nil, nil
	}
	q := slotOf(queueNumber)
	pipe := s.client.Pipeline()
	replies := make([]*redis.ZSliceCmd, len(shares))
	for i, share := range shares {
		replies[i] = pipe.ZRangeWithScores(ctx, q.waiting(share), 0, int64(limit))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, wrap(err)
	}
	readings := make([]*reading, len(shares))
	for i, reply := range replies {
		readings[i] = &reading{token: beginning, limit: limit, more: len(reply.Val()) > limit}
		readings[i].add(reply.Val())
	}
	return s.pages(ctx, q, readings)
}

// find looks for the entries of a page. An array may stand for many jobs, so fewer than it asks for may be enough.
func (s *Store) find(ctx context.Context, key string, r *reading) error {
	from := "(" + strconv.FormatFloat(r.token.score, 'f', -1, 64)
	if r.token.index >= 0 {
		from = from[1:]
	}
	atOnce := r.limit + 1
	for offset := 0; ; offset += atOnce {
		found, err := s.client.ZRangeByScoreWithScores(ctx, key,
			&redis.ZRangeBy{Min: from, Max: "+inf", Offset: int64(offset), Count: int64(atOnce)}).Result()
		if err != nil {
			return wrap(err)
		}
		r.add(found)
		r.more = len(found) == atOnce
		if !r.more || len(r.entries) > 0 {
			return nil
		}
	}
}

// add keeps the entries that the page before did not give.
func (r *reading) add(found []redis.Z) {
	for _, z := range found {
		e := entry{id: shortID(fmt.Sprint(z.Member)), score: z.Score}
		isDone := e.score == r.token.score && e.id.isChild() && e.id.index() <= r.token.index
		if !isDone {
			r.entries = append(r.entries, e)
		}
	}
}

// pages makes pages of the entries that were found.
func (s *Store) pages(ctx context.Context, q slot, readings []*reading) ([]batch.Page, error) {
	arrays, err := s.untried(ctx, q, readings)
	if err != nil {
		return nil, err
	}
	pages := make([]batch.Page, len(readings))
	ends := make([]int, len(readings)) // of each page in at
	var at []address
	for i, r := range readings {
		var jobs []address
		jobs, pages[i].Next = r.expand(q, arrays)
		at = append(at, jobs...)
		ends[i] = len(at)
	}
	jobs, err := s.read(ctx, at)
	if err != nil {
		return nil, err
	}
	n := 0
	for i, a := range at {
		if n == len(jobs) {
			break
		}
		if jobs[n].ID != a.String() { // gone since
			continue
		}
		if jobs[n].IsWaiting() {
			page := &pages[sort.SearchInts(ends, i+1)]
			page.Jobs = append(page.Jobs, jobs[n])
		}
		n++
	}
	return pages, nil
}

// expand gives the jobs and children that a page's entries stand for, and the token of the next page.
func (r *reading) expand(q slot, arrays map[shortID][]int) (at []address, next string) {
	token := "" // of a page behind what was given last
	for _, e := range r.entries {
		indexes := []int{0}
		if e.id.isArrayEntry() {
			indexes = arrays[e.id]
		}
		for _, index := range indexes {
			if len(at) == r.limit {
				return at, token
			}
			if e.id.isArrayEntry() {
				at, token = append(at, address{slot: q, id: e.id.child(index)}), tokenWithin(e, index)
			} else {
				at, token = append(at, address{slot: q, id: e.id}), tokenBehind(e)
			}
		}
	}
	if r.more { // arrays none of whose children wait any more
		return at, tokenBehind(r.entries[len(r.entries)-1])
	}
	return at, ""
}

//go:embed lua/waiting.lua
var waitingLua string

// untried gives the indexes of the children for which array entries stand, of each as many as its page may need.
func (s *Store) untried(ctx context.Context, q slot, readings []*reading) (map[shortID][]int, error) {
	pipe := s.client.Pipeline()
	replies := map[shortID]*redis.Cmd{}
	for _, r := range readings {
		for _, e := range r.entries {
			if !e.id.isArrayEntry() {
				continue
			}
			from := 0
			if e.score == r.token.score {
				from = r.token.index + 1
			}
			array := e.id.job()
			replies[e.id] = pipe.Eval(ctx, waitingLua, []string{q.job(array), q.children(array)}, from, r.limit+1)
		}
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
