// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// auditRecords holds a page of records against the indexes.
func (a *auditor) auditRecords(ctx context.Context, at []address) error {
	if len(at) == 0 {
		return nil
	}
	a.records += len(at)
	if err := a.auditSpecs(ctx, at); err != nil {
		return err
	}
	jobs, err := a.readSingly(ctx, at)
	if err != nil {
		return err
	}
	replies, err := a.entries(ctx, jobs)
	if err != nil {
		return err
	}
	for i := range jobs {
		if replies[i].agrees(&jobs[i]) {
			continue
		}
		if err := a.audit(ctx, &jobs[i]); err != nil {
			return fmt.Errorf("audit job %s: %w", jobs[i].ID, err)
		}
	}
	return a.auditDependents(ctx, jobs)
}

// readSingly reads a page of records. One that cannot be read is reported and hides no other.
func (a *auditor) readSingly(ctx context.Context, at []address) ([]batch.Job, error) {
	jobs, err := a.readOnce(ctx, at)
	if err == nil {
		return jobs, nil
	}
	if isConnection(err) {
		return nil, err
	}
	for _, one := range at {
		found, err := a.read(ctx, []address{one})
		switch {
		case err == nil:
			jobs = append(jobs, found...)
		case isConnection(err):
			return nil, err
		case !errors.Is(err, errNoSpec): // which is a finding of its own
			a.report(batch.Finding{Check: batch.CheckRecord, Key: one.record(), Job: one.String(), Detail: err.Error()})
		}
	}
	return jobs, nil
}

// isConnection reports whether an error says nothing of what is stored: that Redis is not reached, is loading or is no master.
func isConnection(err error) bool {
	return errors.Is(err, errRedis) && !redis.HasErrorPrefix(err, "WRONGTYPE")
}

// entryReplies are what the indexes say of one job.
type entryReplies struct {
	n, status, ended, waiting *redis.Cmd
	live                      *redis.BoolCmd
	consumers                 []*redis.FloatCmd
}

// entries asks the indexes that should have the jobs, and those that tell most of what went wrong.
func (a *auditor) entries(ctx context.Context, jobs []batch.Job) ([]entryReplies, error) {
	pipe := a.client.Pipeline()
	out := make([]entryReplies, len(jobs))
	for i := range jobs {
		job, r := &jobs[i], &out[i]
		at, err := locate(job.ID)
		if err != nil || job.IsChild() || job.IsArray() {
			continue // each has a script of its own, which looks at all
		}
		r.n = pipe.Do(ctx, "HGET", at.record(), fieldOrder)
		r.status = pipe.Do(ctx, "ZSCORE", at.status(job.Status), string(at.id))
		r.ended = pipe.Do(ctx, "ZSCORE", at.ended(), string(at.id))
		r.waiting = pipe.Do(ctx, "ZSCORE", at.waiting(job.ShareIdentifier), string(at.id))
		r.live = pipe.SIsMember(ctx, at.live(), string(at.id))
		for _, c := range job.Consumables {
			r.consumers = append(r.consumers, pipe.ZScore(ctx, at.consumers(c.Name), string(at.id)))
		}
	}
	if pipe.Len() == 0 {
		return out, nil
	}
	if _, err := pipe.Exec(ctx); err != nil && isConnection(wrap(err)) {
		return nil, wrap(err)
	}
	return out, nil
}

// number is a reply as a number; ok is false if there is none.
func number(c *redis.Cmd) (n float64, ok bool) {
	text, err := c.Text()
	if err != nil {
		return 0, false
	}
	n, err = strconv.ParseFloat(text, 64)
	return n, err == nil
}

// agrees reports whether the indexes have the job as its record says.
func (r *entryReplies) agrees(job *batch.Job) bool {
	if r.n == nil {
		return false
	}
	n, ok := number(r.n)
	if !ok || !holds(r.status, n, true) || !holds(r.ended, float64(job.StoppedAt.UnixMilli()), job.Status.IsTerminal()) {
		return false
	}
	where, err := strconv.ParseFloat(place(job.SchedulingPriority, len(job.Attempts) > 0), 64)
	if err != nil || !holds(r.waiting, where+n, job.IsWaiting()) || r.live.Err() != nil || r.live.Val() != (job.Current != nil) {
		return false
	}
	return !slices.ContainsFunc(r.consumers, func(c *redis.FloatCmd) bool { return c.Err() != nil || c.Val() != n })
}

// holds reports whether an entry has a score, or is not there.
func holds(c *redis.Cmd, score float64, wanted bool) bool {
	if !wanted {
		return errors.Is(c.Err(), redis.Nil)
	}
	got, ok := number(c)
	return ok && got == score
}

