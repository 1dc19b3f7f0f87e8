// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// countedSpecs bounds the specs of one queue whose jobs a pass counts.
const countedSpecs = 1 << 16

// auditSpecs sees to it that the specs of records are there, and counts who has them. A spec that this process read before
// can be written again.
func (a *auditor) auditSpecs(ctx context.Context, at []address, r *reads) error {
	users := map[slot]map[string]address{} // one of each digest's
	for _, one := range at {
		record, ok := parseRecord(r.records[one].Val())
		if !ok || one.id.isChild() {
			continue
		}
		digest, q := record.digest, one.slot
		if users[q] == nil {
			users[q] = map[string]address{}
		}
		users[q][digest] = one
		counts := a.at(q).specs
		if known, ok := counts[digest]; ok || len(counts) < countedSpecs {
			counts[digest] = specCount{known.records + 1, one}
		}
	}
	for q, of := range users {
		if err := a.specsOf(ctx, q, of); err != nil {
			return err
		}
	}
	return nil
}

// specsOf looks for the specs of some digests.
func (a *auditor) specsOf(ctx context.Context, q slot, users map[string]address) error {
	digests := slices.Sorted(maps.Keys(users))
	found, err := a.client.HMGet(ctx, q.specs(), digests...).Result()
	if err != nil {
		return a.unreadable(q.specs(), err)
	}
	for i, digest := range digests {
		if found[i] != nil {
			continue
		}
		at := users[digest]
		if now, err := a.client.HGet(ctx, at.record(), fieldDigest).Result(); err != nil || now != digest {
			continue // changed since
		}
		encoded, known := a.knownSpec(digest)
		f := batch.Finding{Check: batch.CheckSpec, Key: q.specs(), Job: at.String(), Detail: "its spec is lost", Mendable: known}
		if known && a.repair {
			if err := a.mend(ctx, "HSETNX", q.specs(), digest, encoded); err != nil {
				return err
			}
			f.Mended = true
		}
		a.report(f)
	}
	return nil
}

// knownSpec gives a spec that was read before, as it was stored.
func (a *auditor) knownSpec(digest string) (encoded []byte, ok bool) {
	known, ok := a.specs.get(digest)
	if !ok {
		return nil, false
	}
	encoded, err := json.Marshal(known)
	sum := sha256.Sum256(encoded)
	return encoded, err == nil && string(sum[:digestLength]) == digest
}

// specCount is how many records of a spec a pass saw, and one of them.
type specCount struct {
	records int64
	one     address
}

// specReferencesOf compares how many records have a spec with how many are said to. With too few said, the end of one job would
// take the spec from others. While jobs come and go the two differ by those that did; so a difference must be the same in two
// passes, unless the number is missing altogether.
func (a *auditor) specReferencesOf(ctx context.Context, q slot) error {
	stored, err := a.client.HGetAll(ctx, q.specReferences()).Result()
	if err != nil {
		return a.unreadable(q.specReferences(), err)
	}
	for digest, counted := range a.at(q).specs {
		text, ok := stored[digest]
		if !ok {
			if ok, err = a.isUncounted(ctx, digest, counted.one); err != nil {
				return err
			}
		} else if n, err := strconv.ParseInt(text, 10, 64); err != nil || n != counted.records {
			ok = a.suspects.confirm(string(q)+digest, [2]int64{n, counted.records})
		} else {
			ok = false
		}
		if !ok {
			continue
		}
		if err := a.recount(ctx, q, digest, text, counted.records); err != nil {
			return err
		}
	}
	return nil
}

// isUncounted reports whether a record has a spec of which nobody counts the users, at one moment.
func (a *auditor) isUncounted(ctx context.Context, digest string, one address) (bool, error) {
	pipe := a.client.TxPipeline()
	has, counted := pipe.HGet(ctx, one.record(), fieldDigest), pipe.HExists(ctx, one.specReferences(), digest)
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return false, a.unreadable(one.specReferences(), err)
	}
	return has.Val() == digest && !counted.Val(), nil
}

// recount sets how many records have a spec, if nobody has since.
func (a *auditor) recount(ctx context.Context, q slot, digest, stored string, counted int64) error {
	if a.repair {
		ok, err := a.compareAndSet(ctx, q.specReferences(), digest, stored, strconv.FormatInt(counted, 10))
		if err != nil || !ok {
			return err
		}
	}
	a.report(batch.Finding{
		Check: batch.CheckSpec, Key: q.specReferences(), Detail: fmt.Sprintf("%d jobs have a spec, %q are counted", counted, stored),
		Mendable: true, Mended: a.repair,
	})
	return nil
}

// suspects are differences that one pass saw and the next may confirm.
type suspects struct {
	mu         sync.Mutex // guards what follows
	last, next map[string][2]int64
	passes     int
}

