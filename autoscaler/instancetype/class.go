// SPDX-License-Identifier: Apache-2.0

package instancetype

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Class is instance types that may be bought as one: pods that a node of each of them holds run on whichever comes.
type Class struct {
	// Name is that of the only type, or such as 4vcpu-8gib: the size, and the least memory.
	Name  string
	Types []Type // in the order of preference
}

// size is what the types of a class have in common.
type size struct {
	vcpus, gpus            int
	gpuModel, architecture string
}

// Classes makes classes of types, smallest first: for each size, and each amount of memory that there is in it, the types that
// have as much or more. A type is in several: of 4 vCPUs, one with 32 GiB serves pods that want 6 GiB of memory as well as
// those that want 30.
func Classes(types []Type) []Class {
	bySize := map[size][]Type{}
	for _, t := range types {
		s := size{t.VCPUs, t.GPUs, t.GPUModel, cmp.Or(t.Architecture, AMD64)}
		bySize[s] = append(bySize[s], t)
	}
	var out []Class
	for s, alike := range bySize {
		for _, least := range memories(alike) {
			enough := slices.DeleteFunc(slices.Clone(alike), func(t Type) bool { return t.MemoryMiB < least })
			out = append(out, Class{Name: className(s, least, enough), Types: enough})
		}
	}
	slices.SortFunc(out, func(a, b Class) int {
		return cmp.Or(cmp.Compare(a.Types[0].VCPUs, b.Types[0].VCPUs), cmp.Compare(a.leastMemory(), b.leastMemory()), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func (c *Class) leastMemory() int64 {
	least := c.Types[0].MemoryMiB
	for i := range c.Types {
		least = min(least, c.Types[i].MemoryMiB)
	}
	return least
}

// memories are the amounts of memory of the types, each once.
func memories(types []Type) []int64 {
	var out []int64
	for i := range types {
		out = append(out, types[i].MemoryMiB)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

const classMark = "vcpu-"

// className is a part of a label's value.
func className(s size, memoryMiB int64, types []Type) string {
	if len(types) == 1 {
		return types[0].Name
	}
	memory := strconv.FormatInt(memoryMiB, 10) + "mib"
	if memoryMiB%1024 == 0 {
		memory = strconv.FormatInt(memoryMiB/1024, 10) + "gib"
	}
	name := strconv.Itoa(s.vcpus) + classMark + memory
	if s.gpus > 0 {
		name += fmt.Sprintf("-%dgpu%s", s.gpus, plain(s.gpuModel))
	}
	if s.architecture != AMD64 {
		name += "-" + plain(s.architecture)
	}
	return name
}

// plain keeps the letters and digits of a name.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(name))
}

// IsClassName reports whether a name is that of a class of several types, and of no type.
func IsClassName(name string) bool {
	vcpus, _, ok := strings.Cut(name, classMark)
	_, err := strconv.Atoi(vcpus)
	return ok && err == nil
}

// Names lists the names of types, but of many only the first.
func Names(types []Type) string {
	const most = 10
	var names []string
	for i := range types[:min(len(types), most)] {
		names = append(names, types[i].Name)
	}
	out := strings.Join(names, ", ")
	if more := len(types) - most; more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out
}
