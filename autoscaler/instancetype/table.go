// SPDX-License-Identifier: Apache-2.0

package instancetype

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// table is the built-in types, a line each. It says itself of when its contents are.
//
//go:embed types.tsv
var table string

// builtin reads the table once.
var builtin = sync.OnceValue(func() *Catalogue {
	types, err := parse(table)
	if err != nil {
		panic(fmt.Sprintf("read the built-in instance types: %v", err))
	}
	return New(types)
})

// parse reads types from lines of fields parted by tabs: name, vCPUs, MiB, architecture, GPUs, GPU, pods, price.
func parse(table string) ([]Type, error) {
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
