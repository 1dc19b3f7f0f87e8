// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/autoscaler/nodetemplate"
)

// kind is what the nodes of a group are.
type kind struct {
	// typ is their instance type, or what their types have in common.
	typ instancetype.Type
	// types are all of them, if there are several.
	types []instancetype.Type
	// narrow kinds are for pods that no wider one will do for.
	narrow bool
	rank   int // place of the preferred type in the environment's list
	order  int // among the environment's kinds
}

// kindsOf are what an environment's nodes are bought as: one kind for each instance type. Where the strategy lets the cloud
// choose, it is one for each class of types, and beside them each type alone, for pods that insist on it by a node selector.
func kindsOf(e *computeenv.Environment) []kind {
	var out []kind
	add := func(c *instancetype.Class, narrow bool) {
		k := kind{typ: nodetemplate.Least(c), narrow: narrow, rank: e.Rank(&c.Types[0]), order: len(out)}
		if len(c.Types) > 1 {
			k.types = c.Types
		}
		out = append(out, k)
	}
	known := map[string]bool{}
	if e.MixesTypes() {
		classes := instancetype.Classes(e.Types)
		for i := range classes {
			known[classes[i].Name] = true
			add(&classes[i], false)
		}
	}
	for _, t := range e.Types {
		if !known[t.Name] {
			add(&instancetype.Class{Name: t.Name, Types: []instancetype.Type{t}}, e.MixesTypes())
		}
	}
	return out
}

// all are the types that nodes of the kind may be of.
func (k *kind) all() []instancetype.Type {
	if len(k.types) == 0 {
		return []instancetype.Type{k.typ}
	}
	return k.types
}

// cost compares kinds: it is the lowest price among the types. EC2 goes by more than prices under some strategies, but types
// of a class are alike, so that classes compare as their cheapest do.
func (k *kind) cost(spot bool) float64 {
	if spot {
		return k.typ.SpotCost()
	}
	return k.typ.Cost()
}

// price is what an instance of one of the types costs, as far as that is known; else 0.
func (k *kind) price(instanceType string, spot bool) float64 {
	for _, t := range k.all() {
		switch {
		case t.Name != instanceType:
		case spot && t.SpotPricePerHour > 0:
			return t.SpotPricePerHour
		default:
			return t.PricePerHour
		}
	}
	return 0
}
