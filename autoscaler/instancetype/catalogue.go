// SPDX-License-Identifier: Apache-2.0

package instancetype

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Catalogue resolves the names that compute environments use. It is immutable and safe for concurrent use.
type Catalogue struct {
	types    map[string]Type
	families map[string][]string // smallest first; without metal sizes, as in AWS Batch
}

// aliases stand for several families. AWS Batch: optimal is default_x86_64.
var aliases = map[string][]string{
	"optimal":        {"m6i", "c6i", "r6i", "c7i"},
	"default_x86_64": {"m6i", "c6i", "r6i", "c7i"},
	"default_arm64":  {"m6g", "c6g", "r6g", "c7g"},
}

// fargateFamilies stand for the name "fargate": what compute environments of AWS Fargate's types run on, as far as a size is
// not larger than fargateVCPUs. That is what the largest task needs beside what a node keeps for itself.
var fargateFamilies = []string{"t3", "t4g", "m6i", "c6i", "r6i", "m6g", "c6g", "r6g"}

const (
	fargate      = "fargate"
	fargateVCPUs = 32
)

// IsAlias reports whether a name stands for several families.
func IsAlias(name string) bool { return name == fargate || len(aliases[name]) > 0 }

// Builtin is the catalogue of common types, by types.tsv. Its prices are list prices of one region on one day: good for
// comparing types, not for bills.
func Builtin() *Catalogue { return builtin() }

// New is the catalogue of given types.
func New(all []Type) *Catalogue {
	c := &Catalogue{types: make(map[string]Type, len(all)), families: map[string][]string{}}
	for _, t := range all {
		c.types[t.Name] = t
		if family := t.Family(); !strings.HasPrefix(t.Name, family+".metal") {
			c.families[family] = append(c.families[family], t.Name)
		}
	}
	for name := range c.families {
		slices.SortStableFunc(c.families[name], func(a, b string) int {
			return compareSize(c.types[a], c.types[b])
		})
	}
	return c
}

// Lookup finds a type by its exact name.
func (c *Catalogue) Lookup(name string) (Type, bool) {
	t, ok := c.types[name]
	return t, ok
}

// All are the types, smallest first.
func (c *Catalogue) All() []Type {
	return slices.SortedFunc(maps.Values(c.types), func(a, b Type) int { return cmp.Or(compareSize(a, b), cmp.Compare(a.Name, b.Name)) })
}

// Resolve gives the types that names stand for, each once, in the order of names and with each family's smallest first.
// Names that nobody knows are an *UnknownError; the types of the other names are returned beside it.
func (c *Catalogue) Resolve(names []string) ([]Type, error) {
	var out []Type
	var unknown []string
	seen := map[string]bool{}
	for _, name := range names {
		members := c.expand(name)
		if len(members) == 0 {
			unknown = append(unknown, name)
		}
		for _, member := range members {
			if !seen[member] {
				seen[member] = true
				out = append(out, c.types[member])
			}
		}
	}
	if len(unknown) > 0 {
		return out, &UnknownError{Names: unknown}
	}
	return out, nil
}

func (c *Catalogue) expand(name string) []string {
	if _, ok := c.types[name]; ok {
		return []string{name}
	}
	if name == fargate {
		return c.expandFargate()
	}
	if families, ok := aliases[name]; ok {
		var out []string
		for _, f := range families {
			out = append(out, c.families[f]...)
		}
		return out
	}
	return c.families[name]
}

func (c *Catalogue) expandFargate() []string {
	var out []string
	for _, f := range fargateFamilies {
		for _, name := range c.families[f] {
			if c.types[name].VCPUs <= fargateVCPUs {
				out = append(out, name)
			}
		}
	}
	return out
}

func compareSize(a, b Type) int {
	if a.VCPUs != b.VCPUs {
		return a.VCPUs - b.VCPUs
	}
	return int(a.MemoryMiB - b.MemoryMiB)
}
