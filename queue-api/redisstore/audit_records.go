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

// auditFields are what a record is audited by.
var auditFields = append(slices.Clone(jobFields), fieldOrder)

// audited is a record as a page has it.
type audited struct {
	batch.Job

	order string
}

// auditRecords holds a page of records against the indexes.
func (a *auditor) auditRecords(ctx context.Context, at []address) error {
	if len(at) == 0 {
		return nil
	}
	a.records += len(at)
	jobs, err := a.fetch(ctx, at)
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
		if err := a.audit(ctx, &jobs[i].Job); err != nil {
			return fmt.Errorf("audit job %s: %w", jobs[i].ID, err)
		}
	}
	return a.auditDependents(ctx, jobs)
}

// fetch reads a page of records, and sees to it that their specs are there. One that cannot be read is reported and hides no
// other.
func (a *auditor) fetch(ctx context.Context, at []address) ([]audited, error) {
	r := a.newReads(at, auditFields)
	for _, pipe := range r.pipes {
		if _, err := pipe.Exec(ctx); err != nil && isConnection(wrap(err)) {
			return nil, wrap(err)
		}
	}
	if err := a.auditSpecs(ctx, at, r); err != nil {
		return nil, err
	}
	specs, err := a.loadSpecs(ctx, r.digests(at))
	if err != nil {
		return nil, a.unreadable("specs", err)
	}
	out := make([]audited, 0, len(at))
	for _, one := range at {
		job, err := r.decode(one, specs)
		if unread := wrap(r.records[one].Err()); unread != nil {
			err = unread
		}
		switch {
		case err == nil:
			order, _ := r.records[one].Val()[len(jobFields)].(string)
			out = append(out, audited{Job: job, order: order})
		case !errors.Is(err, batch.ErrNotFound) && !errors.Is(err, errNoSpec): // the spec is a finding of its own
			a.report(batch.Finding{Check: batch.CheckRecord, Key: one.record(), Job: one.String(), Detail: err.Error()})
		}
	}
	return out, nil
}

// readSingly reads a page of records. One that cannot be read hides no other.
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
		if err != nil && isConnection(err) {
			return nil, err
		}
		jobs = append(jobs, found...) // of the others their own pages tell
	}
	return jobs, nil
}

// isConnection reports whether an error says nothing of what is stored: that Redis is not reached, is loading or is no master.
func isConnection(err error) bool {
	return errors.Is(err, errRedis) && !redis.HasErrorPrefix(err, "WRONGTYPE")
}

// entryReplies are what the indexes say of one job that should have it. Those that should not are looked at entry by entry.
type entryReplies struct {
	status, ended, waiting *redis.FloatCmd
	live                   *redis.BoolCmd
	consumers              []*redis.FloatCmd
}

// entries asks the indexes that should have the jobs. Arrays and children have scripts of their own, which look at all.
func (a *auditor) entries(ctx context.Context, jobs []audited) ([]entryReplies, error) {
	pipe := a.client.Pipeline()
	out := make([]entryReplies, len(jobs))
	for i := range jobs {
		job, r := &jobs[i].Job, &out[i]
		at, err := locate(job.ID)
		if err != nil {
			continue
		}
		a.expect(at, job)
		if job.IsChild() || job.IsArray() {
			continue
		}
		id := string(at.id)
		r.status = pipe.ZScore(ctx, at.status(job.Status), id)
		if job.Status.IsTerminal() {
			r.ended = pipe.ZScore(ctx, at.ended(), id)
		}
		if job.IsWaiting() {
			r.waiting = pipe.ZScore(ctx, at.waiting(job.ShareIdentifier), id)
		}
		if job.Current != nil {
			r.live = pipe.SIsMember(ctx, at.live(), id)
		}
		for _, c := range job.Consumables {
			r.consumers = append(r.consumers, pipe.ZScore(ctx, at.consumers(c.Name), id))
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

// expect counts the entries that the indexes should have of a job.
func (a *auditor) expect(at address, job *batch.Job) {
	count := func(key string) { a.expected[key]++ }
	if job.IsArray() {
		a.expected[at.waiting(job.ShareIdentifier)] = unknowable
	}
	if !job.IsChild() {
		count(at.status(job.Status))
		for _, c := range job.Consumables {
			count(at.consumers(c.Name))
		}
		if job.Status.IsTerminal() {
			count(at.ended())
		}
	}
	if job.IsWaiting() && (!job.IsChild() || !isUntried(job)) {
		count(at.waiting(job.ShareIdentifier))
	}
	if job.Current != nil {
		count(at.live())
	}
}

// agrees reports whether the indexes have the job as its record says.
func (r *entryReplies) agrees(job *audited) bool {
	n, err := strconv.ParseFloat(job.order, 64)
	if r.status == nil || err != nil {
		return false
	}
	where, err := strconv.ParseFloat(place(job.SchedulingPriority, len(job.Attempts) > 0), 64)
	if err != nil || !holds(r.status, n) || !holds(r.waiting, where+n) || !holds(r.ended, float64(job.StoppedAt.UnixMilli())) {
		return false
	}
	if r.live != nil && !r.live.Val() {
		return false
	}
	return !slices.ContainsFunc(r.consumers, func(c *redis.FloatCmd) bool { return !holds(c, n) })
}

// holds reports whether an entry that was asked for has a score.
func holds(c *redis.FloatCmd, score float64) bool {
	return c == nil || c.Err() == nil && c.Val() == score
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
	if job.Status.IsTerminal() && a.clock.Since(job.StoppedAt) >= a.retention {
		return nil // it is being forgotten, its children first
	}
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
