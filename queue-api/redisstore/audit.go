// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
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

// thoroughly is in which of so many passes every entry of every index is looked at. In the others those of an index are not that
// has as many as the records ask for.
const thoroughly = 5

// unknowable is more entries than there can be.
const unknowable = -1 << 40

// auditPage is how many keys or entries are looked at in one page.
const auditPage = 250

// Audit holds every record against every index that names it, both ways, and counts what is counted, while others write. It
// reads in pages; what looks wrong is looked at again, and made right, by a script for that one entry, which does nothing if
// the record has changed since. So nothing is found that is not so, and a repair undoes no write. It returns how many records
// it saw. report is told of each finding; pause is called between two pages, and its error ends the pass.
func (s *Store) Audit(
	ctx context.Context, repair bool, report func(batch.Finding), pause func(context.Context) error,
) (records int, err error) {
	a := &auditor{Store: s, repair: repair, tell: report, pause: pause, slots: map[slot]*slotAudit{}, indexes: map[string]indexKey{}, expected: map[string]int{}}
	a.isThorough = s.suspects.turn()%thoroughly == 0
	if err := a.keys(ctx); err != nil {
		return a.records, err
	}
	for _, key := range slices.Sorted(maps.Keys(a.indexes)) {
		if err := a.index(ctx, a.indexes[key]); err != nil {
			return a.records, fmt.Errorf("audit %s: %w", key, err)
		}
	}
	if err := a.global(ctx); err != nil {
		return a.records, fmt.Errorf("audit: %w", err)
	}
	for _, q := range slices.Sorted(maps.Keys(a.slots)) {
		if err := a.slot(ctx, q); err != nil {
			return a.records, fmt.Errorf("audit %s: %w", q, err)
		}
	}
	return a.records, nil
}

// auditor is one pass.
type auditor struct {
	*Store

	repair  bool
	tell    func(batch.Finding)
	pause   func(context.Context) error
	records int

	isThorough bool
	slots      map[slot]*slotAudit
	indexes    map[string]indexKey // by key, as they were met
	expected   map[string]int      // by key of an index: how many entries the records ask for
	revision   []string            // names of definitions, as they were met
	resource   []string            // names of consumable resources, as they were met
}

// slotAudit is what a pass learns of a queue on its way.
type slotAudit struct {
	specs map[string]specCount // digest → records that have it; at most countedSpecs
	isOff bool                 // live was wrong: what it stands for is counted in the next pass
	keys  int                  // but for those that stay when all jobs are forgotten
}

func (a *auditor) at(q slot) *slotAudit {
	known := a.slots[q]
	if known == nil {
		known = &slotAudit{specs: map[string]specCount{}}
		a.slots[q] = known
	}
	return known
}

// found reports what the scripts call checks by their names.
func (a *auditor) found(checks []string, key, job, detail string) {
	for _, check := range slices.Compact(slices.Sorted(slices.Values(checks))) {
		a.report(batch.Finding{Check: batch.Check(check), Key: key, Job: job, Detail: detail, Mendable: true, Mended: a.repair})
	}
}

func (a *auditor) report(f batch.Finding) {
	f.Key = printable(f.Key)
	a.tell(f)
}

// printable writes the bytes of short ids as text.
func printable(key string) string { return strings.Trim(strconv.QuoteToASCII(key), `"`) }

// keys scans the keyspace, of each server that holds a part of it.
func (a *auditor) keys(ctx context.Context) error {
	cluster, ok := a.client.(*redis.ClusterClient)
	if !ok {
		return a.keysOf(ctx, a.client)
	}
	var one sync.Mutex // masters are asked at once
	return cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		one.Lock()
		defer one.Unlock()
		return a.keysOf(ctx, master)
	})
}

