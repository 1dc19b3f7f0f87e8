// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Fields of a job's record. Names are short and values are too, so that Redis keeps the record of a plain waiting job in one
// piece: there may be a million of them. A child's record has a mutable part and a version only.
const (
	fieldDigest    = "d" // of the spec
	fieldName      = "a"
	fieldCreated   = "t" // ms
	fieldDependsOn = "w" // JSON, absent when there is none
	fieldMutable   = "m"
	fieldVersion   = "v"
	fieldCounts    = "c" // an array's, absent while no child has a record
	fieldSize      = "s" // an array's
	fieldOpen      = "o" // an array's: its children without a record may run
	fieldNext      = "x" // an array's: no child before that one waits without having been tried; absent means 0
	fieldOrder     = "n"

	// What attempts of an array's children cost that ended: billionths, attempts, and of how many it is not known. Absent until one did.
	fieldNano     = "p"
	fieldEnded    = "q"
	fieldUnpriced = "u"
)

// jobFields are what a record is read by.
var jobFields = []string{fieldDigest, fieldName, fieldCreated, fieldDependsOn, fieldMutable, fieldVersion, fieldCounts, fieldNano, fieldEnded, fieldUnpriced}

// record is a job's record as it is stored, without its spec.
type record struct {
	digest, name, created, dependsOn, mutable, version, counts, nano, ended, unpriced string
}

// parseRecord reads the reply to a request for jobFields, or those and more; ok is false if there is no record.
func parseRecord(fields []any) (r record, ok bool) {
	if len(fields) < len(jobFields) || fields[5] == nil {
		return r, false
	}
	for i, into := range []*string{&r.digest, &r.name, &r.created, &r.dependsOn, &r.mutable, &r.version, &r.counts, &r.nano, &r.ended, &r.unpriced} {
		*into, _ = fields[i].(string)
	}
	return r, true
}

// job joins a record and its spec.
func (r record) job(at address, s *spec) (batch.Job, error) {
	created, err := strconv.ParseInt(r.created, 10, 64)
	if err != nil {
		return batch.Job{}, fmt.Errorf("decode job %s: %w", at, err)
	}
	job := s.job()
	job.ID, job.Name, job.CreatedAt = at.String(), r.name, fromMillis(created)
	if r.dependsOn != "" {
		if err := json.Unmarshal([]byte(r.dependsOn), &job.DependsOn); err != nil {
			return batch.Job{}, fmt.Errorf("decode job %s: %w", at, err)
		}
	}
	if err := r.change(&job); err != nil {
		return batch.Job{}, err
	}
	if job.IsArray() {
		job.Children = children(&job, r.counts)
		job.Spent = batch.Cost{Nano: whole(r.nano), Attempts: whole(r.ended), Unknown: whole(r.unpriced)}
	}
	return job, nil
}

// whole reads a count; what is absent is 0.
func whole(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// change overlays what transitions write.
func (r record) change(job *batch.Job) error {
	status, m, err := decodeMutable(r.mutable)
	if err != nil {
		return fmt.Errorf("decode job %s: %w", job.ID, err)
	}
	if job.Version, err = strconv.ParseInt(r.version, 10, 64); err != nil {
		return fmt.Errorf("decode job %s: %w", job.ID, err)
	}
	job.Status, job.StatusReason = status, m.Reason
	job.StartedAt, job.StoppedAt, job.BlockedAt = fromMillis(m.StartedAt), fromMillis(m.StoppedAt), fromMillis(m.BlockedAt)
	job.Current, job.Attempts, job.Stop, job.Unmet, job.Rest = m.Current, m.Attempts, m.Stop, m.Unmet, m.Rest
	return nil
}

// mutable is the part that transitions write, after the letter of the status. A plain job has the letter only.
type mutable struct {
	Reason    string          `json:"r,omitempty"`
	StartedAt int64           `json:"b,omitempty"`
	StoppedAt int64           `json:"e,omitempty"`
	Current   *batch.Attempt  `json:"c,omitempty"`
	Attempts  []batch.Attempt `json:"a,omitempty"`
	Stop      *batch.Stop     `json:"x,omitempty"`
	Unmet     []string        `json:"u,omitempty"`
	BlockedAt int64           `json:"k,omitempty"`
	Rest      *batch.Rest     `json:"z,omitempty"`
}

func encodeMutable(j *batch.Job) (string, error) {
	encoded, err := json.Marshal(mutable{
		Reason: j.StatusReason, StartedAt: toMillis(j.StartedAt), StoppedAt: toMillis(j.StoppedAt), Current: j.Current,
		Attempts: j.Attempts, Stop: j.Stop, Unmet: j.Unmet, BlockedAt: toMillis(j.BlockedAt), Rest: j.Rest,
	})
	if err != nil {
		return "", fmt.Errorf("encode job %s: %w", j.ID, err)
	}
	letter := letterOf(j.Status)
	if len(encoded) == len("{}") {
		return letter, nil
	}
	return letter + string(encoded), nil
}

func decodeMutable(s string) (batch.JobStatus, mutable, error) {
	var m mutable
	if s == "" {
		return "", m, errUnknownLetter
	}
	status, ok := statusOf[s[0]]
	if !ok {
		return "", m, errUnknownLetter
	}
	if len(s) == 1 {
		return status, m, nil
	}
	err := json.Unmarshal([]byte(s[1:]), &m)
	return status, m, err
}

// toMillis and fromMillis keep the zero time zero.
func toMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// blockedAnew reports whether a RUNNABLE job is now blocked for another reason than before.
func blockedAnew(old, next *batch.Job) bool {
	return next.Status == batch.StatusRunnable && !next.BlockedAt.IsZero() && !next.BlockedAt.Equal(old.BlockedAt)
}

// place is where a job stands in its share, but for the order of its submission, which is added: by priority, then retried
// ones first. It is exact in a double: an order is less than 1<<38, a priority at most 9999.
func place(priority int, retried bool) string {
	first := int64(1 << 38)
	if retried {
		first = 0
	}
	return strconv.FormatInt(int64(maxPriority-min(max(priority, 0), maxPriority))<<39+first, 10)
}

// maxPriority is AWS Batch's.
const maxPriority = 9999

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
