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
	// Node is the index of the pod's node; nil unless the job is a multi-node one.
	Node *int
	// Partial means that parameters, tags, dependencies and overrides were too large to keep, or that the pod is of a node
	// other than the main one.
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
	Node               *int              `json:"node,omitzero"`
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
	ECSOverrides       json.RawMessage   `json:"ecsPropertiesOverride,omitempty"`
	NodeOverrides      json.RawMessage   `json:"nodeOverrides,omitempty"`
	ShareIdentifier    string            `json:"shareIdentifier,omitzero"`
	SchedulingPriority int               `json:"schedulingPriority,omitzero"`
	DependsOn          []wireDependency  `json:"dependsOn,omitzero"`
	Consumables        []wireConsumable  `json:"consumables,omitzero"`
	ArraySize          int               `json:"arraySize,omitzero"`
	ArrayIndex         *int              `json:"arrayIndex,omitzero"`
	NumNodes           int               `json:"numNodes,omitzero"`
	MainNode           int               `json:"mainNode,omitzero"`
	Partial            bool              `json:"partial,omitzero"`
}

// The parts are converted field by field by the compiler, so that a renamed field of package batch cannot change the JSON.
type (
	wireRequests struct {
		MilliVCPU int64 `json:"milliVcpu"`
		MemoryMiB int64 `json:"memoryMiB"`
		GPU       int64 `json:"gpu,omitzero"`
	}
	wireDependency struct {
		JobID string               `json:"jobId,omitzero"`
		Type  batch.DependencyType `json:"type,omitzero"`
	}
	wireConsumable struct {
		Name     string `json:"name"`
		Quantity int64  `json:"quantity"`
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

func writeRecord(in Input, m member) (string, error) {
	w := wireRecord{
		Version: recordVersion, ID: in.Job.ID, Name: in.Job.Name, Queue: in.Job.Queue,
		Definition: in.Job.Definition.String(), Attempt: in.Attempt, Environment: in.Environment.Name,
		CreatedAt: in.Job.CreatedAt.UnixMilli(), Requests: wireRequests(in.Job.Requests), RetryStrategy: toWireRetry(in.Job.RetryStrategy),
		TimeoutSeconds: int64(in.Job.Timeout / time.Second), PropagateTags: in.Job.PropagateTags,
		Parameters: in.Job.Parameters, Tags: in.Job.Tags,
		ContainerOverrides: in.Job.ContainerOverrides, EKSOverrides: in.Job.EKSOverrides,
		ECSOverrides: in.Job.ECSOverrides, NodeOverrides: in.Job.NodeOverrides,
		ShareIdentifier: in.Job.ShareIdentifier, SchedulingPriority: in.Job.SchedulingPriority,
		ArraySize: in.Job.ArraySize, ArrayIndex: in.Job.ArrayIndex, NumNodes: in.Job.NumNodes, MainNode: in.Job.MainNode,
	}
	for _, d := range in.Job.DependsOn {
		w.DependsOn = append(w.DependsOn, wireDependency(d))
	}
	for _, c := range in.Job.Consumables {
		w.Consumables = append(w.Consumables, wireConsumable(c))
	}
	if m.gang != nil {
		w.Node = &m.gang.index
		if m.gang.index != m.gang.main { // one node keeps it all; a thousand copies would be a burden
			return marshalRecord(w.partial())
		}
	}
	text, err := marshalRecord(w)
	if err != nil || len(text) <= maxRecordBytes {
		return text, err
	}
	return marshalRecord(w.partial())
}

// partial leaves out what may be large.
func (w wireRecord) partial() wireRecord {
	w.Partial = true
	w.Parameters, w.Tags, w.DependsOn = nil, nil, nil
	w.ContainerOverrides, w.EKSOverrides, w.ECSOverrides, w.NodeOverrides = nil, nil, nil, nil
	return w
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
	r := Record{
		Job: batch.Job{
			ID: w.ID, Name: w.Name, Queue: w.Queue, Definition: ref, CreatedAt: time.UnixMilli(w.CreatedAt).UTC(),
			Parameters: w.Parameters, Tags: w.Tags, ContainerOverrides: w.ContainerOverrides, EKSOverrides: w.EKSOverrides,
			RetryStrategy: w.RetryStrategy.strategy(), Timeout: time.Duration(w.TimeoutSeconds) * time.Second,
			PropagateTags: w.PropagateTags, Requests: batch.Requests(w.Requests),
			ECSOverrides: w.ECSOverrides, NodeOverrides: w.NodeOverrides,
			ShareIdentifier: w.ShareIdentifier, SchedulingPriority: w.SchedulingPriority,
			ArraySize: w.ArraySize, ArrayIndex: w.ArrayIndex, NumNodes: w.NumNodes, MainNode: w.MainNode,
		},
		Environment: w.Environment, Attempt: w.Attempt, Node: w.Node, Partial: w.Partial,
	}
	for _, d := range w.DependsOn {
		r.Job.DependsOn = append(r.Job.DependsOn, batch.Dependency(d))
	}
	for _, c := range w.Consumables {
		r.Job.Consumables = append(r.Job.Consumables, batch.ConsumableRequirement(c))
	}
	return r, nil
}
