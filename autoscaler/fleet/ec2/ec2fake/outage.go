// SPDX-License-Identifier: Apache-2.0

package ec2fake

// Outage is a time in which pools have nothing to give, whatever their stock. Time is counted in calls of CreateFleet.
type Outage struct {
	Pool      // one without a type is of all types
	From  int // the first call that meets it; the first of all is 0
	Until int // the first that does not any more; 0 for never
	// Chance is how likely a call finds the pool of one type, zone and capacity type empty; 0 stands for 1.
	Chance float64
}

// Plan lets an outage come. Chances follow from Config.Seed: the same calls meet the same outages.
func (c *Cloud) Plan(o Outage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.Chance == 0 {
		o.Chance = 1
	}
	c.outages = append(c.outages, o)
}

// strike decides which pools a call of CreateFleet finds empty. It is called with mu held, once a call.
func (c *Cloud) strike(o *order) {
	call := c.fleetCalls
	c.fleetCalls++
	c.struck = map[Pool]bool{}
	for _, planned := range c.outages {
		if call < planned.From || planned.Until > 0 && call >= planned.Until {
			continue
		}
		for i := range o.overrides {
			v := &o.overrides[i]
			p := Pool{v.Type, v.Zone, o.capacity}
			if planned.covers(p) && c.random.Float64() < planned.Chance {
				c.struck[p] = true
			}
		}
	}
}

// covers reports whether a pool of one type, zone and capacity type is part of p.
func (p Pool) covers(one Pool) bool {
	return (p.Type == "" || p.Type == one.Type) && (p.Zone == "" || p.Zone == one.Zone) &&
		(p.Capacity == "" || p.Capacity == one.Capacity)
}
