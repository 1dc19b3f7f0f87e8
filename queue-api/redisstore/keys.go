// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"fmt"

	"github.com/muster-batch/muster/queue-api/batch"
)

const (
	global       = "muster:{global}:"
	environments = global + "environments"
	queues       = global + "queues"
	queueNumber  = global + "queue-number"
	lastEpoch    = global + "epoch"
	revisions    = global + "revisions"
	changes      = "muster:changes"
)

func definitionKey(name string) string { return global + "definition:" + name }
func activeKey(name string) string     { return global + "active:" + name }

// slot makes the keys of one queue.
type slot string

func slotOf(number int) slot { return slot(fmt.Sprintf("muster:{%05x}:", number)) }

// slotOfJob finds the queue's keys by a job's id.
func slotOfJob(id string) (slot, error) {
	n, err := batch.QueueNumber(id)
	if err != nil {
		return "", batch.ErrNotFound // no such id was ever given out
	}
	return slotOf(n), nil
}

func (s slot) job(id string) string                 { return string(s) + "job:" + id }
func (s slot) status(status batch.JobStatus) string { return string(s) + "status:" + string(status) }
func (s slot) waiting() string                      { return string(s) + "waiting" }
func (s slot) live() string                         { return string(s) + "live" }
func (s slot) usage() string                        { return string(s) + "usage" }
func (s slot) order() string                        { return string(s) + "order" }
func (s slot) events() string                       { return string(s) + "events" }
func (s slot) epoch() string                        { return string(s) + "epoch" }
func (s slot) closed() string                       { return string(s) + "closed" }
