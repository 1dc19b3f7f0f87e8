// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

const (
	recordVersion = 1
	// maxRecordBytes leaves most of the 256 KiB that Kubernetes allows for all annotations of an object to the others.
	maxRecordBytes = 64 << 10
)

// Record is what the annotation batchmeta.Job tells: the job as it was submitted, enough to carry on with it if its queue's
// record was lost.
type Record struct {
	Job         batch.Job // only what never changes
	Environment string    // name of the compute environment
	Attempt     int
	// Partial means that parameters, tags and overrides were too large to keep.
	Partial bool
}

// wireRecord is Record as JSON.
type wireRecord struct {
	Version            int               `json:"version"`
	ID                 string            `json:"id"`
	Name               string            `json:"name"`
	Queue              string            `json:"queue"`
	Definition         string            `json:"definition"`
	Attempt            int               `json:"attempt"`
	Environment        string            `json:"environment"`
	CreatedAt          int64             `json:"createdAt"` // milliseconds since the epoch
	Requests           wireRequests      `json:"requests"`
	RetryStrategy      *wireRetry        `json:"retryStrategy,omitzero"`
	TimeoutSeconds     int64             `json:"timeoutSeconds,omitzero"`
	PropagateTags      *bool             `json:"propagateTags,omitzero"`
	Parameters         map[string]string `json:"parameters,omitzero"`
	Tags               map[string]string `json:"tags,omitzero"`
	ContainerOverrides json.RawMessage   `json:"containerOverrides,omitempty"`
	EKSOverrides       json.RawMessage   `json:"eksPropertiesOverride,omitempty"`
	Partial            bool              `json:"partial,omitzero"`
}

// The parts are converted field by field by the compiler, so that a renamed field of package batch cannot change the JSON.
type (
	wireRequests struct {
		MilliVCPU int64 `json:"milliVcpu"`
		MemoryMiB int64 `json:"memoryMiB"`
		GPU       int64 `json:"gpu,omitzero"`
	}
	wireRetry struct {
		Attempts       int        `json:"attempts"`
		EvaluateOnExit []wireRule `json:"evaluateOnExit,omitzero"`
	}
	wireRule struct {
		OnStatusReason string `json:"onStatusReason,omitzero"`
		OnReason       string `json:"onReason,omitzero"`
		OnExitCode     string `json:"onExitCode,omitzero"`
		Action         string `json:"action"`
	}
)

func writeRecord(in Input) (string, error) {
	w := wireRecord{
		Version: recordVersion, ID: in.Job.ID, Name: in.Job.Name, Queue: in.Job.Queue,
		Definition: in.Job.Definition.String(), Attempt: in.Attempt, Environment: in.Environment.Name,
		CreatedAt: in.Job.CreatedAt.UnixMilli(), Requests: wireRequests(in.Job.Requests), RetryStrategy: toWireRetry(in.Job.RetryStrategy),
		TimeoutSeconds: int64(in.Job.Timeout / time.Second), PropagateTags: in.Job.PropagateTags,
		Parameters: in.Job.Parameters, Tags: in.Job.Tags,
		ContainerOverrides: in.Job.ContainerOverrides, EKSOverrides: in.Job.EKSOverrides,
	}
	text, err := marshalRecord(w)
	if err != nil || len(text) <= maxRecordBytes {
		return text, err
	}
	w.Partial = true
	w.Parameters, w.Tags, w.ContainerOverrides, w.EKSOverrides = nil, nil, nil, nil
	return marshalRecord(w)
}

// marshalRecord leaves <, > and & alone: escaped they are six times as long.
func marshalRecord(w wireRecord) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(w); err != nil {
		return "", fmt.Errorf("encode job record: %w", err)
	}
	// Overrides are kept as they were sent, bad UTF-8 and all; an annotation must be text.
	return strings.ToValidUTF8(strings.TrimSuffix(b.String(), "\n"), "\uFFFD"), nil
}

func toWireRetry(s *batch.RetryStrategy) *wireRetry {
	if s == nil {
		return nil
	}
	w := &wireRetry{Attempts: s.Attempts}
	for _, rule := range s.EvaluateOnExit {
		w.EvaluateOnExit = append(w.EvaluateOnExit, wireRule(rule))
	}
	return w
}

func (w *wireRetry) strategy() *batch.RetryStrategy {
	if w == nil {
		return nil
	}
	s := &batch.RetryStrategy{Attempts: w.Attempts}
	for _, rule := range w.EvaluateOnExit {
		s.EvaluateOnExit = append(s.EvaluateOnExit, batch.EvaluateOnExit(rule))
	}
	return s
}

var errRecordVersion = errors.New("unknown version")

// ReadRecord reads the annotation batchmeta.Job of a pod. The text may be anything: whoever may change pods may change it.
func ReadRecord(annotation string) (Record, error) {
	var w wireRecord
	if err := json.Unmarshal([]byte(annotation), &w); err != nil {
		return Record{}, fmt.Errorf("read job record: %w", err)
	}
	if w.Version != recordVersion {
		return Record{}, fmt.Errorf("read job record: version %d: %w", w.Version, errRecordVersion)
	}
	ref, err := batch.ParseDefinitionRef(w.Definition)
	if err != nil {
		return Record{}, fmt.Errorf("read job record: definition %q: %w", w.Definition, err)
	}
	return Record{
		Job: batch.Job{
			ID: w.ID, Name: w.Name, Queue: w.Queue, Definition: ref, CreatedAt: time.UnixMilli(w.CreatedAt).UTC(),
			Parameters: w.Parameters, Tags: w.Tags, ContainerOverrides: w.ContainerOverrides, EKSOverrides: w.EKSOverrides,
			RetryStrategy: w.RetryStrategy.strategy(), Timeout: time.Duration(w.TimeoutSeconds) * time.Second,
			PropagateTags: w.PropagateTags, Requests: batch.Requests(w.Requests),
		},
		Environment: w.Environment, Attempt: w.Attempt, Partial: w.Partial,
	}, nil
}
