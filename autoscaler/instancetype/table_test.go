// SPDX-License-Identifier: Apache-2.0

package instancetype

import (
	"slices"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	t.Parallel()
	types, err := parse(table)
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
		if got, err := parse("# a table\n" + line + "\n"); err == nil {
			t.Errorf("parse(%q) = %+v", line, got)
		}
	}
}
