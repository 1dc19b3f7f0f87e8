// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"k8s.io/utils/lru"

	"github.com/muster-batch/muster/queue-api/batch"
)

// codecVersion is in every spec; a reader refuses what it does not know.
const codecVersion = 2

// spec is what jobs that were submitted alike have in common. A queue keeps each spec once, under a digest of it, for as
// long as a job refers to it.
type spec struct {
	Codec       int                           `json:"c"`
	Queue       string                        `json:"q"`
	Definition  string                        `json:"d"`
	Revision    int                           `json:"r"`
	Parameters  map[string]string             `json:"p,omitempty"`
	Tags        map[string]string             `json:"g,omitempty"`
	Container   json.RawMessage               `json:"oc,omitempty"`
	EKS         json.RawMessage               `json:"oe,omitempty"`
	ECS         json.RawMessage               `json:"os,omitempty"`
	Node        json.RawMessage               `json:"on,omitempty"`
	Retry       *batch.RetryStrategy          `json:"rs,omitempty"`
	TimeoutMs   int64                         `json:"to,omitempty"`
	Propagate   *bool                         `json:"pt,omitempty"`
	MilliVCPU   int64                         `json:"vc"`
	MemoryMiB   int64                         `json:"me"`
	GPU         int64                         `json:"gp,omitempty"`
	Share       string                        `json:"sh,omitempty"`
	Priority    int                           `json:"pr,omitempty"`
	Consumables []batch.ConsumableRequirement `json:"cr,omitempty"`
	ArraySize   int                           `json:"as,omitempty"`
	NumNodes    int                           `json:"nn,omitempty"`
	MainNode    int                           `json:"mn,omitempty"`
}

func specOf(j *batch.Job) *spec {
	return &spec{
		Codec: codecVersion, Queue: j.Queue, Definition: j.Definition.Name, Revision: j.Definition.Revision,
		Parameters: j.Parameters, Tags: j.Tags, Container: j.ContainerOverrides, EKS: j.EKSOverrides, ECS: j.ECSOverrides,
		Node: j.NodeOverrides, Retry: j.RetryStrategy, TimeoutMs: j.Timeout.Milliseconds(), Propagate: j.PropagateTags,
		MilliVCPU: j.Requests.MilliVCPU, MemoryMiB: j.Requests.MemoryMiB, GPU: j.Requests.GPU,
		Share: j.ShareIdentifier, Priority: j.SchedulingPriority, Consumables: j.Consumables,
		ArraySize: j.ArraySize, NumNodes: j.NumNodes, MainNode: j.MainNode,
	}
}

// job is a job of this spec. Jobs share what its members point to; nobody changes it in place.
func (s *spec) job() batch.Job {
	return batch.Job{
		Queue: s.Queue, Definition: batch.DefinitionRef{Name: s.Definition, Revision: s.Revision},
		Parameters: s.Parameters, Tags: s.Tags, ContainerOverrides: s.Container, EKSOverrides: s.EKS, ECSOverrides: s.ECS,
		NodeOverrides: s.Node, RetryStrategy: s.Retry, Timeout: time.Duration(s.TimeoutMs) * time.Millisecond,
		PropagateTags: s.Propagate, Requests: batch.Requests{MilliVCPU: s.MilliVCPU, MemoryMiB: s.MemoryMiB, GPU: s.GPU},
		ShareIdentifier: s.Share, SchedulingPriority: s.Priority, Consumables: s.Consumables,
		ArraySize: s.ArraySize, NumNodes: s.NumNodes, MainNode: s.MainNode,
	}
}

// digestLength is enough: the odds that two of a billion specs share a digest are one in 10 to the 11th.
const digestLength = 12

// encodeSpec gives the spec of a job as it is stored, and its digest.
func encodeSpec(j *batch.Job) (digest string, encoded []byte, err error) {
	if encoded, err = json.Marshal(specOf(j)); err != nil {
		return "", nil, fmt.Errorf("encode job %s: %w", j.ID, err)
	}
	sum := sha256.Sum256(encoded)
	return string(sum[:digestLength]), encoded, nil
}

var (
	errUnknownCodec = errors.New("record of an unknown version")
	errNoSpec       = errors.New("its spec is missing")
)

func decodeSpec(encoded string) (*spec, error) {
	var s spec
	if err := json.Unmarshal([]byte(encoded), &s); err != nil {
		return nil, err
	}
	if s.Codec != codecVersion {
		return nil, fmt.Errorf("version %d: %w", s.Codec, errUnknownCodec)
	}
	return &s, nil
}

// specCache keeps decoded specs. A digest means the same for ever, in every queue.
type specCache struct{ recent *lru.Cache }

// cachedSpecs bounds the memory of a specCache: a spec is a few hundred bytes, seldom a few thousand.
const cachedSpecs = 8192

func newSpecCache() specCache { return specCache{recent: lru.New(cachedSpecs)} }

func (c specCache) get(digest string) (*spec, bool) {
	v, ok := c.recent.Get(digest)
	if !ok {
		return nil, false
	}
	s, ok := v.(*spec)
	return s, ok
}

func (c specCache) add(digest string, s *spec) { c.recent.Add(digest, s) }

// loadSpecs gives the specs of records, those that are not cached from their queues. One that nobody refers to any more is
// missing.
func (s *Store) loadSpecs(ctx context.Context, wanted map[slot][]string) (map[string]*spec, error) {
	out := map[string]*spec{}
	for q, digests := range wanted {
		var missing []string
		for _, digest := range digests {
			if _, ok := out[digest]; ok {
				continue
			}
			if known, ok := s.specs.get(digest); ok {
				out[digest] = known
			} else {
				missing = append(missing, digest)
			}
		}
		if len(missing) == 0 {
			continue
		}
		fields, err := s.client.HMGet(ctx, q.specs(), missing...).Result()
		if err != nil {
			return nil, wrap(err)
		}
		for i, field := range fields {
			encoded, ok := field.(string)
			if !ok {
				continue
			}
			decoded, err := decodeSpec(encoded)
			if err != nil {
				return nil, fmt.Errorf("decode spec: %w", err)
			}
			out[missing[i]] = decoded
			s.specs.add(missing[i], decoded)
		}
	}
	return out, nil
}