// audit looks at a job, an array or a child by a script, and makes it right.
func (a *auditor) audit(ctx context.Context, job *batch.Job) error {
	at, err := locate(job.ID)
	if err != nil {
		return err
	}
	if job.IsChild() {
		return a.auditChild(ctx, at, job)
	}
	keys := []string{
		at.record(), at.waiting(job.ShareIdentifier), at.waitingShares(), at.activeShares(), at.live(), at.ended(),
	}
	which := 0
	for i, status := range batch.JobStatuses {
		keys = append(keys, at.status(status))
		if status == job.Status {
			which = i + 1
		}
	}
	for _, c := range job.Consumables {
		keys = append(keys, at.consumers(c.Name))
	}
	where, ended := "", ""
	if job.IsWaiting() {
		where = place(job.SchedulingPriority, len(job.Attempts) > 0)
	}
	if job.Status.IsTerminal() {
		ended = strconv.FormatInt(job.StoppedAt.UnixMilli(), 10)
	}
	wrong, err := a.checks(ctx, a.scripts.audit, keys, string(at.id), strconv.FormatInt(job.Version, 10), flag(a.repair), which,
		where, job.ShareIdentifier, flag(job.Current != nil), ended)
	if err != nil {
		return err
	}
	a.noteLive(at.slot, wrong)
	a.found(wrong, "", job.ID, "the index does not have it as its record says")
	if !job.IsArray() {
		return nil
	}
	return a.auditArray(ctx, at, job)
}

func (a *auditor) noteLive(q slot, wrong []string) {
	if slices.Contains(wrong, string(batch.CheckLive)) {
		a.at(q).isOff = true
	}
}

// auditArray looks at what an array keeps of its children.
func (a *auditor) auditArray(ctx context.Context, at address, job *batch.Job) error {
	if err := a.auditLetters(ctx, at, job); err != nil {
		return err
	}
	keys := []string{at.record(), at.children(at.id), at.waiting(job.ShareIdentifier), at.waitingShares(), at.activeShares()}
	wrong, err := a.checks(ctx, a.scripts.auditArray, keys, string(at.id), strconv.FormatInt(job.Version, 10), flag(a.repair),
		job.ArraySize, flag(isOpen(job)), flag(job.Rest != nil), place(job.SchedulingPriority, false), job.ShareIdentifier)
	a.found(wrong, at.children(at.id), job.ID, "what the array keeps of its children is not as they are")
	return err
}

// auditLetters looks for the records of an array's children that should have one.
func (a *auditor) auditLetters(ctx context.Context, at address, job *batch.Job) error {
	for start := 0; start < job.ArraySize; start += auditPage {
		letters, err := a.letters(ctx, at, start, min(auditPage, job.ArraySize-start))
		if err != nil {
			return err
		}
		pipe := a.client.Pipeline()
		exist := map[int]*redis.IntCmd{}
		for i := range len(letters) {
			if letters[i] != unrecorded && letters[i] != unrecordedFailed {
				exist[start+i] = pipe.Exists(ctx, at.job(at.id.child(start+i)))
			}
		}
		if len(exist) == 0 {
			continue
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return wrap(err)
		}
		for index, cmd := range exist {
			if cmd.Val() == 1 {
				continue
			}
			if err := a.auditLost(ctx, at, index); err != nil {
				return err
			}
		}
		if err := a.pause(ctx); err != nil {
			return err
		}
	}
	return nil
}

// auditLost looks at a child whose record may be lost.
func (a *auditor) auditLost(ctx context.Context, array address, index int) error {
	child := address{slot: array.slot, id: array.id.child(index)}
	v, err := a.run(ctx, a.scripts.auditLost, []string{child.record(), array.record(), array.children(array.id)}, index, flag(a.repair))
	if err != nil || v == "" {
		return err
	}
	mendable := v == "mendable"
	a.report(batch.Finding{
		Check: batch.CheckRecord, Key: child.record(), Job: child.String(), Detail: "its array has it, its record is lost",
		Mendable: mendable, Mended: mendable && a.repair,
	})
	return nil
}

// auditChild looks at a child's letter and entries.
func (a *auditor) auditChild(ctx context.Context, at address, job *batch.Job) error {
	array, where := at.id.job(), ""
	if job.IsWaiting() && !isUntried(job) {
		where = place(job.SchedulingPriority, true)
	}
	keys := []string{
		at.record(), at.job(array), at.children(array), at.waiting(job.ShareIdentifier), at.waitingShares(), at.activeShares(), at.live(),
	}
	wrong, err := a.checks(ctx, a.scripts.auditChild, keys, string(at.id), at.id.index(), job.ArraySize, strconv.FormatInt(job.Version, 10),
		flag(a.repair), letterOfChild(job), where, job.ShareIdentifier, flag(job.Current != nil))
	if err != nil || len(wrong) == 0 {
		return err
	}
	a.noteLive(at.slot, wrong)
	a.found(wrong, "", job.ID, "its array, or an index, does not have it as its record says")
	parent, err := a.Job(ctx, at.full(array))
	if err != nil {
		return err
	}
	return a.auditArray(ctx, address{slot: at.slot, id: array}, &parent)
}
