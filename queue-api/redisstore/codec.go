// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// codecVersion is in every job record; a reader refuses what it does not know.
const codecVersion = 1

// submitted is the part of a job's record that never changes. Names are short: there may be a million of them.
type submitted struct {
	Codec      int                  `json:"c"`
	Name       string               `json:"n"`
	Queue      string               `json:"q"`
	Definition string               `json:"d"`
	Revision   int                  `json:"r"`
	CreatedAt  int64                `json:"t"`
	Parameters map[string]string    `json:"p,omitempty"`
	Tags       map[string]string    `json:"g,omitempty"`
	Container  json.RawMessage      `json:"oc,omitempty"`
	EKS        json.RawMessage      `json:"oe,omitempty"`
	Retry      *batch.RetryStrategy `json:"rs,omitempty"`
	TimeoutMs  int64                `json:"to,omitempty"`
	Propagate  *bool                `json:"pt,omitempty"`
	MilliVCPU  int64                `json:"vc"`
	MemoryMiB  int64                `json:"me"`
	GPU        int64                `json:"gp,omitempty"`
}

// mutable is the part that transitions write.
type mutable struct {
	Status    batch.JobStatus `json:"s"`
	Reason    string          `json:"r,omitempty"`
	StartedAt int64           `json:"b,omitempty"`
	StoppedAt int64           `json:"e,omitempty"`
	Current   *batch.Attempt  `json:"c,omitempty"`
	Attempts  []batch.Attempt `json:"a,omitempty"`
	Stop      *batch.Stop     `json:"x,omitempty"`
}

func encodeSubmitted(j batch.Job) ([]byte, error) {
	return json.Marshal(submitted{
		Codec: codecVersion, Name: j.Name, Queue: j.Queue, Definition: j.Definition.Name, Revision: j.Definition.Revision,
		CreatedAt: toMillis(j.CreatedAt), Parameters: j.Parameters, Tags: j.Tags, Container: j.ContainerOverrides, EKS: j.EKSOverrides,
		Retry: j.RetryStrategy, TimeoutMs: j.Timeout.Milliseconds(), Propagate: j.PropagateTags,
		MilliVCPU: j.Requests.MilliVCPU, MemoryMiB: j.Requests.MemoryMiB, GPU: j.Requests.GPU,
	})
}

func encodeMutable(j batch.Job) ([]byte, error) {
	return json.Marshal(mutable{
		Status: j.Status, Reason: j.StatusReason, StartedAt: toMillis(j.StartedAt), StoppedAt: toMillis(j.StoppedAt),
		Current: j.Current, Attempts: j.Attempts, Stop: j.Stop,
	})
}

var errUnknownCodec = errors.New("record of an unknown version")

// decodeJob joins the fields s, m and v of a job's hash.
func decodeJob(id string, fields []any) (batch.Job, error) {
	s, ok1 := fields[0].(string)
	m, ok2 := fields[1].(string)
	v, ok3 := fields[2].(string)
	if !ok1 || !ok2 || !ok3 {
		return batch.Job{}, batch.ErrNotFound
	}
	var sub submitted
	var mut mutable
	if err := errors.Join(json.Unmarshal([]byte(s), &sub), json.Unmarshal([]byte(m), &mut)); err != nil {
		return batch.Job{}, fmt.Errorf("decode job %s: %w", id, err)
	}
	if sub.Codec != codecVersion {
		return batch.Job{}, fmt.Errorf("decode job %s: version %d: %w", id, sub.Codec, errUnknownCodec)
	}
	version, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return batch.Job{}, fmt.Errorf("decode job %s: %w", id, err)
	}
	return join(id, sub, mut, version), nil
}

func join(id string, s submitted, m mutable, version int64) batch.Job {
	return batch.Job{
		ID: id, Name: s.Name, Queue: s.Queue, Definition: batch.DefinitionRef{Name: s.Definition, Revision: s.Revision},
		CreatedAt: fromMillis(s.CreatedAt), Parameters: s.Parameters, Tags: s.Tags,
		ContainerOverrides: s.Container, EKSOverrides: s.EKS, RetryStrategy: s.Retry,
		Timeout: time.Duration(s.TimeoutMs) * time.Millisecond, PropagateTags: s.Propagate,
		Requests: batch.Requests{MilliVCPU: s.MilliVCPU, MemoryMiB: s.MemoryMiB, GPU: s.GPU},
		Status:   m.Status, StatusReason: m.Reason, StartedAt: fromMillis(m.StartedAt), StoppedAt: fromMillis(m.StoppedAt),
		Current: m.Current, Attempts: m.Attempts, Stop: m.Stop, Version: version,
	}
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
