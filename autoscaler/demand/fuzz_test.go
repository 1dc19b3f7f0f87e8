// SPDX-License-Identifier: Apache-2.0

package demand

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// FuzzIndex lets a pending pod say anything of itself, beside one that is well: nothing panics, the other one counts, and
// nothing is left when both are gone.
func FuzzIndex(f *testing.F) {
	f.Add("g", "2", "1", "zone", "17", "shape", "1", "100Mi", "uuid")
	f.Add("", "-1", "99999999999", "", "x", "", "-5", "1e40", "")
	f.Fuzz(func(t *testing.T, gang, size, least, topology, rank, shape, cpus, memory, uuid string) {
		index := NewIndex(func() {})
		odd, well := makePod("odd"), makePod("well")
		odd.Labels[batchmeta.Gang], odd.Labels[batchmeta.Shape] = gang, shape
		odd.Annotations = map[string]string{
			batchmeta.GangSize: size, batchmeta.GangMin: least, batchmeta.GangTopologyRequired: topology, batchmeta.Rank: rank,
		}
		odd.Spec.NodeSelector = map[string]string{batchmeta.ComputeEnvironmentUUID: uuid}
		for name, text := range map[corev1.ResourceName]string{corev1.ResourceCPU: cpus, corev1.ResourceMemory: memory} {
			if quantity, err := resource.ParseQuantity(text); err == nil {
				odd.Spec.Containers[0].Resources.Requests[name] = quantity
			}
		}
		index.OnAdd(odd, false)
		index.OnAdd(well, false)
		counted := 0
		for _, d := range index.Demands() {
			for _, part := range d.Parts {
				counted += part.Count
				if part.Exemplar == nil || part.Count < 1 {
					t.Errorf("a part of %d pods, such as %v", part.Count, part.Exemplar)
				}
			}
		}
		if counted < 1 || counted > 2 {
			t.Errorf("%d pods count", counted)
		}
		index.OnDelete(odd)
		index.OnDelete(well)
		if left := index.Demands(); len(left) > 0 {
			t.Errorf("%v is left", left)
		}
	})
}
