// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"strconv"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Transition implements storetest.Store.
func (s *Store) Transition(ctx context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error) {
	at, err := locate(id)
	if err != nil {
		return batch.Job{}, err
	}
	for range casAttempts {
		old, array, err := s.readForChange(ctx, at)
		if err != nil {
			return batch.Job{}, err
		}
		given := old
		given.Tags = maps.Clone(old.Tags) // others share them
		next, err := step(given)
		next.Children, next.Spent = old.Children, old.Spent
		if err != nil {
			return old, err
		}
		if reflect.DeepEqual(old, next) {
			return old, s.confirm(ctx, at.slot)
		}
		var outcome []any
		if at.id.isChild() {
			outcome, err = s.writeChild(ctx, at, &old, &next, &array)
		} else {
			outcome, err = s.write(ctx, at, &old, &next)
		}
		if err != nil {
			return old, err
		}
		switch outcome[0] {
		case "ok":
			next.Version = old.Version + 1
			if next.IsArray() {
				counts, _ := outcome[1].(string)
				next.Children = children(&next, counts)
			}
			s.changed(&old, &next)
			return next, nil
		case "stale":
			return old, batch.ErrStaleEpoch
		case "missing":
			return batch.Job{}, batch.ErrNotFound
		}
		s.metrics.retry()
	}
	return batch.Job{}, fmt.Errorf("job %s: %w", id, batch.ErrConflict)
}

// readForChange loads a job and, if it is a child, its array as it was at that moment.
func (s *Store) readForChange(ctx context.Context, at address) (job, array batch.Job, err error) {
	wanted := []address{at}
	if at.id.isChild() {
		wanted = append(wanted, address{slot: at.slot, id: at.id.job()})
	}
	jobs, err := s.read(ctx, wanted)
	if err != nil {
		return batch.Job{}, batch.Job{}, err
	}
	if len(jobs) < len(wanted) {
		return batch.Job{}, batch.Job{}, batch.ErrNotFound
	}
	return jobs[0], jobs[len(jobs)-1], nil
}

// write runs the transition script for the difference between two states of a job or array.
func (s *Store) write(ctx context.Context, at address, old, next *batch.Job) ([]any, error) {
	mutable, err := encodeMutable(next)
	if err != nil {
		return nil, err
	}
	digest, encoded := "", []byte{}
	if !maps.Equal(old.Tags, next.Tags) {
		if digest, encoded, err = encodeSpec(next); err != nil {
			return nil, err
		}
	}
	size := 0
	if next.IsArray() {
		size = next.ArraySize
	}
	environment, milli := charge(old, next)
	share := next.ShareIdentifier
	costKeys, costs := s.spent(at.slot, old, next, next.Tags)
	keys := append([]string{
		at.record(), at.status(old.Status), at.status(next.Status), at.waiting(share), at.waitingShares(), at.activeShares(),
		at.live(), at.usage(), at.shareUsage(), at.shareLive(), at.events(), at.epoch(), at.settled(), at.marks(),
		at.dependents(at.id), at.ended(), at.specs(), at.specReferences(), at.children(at.id),
	}, costKeys...)
	args := append([]any{
		string(at.id), strconv.FormatInt(old.Version, 10), s.epoch, mutable,
		letterOf(old.Status), letterOf(next.Status), s.clock.Now().UnixMilli(), next.StatusReason, flag(isTold(old, next)),
		waitingMove(old, next), place(next.SchedulingPriority, len(next.Attempts) > 0), share,
		liveMove(old, next), environment, milli, settles(old, next), endedAt(old, next), digest, encoded,
		size, flag(isOpen(next)), flag(old.Rest == nil && next.Rest != nil), s.eventsKept, changes, s.hint(old, next),
	}, costs...)
	return s.outcome(ctx, s.scripts.transition, keys, args...)
}

