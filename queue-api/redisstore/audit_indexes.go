// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"slices"

	"github.com/muster-batch/muster/queue-api/batch"
)

// indexKey is an index of a queue, as a pass met it.
type indexKey struct {
	slot

	key  string
	kind string // status, ended, waiting, live or consumers
	name string // the status, share or resource
}

// check is what is broken if the index has what it should not have.
func (x indexKey) check() batch.Check {
	if x.kind == "consumers" {
		return batch.CheckConsumers
	}
	return batch.Check(x.kind)
}

// index holds each entry of an index against its record.
func (a *auditor) index(ctx context.Context, x indexKey) error {
	size := a.client.ZCard
	if x.kind == "live" {
		size = a.client.SCard
	}
	if n, err := size(ctx, x.key).Result(); err == nil && int(n) == a.expected[x.key] && !a.isThorough {
		return nil
	}
	for cursor := uint64(0); ; {
		var entries []string
		var err error
		if x.kind == "live" {
			entries, cursor, err = a.client.SScan(ctx, x.key, cursor, "", auditPage).Result()
		} else {
			var pairs []string
			pairs, cursor, err = a.client.ZScan(ctx, x.key, cursor, "", auditPage).Result()
			for i := 0; i < len(pairs); i += 2 {
				entries = append(entries, pairs[i])
			}
		}
		if err != nil {
			return a.unreadable(x.key, err)
		}
		if err := a.indexPage(ctx, x, entries); err != nil {
			return err
		}
		if err := a.pause(ctx); err != nil {
			return err
		}
		if cursor == 0 {
			return nil
		}
	}
}

// unreadable reports a key that is not of the type it should be.
func (a *auditor) unreadable(key string, err error) error {
	if err = wrap(err); err == nil || isConnection(err) {
		return err
	}
	a.report(batch.Finding{Check: batch.CheckUnreadableKeys, Key: key, Detail: err.Error()})
	return nil
}

func (a *auditor) indexPage(ctx context.Context, x indexKey, entries []string) error {
	at := make([]address, 0, len(entries))
	for _, entry := range entries {
		id := shortID(entry)
		if id.isArrayEntry() {
			id = id.job()
		}
		if len(id) != jobLength && len(id) != childLength {
			if err := a.auditEntry(ctx, x, entry, "", true, "not an id"); err != nil {
				return err
			}
			continue
		}
		at = append(at, address{slot: x.slot, id: id})
	}
	jobs, err := a.readSingly(ctx, at)
	if err != nil {
		return err
	}
	known := make(map[string]*batch.Job, len(jobs))
	for i := range jobs {
		known[jobs[i].ID] = &jobs[i]
	}
	for _, entry := range entries {
		id := shortID(entry)
		if len(id) != jobLength && len(id) != childLength && !id.isArrayEntry() {
			continue
		}
		if err := a.indexEntry(ctx, x, id, known); err != nil {
			return err
		}
	}
	return nil
}

// indexEntry looks at one entry whose job was read, if it was there.
func (a *auditor) indexEntry(ctx context.Context, x indexKey, entry shortID, known map[string]*batch.Job) error {
	id := entry
	if id.isArrayEntry() {
		id = id.job()
	}
	full := x.full(id)
	job := known[full]
	switch {
	case job == nil:
		return a.auditEntry(ctx, x, string(entry), full, false, "the index has it, its record is lost")
	case !x.mayHave(job, entry):
		return a.auditEntry(ctx, x, string(entry), full, true, "the index has what was never to be in it")
	case !x.has(job, entry):
		return a.audit(ctx, job)
	default:
		return nil
	}
}

// mayHave reports whether the job could ever be in the index, by what never changes of it.
func (x indexKey) mayHave(job *batch.Job, entry shortID) bool {
	switch x.kind {
	case "waiting":
		return job.ShareIdentifier == x.name && entry.isArrayEntry() == job.IsArray()
	case "consumers":
		return !job.IsChild() && slices.ContainsFunc(job.Consumables, func(c batch.ConsumableRequirement) bool { return c.Name == x.name })
	case "live":
		return !job.IsArray()
	default:
		return !job.IsChild()
	}
}

// has reports whether the job should be in the index now.
func (x indexKey) has(job *batch.Job, entry shortID) bool {
	switch x.kind {
	case "status":
		return string(job.Status) == x.name
	case "ended":
		return job.Status.IsTerminal()
	case "live":
		return job.Current != nil
	case "waiting":
		return entry.isArrayEntry() || job.IsWaiting() && (!job.IsChild() || !isUntried(job))
	default:
		return true
	}
}

// auditEntry drops an entry whose record is not there, or that is wrong whatever its record says. A lost record is reported
// for what it is; the entry goes.
func (a *auditor) auditEntry(ctx context.Context, x indexKey, entry, job string, always bool, detail string) error {
	id := shortID(entry)
	if id.isArrayEntry() {
		id = id.job()
	}
	wrong, err := a.is(ctx, a.scripts.auditEntry, []string{x.key, x.job(id)}, entry, flag(a.repair), flag(always))
	if err != nil || !wrong {
		return err
	}
	check := x.check()
	if !always {
		check = batch.CheckRecord
	}
	if x.kind == "live" {
		a.at(x.slot).isOff = true
	}
	a.report(batch.Finding{Check: check, Key: x.key, Job: job, Detail: detail, Mendable: true, Mended: a.repair})
	return nil
}