func (a *auditor) keysOf(ctx context.Context, client redis.Cmdable) error {
	for cursor := uint64(0); ; {
		keys, next, err := client.Scan(ctx, cursor, "muster:*", auditPage).Result()
		if err != nil {
			return wrap(err)
		}
		if err := a.page(ctx, keys); err != nil {
			return err
		}
		if err := a.pause(ctx); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// page sorts keys by what they hold and looks at the records among them.
func (a *auditor) page(ctx context.Context, keys []string) error {
	var records, children, dependents []address
	for _, key := range keys {
		if rest, ok := strings.CutPrefix(key, global); ok {
			a.globalKey(rest)
			continue
		}
		q, kind, id, ok := cutKey(key)
		if !ok {
			continue
		}
		if kind != "closed" && kind != "confirmed" {
			a.at(q).keys++
		}
		at := address{slot: q, id: shortID(id)}
		switch kind {
		case "j":
			records = append(records, at)
		case "k":
			children = append(children, at)
		case "d":
			dependents = append(dependents, at)
		case "status", "ended", "waiting", "live", "consumers":
			a.indexes[key] = indexKey{slot: q, key: key, kind: kind, name: id}
		}
	}
	if err := a.auditRecords(ctx, records); err != nil {
		return err
	}
	return errors.Join(a.withoutRecord(ctx, children, address.childrenKey), a.withoutRecord(ctx, dependents, address.dependentsKey))
}

func (a address) childrenKey() string   { return a.children(a.id) }
func (a address) dependentsKey() string { return a.dependents(a.id) }

// cutKey takes a queue's key apart: "muster:{00001}:kind:id".
func cutKey(key string) (q slot, kind, id string, ok bool) {
	end := strings.Index(key, "}:")
	if !strings.HasPrefix(key, "muster:{") || end < 0 {
		return "", "", "", false
	}
	q, rest := slot(key[:end+2]), key[end+2:]
	kind, id, _ = strings.Cut(rest, ":")
	isID := len(id) == jobLength || len(id) == childLength
	return q, kind, id, isID || kind != "j" && kind != "k" && kind != "d"
}

func (a *auditor) globalKey(name string) {
	if definition, ok := strings.CutPrefix(name, "definition:"); ok {
		a.revision = append(a.revision, definition)
	}
	if resource, ok := strings.CutPrefix(name, "consumable:"); ok {
		a.resource = append(a.resource, resource)
	}
}

// withoutRecord finds what a lost record left behind. It is kept: if the job comes back, from its pods, it is needed.
func (a *auditor) withoutRecord(ctx context.Context, at []address, key func(address) string) error {
	if len(at) == 0 {
		return nil
	}
	missing := make([]bool, len(at))
	for range 2 { // a record and what goes with it are forgotten at once: ask for the key once more after its record
		pipe := a.client.Pipeline()
		exist := make([][2]*redis.IntCmd, len(at))
		for i, one := range at {
			exist[i] = [2]*redis.IntCmd{pipe.Exists(ctx, one.record()), pipe.Exists(ctx, key(one))}
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return wrap(err)
		}
		for i := range at {
			missing[i] = exist[i][0].Val() == 0 && exist[i][1].Val() == 1
		}
	}
	for i, one := range at {
		if missing[i] {
			a.report(batch.Finding{Check: batch.CheckRecord, Key: key(one), Job: one.String(), Detail: "its job's record is lost"})
		}
	}
	return nil
}

// checks runs one of the scripts that look at one thing and gives the checks that failed.
func (a *auditor) checks(ctx context.Context, script script, keys []string, args ...any) ([]string, error) {
	v, err := a.run(ctx, script, keys, args...)
	if err != nil {
		return nil, a.unreadable(keys[0], err)
	}
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, one := range list {
		out = append(out, fmt.Sprint(one))
	}
	return out, nil
}

// is runs a script that answers 1 or 0.
func (a *auditor) is(ctx context.Context, script script, keys []string, args ...any) (bool, error) {
	v, err := a.run(ctx, script, keys, args...)
	return v == int64(1), err
}

// mend is a repair that needs no script: a command of which it does no harm that others write.
func (a *auditor) mend(ctx context.Context, command string, key string, args ...any) error {
	return a.put(ctx, "redis/mend", key, func(pipe redis.Pipeliner) redis.Cmder {
		return pipe.Do(ctx, append([]any{command, key}, args...)...)
	})
}
