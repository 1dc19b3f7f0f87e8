// SPDX-License-Identifier: Apache-2.0

package instancetype

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestClasses(t *testing.T) {
	t.Parallel()
	types, err := Builtin().Resolve([]string{"r6i.xlarge", "c6i.xlarge", "m6i.xlarge", "c6i.large", "c6g.xlarge"})
	if err != nil {
		t.Fatal(err)
	}
	types = append(types, Type{Name: "rack", VCPUs: 4, MemoryMiB: 7680}, Type{Name: "t.a", VCPUs: 8, MemoryMiB: 512, GPUs: 2, GPUModel: "A 10"},
		Type{Name: "t.b", VCPUs: 8, MemoryMiB: 512, GPUs: 2, GPUModel: "A 10"}, Type{Name: "t.c", VCPUs: 8, MemoryMiB: 512, GPUs: 2, GPUModel: "B"})
	got := map[string][]string{}
	var order []string
	for _, c := range Classes(types) {
		order = append(order, c.Name)
		for _, ty := range c.Types {
			got[c.Name] = append(got[c.Name], ty.Name)
		}
	}
	want := map[string][]string{
		"c6i.large":            {"c6i.large"},
		"4vcpu-7680mib":        {"r6i.xlarge", "c6i.xlarge", "m6i.xlarge", "rack"},
		"4vcpu-8gib":           {"r6i.xlarge", "c6i.xlarge", "m6i.xlarge"},
		"4vcpu-16gib":          {"r6i.xlarge", "m6i.xlarge"},
		"r6i.xlarge":           {"r6i.xlarge"},
		"c6g.xlarge":           {"c6g.xlarge"},
		"8vcpu-512mib-2gpua10": {"t.a", "t.b"},
		"t.c":                  {"t.c"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("classes mismatch (-want +got):\n%s", diff)
	}
	wantOrder := []string{"c6i.large", "4vcpu-7680mib", "4vcpu-8gib", "c6g.xlarge", "4vcpu-16gib", "r6i.xlarge", "8vcpu-512mib-2gpua10", "t.c"}
	if diff := cmp.Diff(wantOrder, order); diff != "" {
		t.Errorf("order mismatch (-want +got):\n%s", diff)
	}
}

func TestAClassHoldsNoTypeWithLess(t *testing.T) {
	t.Parallel()
	all := Builtin().All()
	rapid.Check(t, func(rt *rapid.T) {
		types := rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, 40, func(ty Type) string { return ty.Name }).Draw(rt, "types")
		alone := map[string]bool{}
		names := map[string]bool{}
		for _, c := range Classes(types) {
			if names[c.Name] {
				rt.Fatalf("two classes are called %s", c.Name)
			}
			names[c.Name] = true
			if IsClassName(c.Name) == (len(c.Types) == 1) {
				rt.Fatalf("class %s has %d types", c.Name, len(c.Types))
			}
			least := c.leastMemory()
			for _, ty := range c.Types {
				if ty.VCPUs != c.Types[0].VCPUs || ty.Architecture != c.Types[0].Architecture || ty.GPUs != c.Types[0].GPUs || ty.GPUModel != c.Types[0].GPUModel {
					rt.Fatalf("class %s has %+v and %+v", c.Name, ty, c.Types[0])
				}
				alone[ty.Name] = alone[ty.Name] || ty.MemoryMiB == least
			}
		}
		for _, ty := range types {
			if !alone[ty.Name] {
				rt.Fatalf("no class lets pods have all the memory of %s", ty.Name)
			}
		}
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	types := Builtin().All()
	if got := Names(types[:2]); got != types[0].Name+", "+types[1].Name {
		t.Errorf("Names of two = %s", got)
	}
	if got := Names(types[:12]); got != Names(types[:10])+" and 2 more" {
		t.Errorf("Names of twelve = %s", got)
	}
}
