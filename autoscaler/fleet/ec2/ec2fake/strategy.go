// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
)

// rank orders the pools as the allocation strategy does. Those that are equal stay in the order of the request.
func (c *Cloud) rank(o *order) {
	price := func(v override) float64 { return c.price(v.Type, v.Zone, o.capacity) }
	room := func(v override) int { return c.room(&v, o.capacity) }
	full := func(v override) bool { return room(v) < o.count }
	var by func(a, b override) int
	switch o.strategy {
	case "lowest-price":
		by = func(a, b override) int { return cmp.Compare(price(a), price(b)) }
	case "prioritized":
		by = func(a, b override) int { return cmp.Compare(priority(a), priority(b)) }
	case "capacity-optimized":
		by = func(a, b override) int { return cmp.Compare(room(b), room(a)) }
	case "capacity-optimized-prioritized":
		by = func(a, b override) int {
			return cmp.Or(compareBools(full(a), full(b)), cmp.Compare(priority(a), priority(b)))
		}
	case "price-capacity-optimized":
		by = func(a, b override) int {
			return cmp.Or(compareBools(full(a), full(b)), cmp.Compare(price(a), price(b)))
		}
	default:
		return
	}
	slices.SortStableFunc(o.overrides, by)
}

func priority(v override) float64 {
	n, _ := strconv.ParseFloat(v.Priority, 64) // EC2: without one, it is the last; none is without one here
	return n
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// narrow keeps the pools of the first type, zone or both that hold the whole order, if it must be one. If none does, it runs
// dry in the first.
func (c *Cloud) narrow(o *order) {
	alike := func(a, b override) bool {
		return (!o.oneType || a.Type == b.Type) && (!o.oneZone || a.Zone == b.Zone)
	}
	kept := o.overrides[0]
	for _, v := range o.overrides {
		pools := slices.DeleteFunc(slices.Clone(o.overrides), func(other override) bool { return !alike(v, other) })
		if c.holds(pools, o) {
			kept = v
			break
		}
	}
	o.overrides = slices.DeleteFunc(o.overrides, func(v override) bool { return !alike(kept, v) })
}

// holds reports whether the pools, some of which may be parts of others, have the whole order.
func (c *Cloud) holds(pools []override, o *order) bool {
	stock := maps.Clone(c.stock)
	defer func() { c.stock = stock }()
	c.stock = maps.Clone(stock)
	n := 0
	for _, v := range pools {
		for ; n < o.least && c.room(&v, o.capacity) > 0; n++ {
			c.take(&v, o.capacity)
		}
	}
	return n >= o.least
}
