// SPDX-License-Identifier: Apache-2.0

package instancetype

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	t.Parallel()
	types, err := Parse(table)
	if err != nil {
		t.Fatal(err)
	}
	if len(types) < 600 || len(types) != len(Builtin().All()) {
		t.Errorf("%d lines, %d types", len(types), len(Builtin().All()))
	}
	for _, ty := range types {
		sound := ty.VCPUs > 0 && ty.MemoryMiB > 0 && ty.MaxPods > 0 && ty.PricePerHour > 0 && (ty.GPUs > 0) == (ty.GPUModel != "")
		if !sound || !slices.Contains([]string{AMD64, ARM64}, ty.Architecture) || strings.Contains(ty.Name, "metal") {
			t.Errorf("type %+v", ty)
		}
	}
	for _, families := range aliases {
		for _, family := range families {
			if got, err := Builtin().Resolve([]string{family}); err != nil || len(got) < 8 {
				t.Errorf("family %s has %d types, %v", family, len(got), err)
			}
		}
	}
	for _, words := range []string{"as of ", "us-east-1", "US dollars"} {
		if !strings.Contains(table, words) {
			t.Errorf("the table does not say %q", words)
		}
	}
}

func TestLinesThatAreNoTypes(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"", "c5.large", "c5.large\tx\t4096\tamd64\t0\t\t29\t0.085", "c5.large\t2\t4096\tamd64\t0\t\t29\tcheap"} {
		if got, err := Parse("# a table\n" + line + "\n"); err == nil {
			t.Errorf("Parse(%q) = %+v", line, got)
		}
	}
}

func TestWhatIsFormattedIsParsed(t *testing.T) {
	t.Parallel()
	all := Builtin().All()
	text := Format(append([]Type{{Name: "c5.metal", VCPUs: 96, MaxPods: 1, PricePerHour: 4}, {Name: "c9.large", VCPUs: 2, MaxPods: 29}}, all...),
		"us-east-1", time.Unix(0, 0))
	if !strings.Contains(text, "us-east-1") || !strings.Contains(text, "as of 1970-01-01") {
		t.Errorf("the table does not say of where and when it is:\n%.400s", text)
	}
	got, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	byName := func(a, b Type) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(got, byName)
	if want := slices.SortedFunc(slices.Values(all), byName); !slices.Equal(got, want) {
		t.Errorf("%d types were formatted, %d are read, or they differ", len(want), len(got))
	}
}
