// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"context"
	"errors"
	"math"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// errUnseen says that what a cluster has is not known.
var errUnseen = errors.New("a cluster does not answer")

// NodesOf gives the nodes of a compute environment, by its UUID, in whichever cluster they are, and what pods may ask of each. It
// fails if it finds none and a cluster does not answer.
func (v *View) NodesOf(ctx context.Context, uuid string) ([]explain.Node, error) {
	states, clusters := look(ctx, v, v.state)
	var out []explain.Node
	isUnseen := false
	for i, s := range states {
		if s == nil {
			isUnseen = isUnseen || clusters[i].Error != ""
			continue
		}
		for j := range s.nodes {
			if n := &s.nodes[j]; n.uuid == uuid && len(out) < maxNodes {
				room := requestsOf(n.allocatable)
				out = append(out, explain.Node{Node: n.rules, Room: room, Free: s.free(n, room)})
			}
		}
	}
	if len(out) == 0 && isUnseen {
		return nil, errUnseen
	}
	return out, nil
}

// free is what pods have left of a node.
func (s *state) free(n *node, room batch.Requests) batch.Requests {
	on := s.on[n.name]
	if n.allocatable.Pods > 0 && int64(len(on)) >= n.allocatable.Pods {
		return batch.Requests{}
	}
	for _, p := range on {
		r := requestsOf(p.requests)
		room.MilliVCPU, room.MemoryMiB, room.GPU = max(0, room.MilliVCPU-r.MilliVCPU), max(0, room.MemoryMiB-r.MemoryMiB), max(0, room.GPU-r.GPU)
	}
	return room
}

func requestsOf(r viewapi.Resources) batch.Requests {
	return batch.Requests{MilliVCPU: int64(math.Round(r.VCPUs * 1000)), MemoryMiB: r.MemoryMiB, GPU: r.GPUs}
}
