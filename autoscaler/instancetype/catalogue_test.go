// SPDX-License-Identifier: Apache-2.0

package instancetype

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		names       []string
		want        []string
		wantUnknown []string
	}{
		"an exact name is itself":                  {names: []string{"c5.large"}, want: []string{"c5.large"}},
		"a family is its sizes, smallest first":    {names: []string{"t3"}, want: []string{"t3.nano", "t3.micro", "t3.small", "t3.medium", "t3.large", "t3.xlarge", "t3.2xlarge"}},
		"a name given twice counts once":           {names: []string{"p3.8xlarge", "p3"}, want: []string{"p3.8xlarge", "p3.2xlarge", "p3.16xlarge"}},
		"an unknown name is named":                 {names: []string{"z9.large", "c5.large", "q1"}, want: []string{"c5.large"}, wantUnknown: []string{"z9.large", "q1"}},
		"nothing asked, nothing given":             {},
		"metal sizes are unknown to the table":     {names: []string{"m5.metal"}, wantUnknown: []string{"m5.metal"}},
		"a size with its own ratio is no multiple": {names: []string{"c5.9xlarge"}, want: []string{"c5.9xlarge"}},
	}
	c := Builtin()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			types, err := c.Resolve(tc.names)
			var got, unknown []string
			for _, ty := range types {
				got = append(got, ty.Name)
			}
			if e := (*UnknownError)(nil); errors.As(err, &e) {
				unknown = e.Names
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("types mismatch (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantUnknown, unknown); diff != "" {
				t.Errorf("unknown mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOptimalIsFourFamiliesOfOneArchitecture(t *testing.T) {
	t.Parallel()
	types, err := Builtin().Resolve([]string{"optimal"})
	if err != nil {
		t.Fatal(err)
	}
	families := map[string]int{}
	for _, ty := range types {
		families[ty.Family()]++
		if ty.Architecture != AMD64 {
			t.Errorf("%s is %s", ty.Name, ty.Architecture)
		}
	}
	if diff := cmp.Diff(map[string]int{"m6i": 9, "c6i": 9, "r6i": 9, "c7i": 9}, families); diff != "" {
		t.Errorf("families mismatch (-want +got):\n%s", diff)
	}
}

func TestTableIsWhatTheVendorSays(t *testing.T) {
	t.Parallel()
	cases := map[string]Type{
		"c5.large":      {VCPUs: 2, MemoryMiB: 4096},
		"c5.18xlarge":   {VCPUs: 72, MemoryMiB: 144 * 1024},
		"m6i.32xlarge":  {VCPUs: 128, MemoryMiB: 512 * 1024},
		"r5.4xlarge":    {VCPUs: 16, MemoryMiB: 128 * 1024},
		"t3.nano":       {VCPUs: 2, MemoryMiB: 512},
		"g4dn.12xlarge": {VCPUs: 48, MemoryMiB: 192 * 1024, GPUs: 4},
		"p3.16xlarge":   {VCPUs: 64, MemoryMiB: 488 * 1024, GPUs: 8},
		"m6g.medium":    {VCPUs: 1, MemoryMiB: 4096},
	}
	c := Builtin()
	for name, want := range cases {
		got, ok := c.Lookup(name)
		if !ok || got.VCPUs != want.VCPUs || got.MemoryMiB != want.MemoryMiB || got.GPUs != want.GPUs {
			t.Errorf("%s = %+v, want %+v", name, got, want)
		}
	}
}

func TestCostOfUnpricedTypesGrowsWithSize(t *testing.T) {
	t.Parallel()
	small, large, gpu := Type{VCPUs: 2, MemoryMiB: 4096}, Type{VCPUs: 4, MemoryMiB: 8192}, Type{VCPUs: 4, MemoryMiB: 8192, GPUs: 1}
	if !(small.Cost() < large.Cost() && large.Cost() < gpu.Cost()) {
		t.Errorf("costs %v, %v, %v do not grow", small.Cost(), large.Cost(), gpu.Cost())
	}
}

func TestFamiliesAreWithoutMetal(t *testing.T) {
	t.Parallel()
	c := New([]Type{{Name: "z9.metal-24xl", VCPUs: 96}, {Name: "z9.xlarge", VCPUs: 4}, {Name: "z9.large", VCPUs: 2}})
	family, err := c.Resolve([]string{"z9"})
	if err != nil || len(family) != 2 || family[0].Name != "z9.large" {
		t.Errorf("z9 is %+v, %v", family, err)
	}
	if metal, err := c.Resolve([]string{"z9.metal-24xl"}); err != nil || len(metal) != 1 {
		t.Errorf("a metal size asked for by name is %+v, %v", metal, err)
	}
}