// writeChild runs the child script for the difference between two states of an array's child. What it costs counts for the tags of
// its array, having none of its own.
func (s *Store) writeChild(ctx context.Context, at address, old, next, parent *batch.Job) ([]any, error) {
	mutable, err := encodeMutable(next)
	if err != nil {
		return nil, err
	}
	array, index, share := at.id.job(), at.id.index(), next.ShareIdentifier
	before := letterOfChild(old)
	if old.Version == 0 {
		before = string(unrecorded)
		if old.Status.IsTerminal() {
			before = string(unrecordedFailed)
		}
	}
	environment, milli := charge(old, next)
	costKeys, costs := s.spent(at.slot, old, next, parent.Tags)
	keys := append([]string{
		at.record(), at.job(array), at.children(array), at.waiting(share), at.waitingShares(), at.activeShares(),
		at.live(), at.usage(), at.shareUsage(), at.shareLive(), at.events(), at.epoch(), at.settled(), at.marks(), at.dependents(array),
	}, costKeys...)
	args := append([]any{
		string(at.id), string(array), index, next.ArraySize,
		strconv.FormatInt(old.Version, 10), strconv.FormatInt(parent.Version, 10), s.epoch, mutable, before, letterOfChild(next),
		letterOf(old.Status), letterOf(next.Status), s.clock.Now().UnixMilli(), next.StatusReason, flag(isTold(old, next)),
		retriedMove(old, next), place(next.SchedulingPriority, true), place(next.SchedulingPriority, false), share,
		liveMove(old, next), environment, milli, settles(old, next), s.eventsKept, changes, s.hint(old, next),
	}, costs...)
	return s.outcome(ctx, s.scripts.child, keys, args...)
}

// outcome runs a script that returns what became of a transition, and more.
func (s *Store) outcome(ctx context.Context, script script, keys []string, args ...any) ([]any, error) {
	v, err := s.run(ctx, script, keys, args...)
	if err != nil {
		return nil, err
	}
	outcome, ok := v.([]any)
	if !ok || len(outcome) == 0 {
		return nil, fmt.Errorf("redis: transition gave %v", v)
	}
	return outcome, nil
}

// hint tells the leader what an API call did, and that a job is to be stopped; the leader need not tell itself the rest.
func (s *Store) hint(old, next *batch.Job) string {
	if s.epoch > 0 && (old.Stop != nil || next.Stop == nil) {
		return ""
	}
	return Change{Job: next.ID}.String()
}

func isTold(old, next *batch.Job) bool { return old.Status != next.Status || blockedAnew(old, next) }

// settles says whether a change marks its job; see storetest.DependencyStore.
func settles(old, next *batch.Job) string {
	ended := next.Status.IsTerminal() && !old.Status.IsTerminal()
	attemptOver := old.Current != nil && next.Current == nil
	switch {
	case (ended || attemptOver) && len(next.Consumables) > 0,
		next.IsArray() && (!reflect.DeepEqual(old.Stop, next.Stop) || !reflect.DeepEqual(old.Rest, next.Rest)),
		next.IsArray() && next.HasOwnDependencies() && len(old.Unmet) > 0 && len(next.Unmet) == 0,
		ended && next.IsChild() && next.HasOwnDependencies():
		return "yes"
	case ended:
		return "awaited"
	default:
		return ""
	}
}

// endedAt is when a job that ends now stopped, else empty.
func endedAt(old, next *batch.Job) string {
	if old.Status.IsTerminal() || !next.Status.IsTerminal() {
		return ""
	}
	return strconv.FormatInt(next.StoppedAt.UnixMilli(), 10)
}

func waitingMove(old, next *batch.Job) string { return move(old.IsWaiting(), next.IsWaiting()) }

// retriedMove is a child's own: until it is retried it waits with its array.
func retriedMove(old, next *batch.Job) string {
	return move(old.IsWaiting() && !isUntried(old), next.IsWaiting() && !isUntried(next))
}

func liveMove(old, next *batch.Job) string { return move(old.Current != nil, next.Current != nil) }

func move(before, after bool) string {
	switch {
	case before == after:
		return ""
	case after:
		return "in"
	default:
		return "out"
	}
}

// charge is the change of what an environment holds for the queue.
func charge(old, next *batch.Job) (environment string, milliVCPU int64) {
	switch liveMove(old, next) {
	case "in":
		return next.Current.ComputeEnvironment, next.Requests.MilliVCPU
	case "out":
		return old.Current.ComputeEnvironment, old.Requests.MilliVCPU
	default:
		return "", 0
	}
}
