// SPDX-License-Identifier: Apache-2.0

package instancetype

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// table is the built-in types, a line each. It says itself of when its contents are.
//
//go:embed types.tsv
var table string

// builtin reads the table once.
var builtin = sync.OnceValue(func() *Catalogue {
	types, err := Parse(table)
	if err != nil {
		panic(fmt.Sprintf("read the built-in instance types: %v", err))
	}
	return New(types)
})

// Format writes the table of the types, by family and size, with what its first lines say of their origin. What has no price
// and what is bare metal is left out: AWS Batch leaves the latter out of families.
func Format(types []Type, region string, at time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Instance types of Amazon EC2 that stand in until EC2 and Pricing are asked, or where they may not be.
# Shapes: DescribeInstanceTypes. Prices: On-Demand, Linux, %s, US dollars an hour, AWS's list. Both as of %s.
# Pods: what the addresses of the VPC CNI allow. Metal sizes are left out, as AWS Batch leaves them out of families.
# name\tvCPUs\tMiB\tarchitecture\tGPUs\tGPU\tpods\tprice
`, region, at.UTC().Format(time.DateOnly))
	for _, t := range slices.SortedFunc(slices.Values(types), compareTypes) {
		if t.PricePerHour <= 0 || t.MaxPods <= 0 || strings.Contains(t.Name, "metal") {
			continue
		}
		fmt.Fprintf(&b, "%s\t%d\t%d\t%s\t%d\t%s\t%d\t%s\n", t.Name, t.VCPUs, t.MemoryMiB, t.Architecture, t.GPUs, t.GPUModel,
			t.MaxPods, strconv.FormatFloat(t.PricePerHour, 'f', -1, 64))
	}
	return b.String()
}

// compareTypes is by family, then size, then name.
func compareTypes(a, b Type) int {
	family := func(t Type) string { before, _, _ := strings.Cut(t.Name, "."); return before }
	return cmp.Or(strings.Compare(family(a), family(b)), cmp.Compare(a.VCPUs, b.VCPUs), strings.Compare(a.Name, b.Name))
}

// Parse reads types from lines of fields parted by tabs: name, vCPUs, MiB, architecture, GPUs, GPU, pods, price.
func Parse(table string) ([]Type, error) {
	var out []Type
	for line := range strings.Lines(table) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		t, err := parseLine(strings.Split(line, "\t"))
		if err != nil {
			return nil, fmt.Errorf("line %q: %w", line, err)
		}
		out = append(out, t)
	}
	return out, nil
}

func parseLine(fields []string) (Type, error) {
	const columns = 8
	if len(fields) != columns {
		return Type{}, fmt.Errorf("%d fields, want %d", len(fields), columns)
	}
	numbers := map[int]int{} // by column
	for _, column := range []int{1, 2, 4, 6} {
		n, err := strconv.Atoi(fields[column])
		if err != nil {
			return Type{}, err
		}
		numbers[column] = n
	}
	price, err := strconv.ParseFloat(fields[7], 64)
	if err != nil {
		return Type{}, err
	}
	return Type{
		Name: fields[0], VCPUs: numbers[1], MemoryMiB: int64(numbers[2]), Architecture: fields[3],
		GPUs: numbers[4], GPUModel: fields[5], MaxPods: numbers[6], PricePerHour: price,
	}, nil
}
