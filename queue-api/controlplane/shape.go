// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"slices"

	"k8s.io/utils/lru"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/podspec"
)

// A shape is what a job's definition, overrides and parameters say of it as a whole. Those of many jobs are the same, and
// to find it out takes longer than anything else that a submission asks of this process.
type shape struct {
	requests    batch.Requests
	isMultiNode bool
	numNodes    int
	mainNode    int
}

// shapes remembers the latest shapes that were found. Only what was found valid is remembered.
type shapes struct{ recent *lru.Cache }

// rememberedShapes bounds the memory of shapes: each takes some hundred bytes.
const rememberedShapes = 4096

func newShapes() shapes { return shapes{recent: lru.New(rememberedShapes)} }

// of merges the job with its definition, unless the same was merged lately.
func (s shapes) of(def *batch.JobDefinition, job *batch.Job) (shape, error) {
	key := shapeKey(def, job)
	if v, ok := s.recent.Get(key); ok {
		if known, ok := v.(shape); ok {
			return known, nil
		}
	}
	spec, err := podspec.Merge(*def, *job)
	if err != nil {
		return shape{}, err
	}
	found := shape{isMultiNode: spec.Nodes != nil}
	if found.isMultiNode {
		found.numNodes, found.mainNode = spec.NumNodes(), value(spec.Nodes.MainNode)
	}
	if found.requests, err = spec.Requests(); err != nil {
		return shape{}, err
	}
	s.recent.Add(key, found)
	return found, nil
}

// shapeKey is a digest of all that podspec.Merge looks at.
func shapeKey(def *batch.JobDefinition, job *batch.Job) [sha256.Size]byte {
	h := sha256.New()
	add(h, []byte(def.Type), def.ContainerProperties, def.EKSProperties, def.ECSProperties, def.NodeProperties)
	add(h, job.ContainerOverrides, job.EKSOverrides, job.ECSOverrides, job.NodeOverrides)
	addCount(h, len(def.PlatformCapabilities))
	for _, c := range def.PlatformCapabilities {
		add(h, []byte(c))
	}
	for _, name := range slices.Sorted(maps.Keys(job.Parameters)) {
		add(h, []byte(name), []byte(job.Parameters[name]))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// add writes parts so that no others give the same bytes.
func add(h hash.Hash, parts ...[]byte) {
	for _, part := range parts {
		addCount(h, len(part))
		_, _ = h.Write(part) // never fails
	}
}

func addCount(h hash.Hash, n int) {
	var count [8]byte
	binary.LittleEndian.PutUint64(count[:], uint64(n)) //nolint:gosec // a length is not negative
	_, _ = h.Write(count[:])
}