// turn begins a pass and tells how many there were.
func (s *suspects) turn() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last, s.next = s.next, map[string][2]int64{}
	s.passes++
	return s.passes - 1
}

// confirm reports whether the last pass saw the same.
func (s *suspects) confirm(key string, seen [2]int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next[key] = seen
	last, ok := s.last[key]
	return ok && last == seen
}

// tallyTries bounds how often the attempts under way are read again because others began meanwhile.
const tallyTries = 10

// usage compares what is counted of the attempts under way with the attempts, all of one moment.
func (a *auditor) usage(ctx context.Context, q slot) error {
	known := map[string]batch.Job{} // for what never changes of them
	for range tallyTries {
		ids, err := a.client.SMembers(ctx, q.live()).Result()
		if err != nil {
			return a.unreadable(q.live(), err)
		}
		if err := a.learn(ctx, q, ids, known); err != nil {
			return err
		}
		stored, counted, ok, err := a.tally(ctx, q, ids, known)
		if err != nil {
			return err
		}
		if ok {
			return a.adjust(ctx, stored, counted)
		}
	}
	return nil // too much goes on: another time
}

// learn reads the jobs that are not known yet.
func (a *auditor) learn(ctx context.Context, q slot, ids []string, known map[string]batch.Job) error {
	var unknown []address
	for _, id := range ids {
		if _, ok := known[id]; !ok {
			unknown = append(unknown, address{slot: q, id: shortID(id)})
		}
	}
	for page := range slices.Chunk(unknown, auditPage) {
		jobs, err := a.readSingly(ctx, page)
		if err != nil {
			return err
		}
		for _, job := range jobs {
			at, err := locate(job.ID)
			if err != nil {
				return err
			}
			known[string(at.id)] = job
		}
	}
	return nil
}

// amounts are numbers by key and field.
type amounts map[string]map[string]int64

func (m amounts) add(key, field string, n int64) {
	if m[key] == nil {
		m[key] = map[string]int64{}
	}
	m[key][field] += n
}

// tally reads the counters and the attempts at one moment. It is not ok if an attempt is under way that is not among ids.
func (a *auditor) tally(ctx context.Context, q slot, ids []string, known map[string]batch.Job) (stored, counted amounts, ok bool, err error) {
	keys := []string{q.usage(), q.shareUsage(), q.shareLive()}
	pipe := a.client.TxPipeline()
	live := pipe.SMembers(ctx, q.live())
	counters := make([]*redis.MapStringStringCmd, len(keys))
	for i, key := range keys {
		counters[i] = pipe.HGetAll(ctx, key)
	}
	records := make(map[string]*redis.StringCmd, len(ids))
	for _, id := range ids {
		records[id] = pipe.HGet(ctx, q.job(shortID(id)), fieldMutable)
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, nil, false, a.unreadable(q.usage(), err)
	}
	stored, counted = amounts{}, amounts{}
	for i, key := range keys {
		for field, text := range counters[i].Val() {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, nil, false, a.unreadable(key, fmt.Errorf("%w: %w", errNotANumber, err))
			}
			stored.add(key, field, n)
		}
	}
	for _, id := range live.Val() {
		record, ok := records[id]
		if !ok {
			return nil, nil, false, nil
		}
		_, m, err := decodeMutable(record.Val())
		job, isKnown := known[id]
		if err != nil || !isKnown || m.Current == nil {
			continue // a finding of its own; it counts for nothing
		}
		counted.add(q.shareLive(), job.ShareIdentifier, 1)
		counted.add(q.usage(), m.Current.ComputeEnvironment, job.Requests.MilliVCPU)
		counted.add(q.shareUsage(), job.ShareIdentifier, job.Requests.MilliVCPU)
	}
	return stored, counted, true, nil
}

var errNotANumber = errors.New("not a number")

// adjust moves counters by what they are off: who counts meanwhile counts on.
func (a *auditor) adjust(ctx context.Context, stored, counted amounts) error {
	for _, key := range slices.Sorted(maps.Keys(union(stored, counted))) {
		for _, field := range slices.Sorted(maps.Keys(union(stored[key], counted[key]))) {
			is, want := stored[key][field], counted[key][field]
			if is == want {
				continue
			}
			if a.repair {
				if err := a.mend(ctx, "HINCRBY", key, field, want-is); err != nil {
					return err
				}
			}
			a.report(batch.Finding{
				Check: usageCheck(key), Key: key, Detail: fmt.Sprintf("%q is %d, must be %d", field, is, want), Mendable: true, Mended: a.repair,
			})
		}
	}
	return nil
}

func usageCheck(key string) batch.Check {
	if strings.HasPrefix(key, global) {
		return batch.CheckHolders
	}
	return batch.CheckUsage
}

func union[V any](a, b map[string]V) map[string]V {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]V{}
	}
	maps.Copy(out, b)
	return out
}
