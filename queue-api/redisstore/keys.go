// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/muster-batch/muster/queue-api/batch"
)

const (
	global       = "muster:{global}:"
	environments = global + "environments"
	queues       = global + "queues"
	deleted      = global + "deleted-queues"
	policies     = global + "policies"
	consumables  = global + "consumables"
	holders      = global + "consumable-holders"
	queueNumber  = global + "queue-number"
	lastEpoch    = global + "epoch"
	pulse        = global + "pulse"
	revisions    = global + "revisions"
	seal         = global + "seal"
	changes      = "muster:changes"
)

// pulseKey is one of the pulses on masters of a Redis Cluster that {global} is not on: which they are the masters of the day tell.
func pulseKey(i int) string { return "muster:pulse:{" + strconv.Itoa(i) + "}" }

func definitionKey(name string) string { return global + "definition:" + name }
func activeKey(name string) string     { return global + "active:" + name }
func consumableKey(name string) string { return global + "consumable:" + name }

// slot makes the keys of one queue.
type slot string

func slotOf(number int) slot { return slot(fmt.Sprintf("muster:{%05x}:", number)) }

func (s slot) job(id shortID) string                { return string(s) + "j:" + string(id) }
func (s slot) children(array shortID) string        { return string(s) + "k:" + string(array) }
func (s slot) dependents(id shortID) string         { return string(s) + "d:" + string(id) }
func (s slot) consumers(resource string) string     { return string(s) + "consumers:" + resource }
func (s slot) waiting(share string) string          { return string(s) + "waiting:" + share }
func (s slot) status(status batch.JobStatus) string { return string(s) + "status:" + string(status) }
func (s slot) specs() string                        { return string(s) + "specs" }
func (s slot) specReferences() string               { return string(s) + "spec-references" }
func (s slot) waitingShares() string                { return string(s) + "waiting-shares" }
func (s slot) activeShares() string                 { return string(s) + "active-shares" }
func (s slot) ledger() string                       { return string(s) + "share-ledger" }
func (s slot) pace() string                         { return string(s) + "pace" }
func (s slot) live() string                         { return string(s) + "live" }
func (s slot) usage() string                        { return string(s) + "usage" }
func (s slot) shareLive() string                    { return string(s) + "share-live" }
func (s slot) shareUsage() string                   { return string(s) + "share-usage" }
func (s slot) order() string                        { return string(s) + "order" }
func (s slot) ended() string                        { return string(s) + "ended" }
func (s slot) settled() string                      { return string(s) + "settled" }
func (s slot) marks() string                        { return string(s) + "marks" }
func (s slot) events() string                       { return string(s) + "events" }
func (s slot) cursors() string                      { return string(s) + "cursors" }
func (s slot) epoch() string                        { return string(s) + "epoch" }
func (s slot) view() string                         { return string(s) + "view" }
func (s slot) closed() string                       { return string(s) + "closed" }
func (s slot) confirmed() string                    { return string(s) + "confirmed" }
func (s slot) history() string                      { return string(s) + "history" }

// spending are the keys of an hour: what attempts cost by share, by tag, and the jobs that cost most. A day has as many.
func (s slot) spending(hour int64) []string {
	place := strconv.FormatInt(hour%batch.SpendingHours, 10)
	return []string{string(s) + "costs:" + place, string(s) + "cost-tags:" + place, string(s) + "cost-jobs:" + place}
}

// withoutJobs are the keys that a queue may have when it has no jobs, but for closed.
func (s slot) withoutJobs() []string {
	keys := []string{
		s.specs(), s.specReferences(), s.waitingShares(), s.activeShares(), s.ledger(), s.pace(), s.live(), s.usage(), s.shareLive(),
		s.shareUsage(), s.order(), s.settled(), s.marks(), s.events(), s.cursors(), s.epoch(), s.view(),
		s.confirmed(), s.history(),
	}
	for hour := range int64(batch.SpendingHours) {
		keys = append(keys, s.spending(hour)...)
	}
	return keys
}

// shortID is a job's id in keys and indexes: the 13 bytes of its UUID that are not the same for all jobs of the queue; of
// an array's child, four more for its index, so that children sort by it; of an array as an entry of what waits, an 'a' more.
// A few bytes less are a whole size class of Redis's allocator less, three times for each job.
type shortID string

// Lengths of a shortID, which tell what it means.
const (
	jobLength   = 13
	arrayLength = jobLength + 1
	childLength = jobLength + 4
)

func (id shortID) job() shortID        { return id[:jobLength] }
func (id shortID) arrayEntry() shortID { return id[:jobLength] + "a" }
func (id shortID) isChild() bool       { return len(id) == childLength }
func (id shortID) isArrayEntry() bool  { return len(id) == arrayLength }

func (id shortID) child(index int) shortID {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(index)) //nolint:gosec // an index is checked against the array's size
	return id.job() + shortID(b[:])
}

// index is a child's.
func (id shortID) index() int { return int(binary.BigEndian.Uint32([]byte(id[jobLength:]))) }

// uuidVersion is the digit of a job's id that says that its others are random.
const uuidVersion = "4"

// full is the id that a short one stands for.
func (s slot) full(id shortID) string {
	const queueAt, queueDigits = len("muster:{"), 5
	digits := hex.EncodeToString([]byte(id.job()))
	job := string(s[queueAt:queueAt+queueDigits]) + digits[:3] + "-" + digits[3:7] + "-" + uuidVersion + digits[7:10] + "-" +
		digits[10:14] + "-" + digits[14:]
	if id.isChild() {
		return batch.ChildID(job, id.index())
	}
	return job
}

// address is where a job, an array or a child is kept.
type address struct {
	slot
	id shortID
}

func (a address) record() string { return a.job(a.id) }

// String is the id in full.
func (a address) String() string { return a.full(a.id) }

// locate finds where the job of an id is kept. An id that was never given out, or is that of a node, is batch.ErrNotFound.
func locate(id string) (address, error) {
	ref, err := batch.ParseJobID(id)
	if err != nil || ref.Node >= 0 || ref.Child > maxIndex {
		return address{}, batch.ErrNotFound
	}
	number, err := batch.QueueNumber(ref.Job)
	if err != nil {
		return address{}, batch.ErrNotFound
	}
	id = ref.Job
	short, err := hex.DecodeString(id[5:8] + id[9:13] + id[15:18] + id[19:23] + id[24:])
	if err != nil || id[14:15] != uuidVersion {
		return address{}, batch.ErrNotFound
	}
	a := address{slot: slotOf(number), id: shortID(short)}
	if ref.Child >= 0 {
		a.id = a.id.child(ref.Child)
	}
	return a, nil
}

// maxIndex bounds what fits a child's shortID.
const maxIndex = 1<<31 - 1
