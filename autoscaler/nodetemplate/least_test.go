// SPDX-License-Identifier: Apache-2.0

package nodetemplate

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/autoscaler/instancetype"
)

func TestLeastPromisesWhatEachTypeHas(t *testing.T) {
	t.Parallel()
	all := instancetype.Builtin().All()
	all = append(all,
		instancetype.Type{Name: "rack-a", VCPUs: 4, MemoryMiB: 8192, Allocatable: &instancetype.Allocatable{CPUMillis: 3000, MemoryMiB: 8000}},
		instancetype.Type{Name: "rack-b", VCPUs: 4, MemoryMiB: 8192, MaxPods: 500, PricePerHour: 0.01})
	rapid.Check(t, func(rt *rapid.T) {
		types := rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, 40, func(ty instancetype.Type) string { return ty.Name }).Draw(rt, "types")
		for _, c := range instancetype.Classes(types) {
			least := Least(&c)
			promised := Node("n", &Spec{Type: least}).Status
			for _, ty := range c.Types {
				has := Node("n", &Spec{Type: ty}).Status
				checkHolds(rt, &ty, has.Allocatable, promised.Allocatable)
				checkHolds(rt, &ty, has.Capacity, promised.Capacity)
				if least.Cost() > ty.Cost() || least.SpotCost() > ty.SpotCost() {
					rt.Fatalf("class %s costs %v, and %s %v", c.Name, least.Cost(), ty.Name, ty.Cost())
				}
			}
		}
	})
}

func checkHolds(rt *rapid.T, ty *instancetype.Type, has, promised corev1.ResourceList) {
	if len(has) != len(promised) {
		rt.Fatalf("%s has %v, promised are %v", ty.Name, has, promised)
	}
	for name, want := range promised {
		if got := has[name]; got.Cmp(want) < 0 {
			rt.Fatalf("%s has %s of %s, promised are %s", ty.Name, got.String(), name, want.String())
		}
	}
}

func TestTheClassOfOneTypeIsTheType(t *testing.T) {
	t.Parallel()
	ty := instancetype.Type{Name: "c5.large", VCPUs: 2, MemoryMiB: 4096, PricePerHour: 0.085}
	if got := Least(&instancetype.Class{Name: ty.Name, Types: []instancetype.Type{ty}}); got != ty {
		t.Errorf("Least = %+v", got)
	}
}

func TestMixedNodesAreNotPromisedToBeOfAType(t *testing.T) {
	t.Parallel()
	s := Spec{Type: instancetype.Type{Name: "4vcpu-8gib", VCPUs: 4}, Mixed: true}
	if got, ok := s.Labels()[corev1.LabelInstanceTypeStable]; ok {
		t.Errorf("instance type %s is promised", got)
	}
}
