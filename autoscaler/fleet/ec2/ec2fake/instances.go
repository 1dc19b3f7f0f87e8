// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"maps"
	"slices"
	"strings"
)

type tag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

func tagSet(tags map[string]string) []tag {
	var out []tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, tag{key, tags[key]})
	}
	return out
}

type instanceElement struct {
	ID        string `xml:"instanceId"`
	Image     string `xml:"imageId"`
	Type      string `xml:"instanceType"`
	State     string `xml:"instanceState>name"`
	Zone      string `xml:"placement>availabilityZone"`
	Subnet    string `xml:"subnetId"`
	Lifecycle string `xml:"instanceLifecycle,omitempty"`
	Tags      []tag  `xml:"tagSet>item"`
}

type reservation struct {
	Instances []instanceElement `xml:"instancesSet>item"`
}

func (c *Cloud) describeInstances(p *node) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	filters := p.filters()
	var found []*Instance
	for _, i := range c.sorted() {
		if i.matches(filters) {
			found = append(found, i)
		}
	}
	from, to, next := c.page(p, len(found))
	out := struct {
		Next         string        `xml:"nextToken,omitempty"`
		Reservations []reservation `xml:"reservationSet>item"`
	}{Next: next}
	for _, i := range found[from:to] {
		if i.hidden > 0 {
			continue
		}
		out.Reservations = append(out.Reservations, reservation{[]instanceElement{i.element()}})
	}
	if next == "" {
		c.grow()
	}
	return out, nil
}

// grow lets instances get on by one list: those that are hidden show up, those that are pending run, those that shut down end.
func (c *Cloud) grow() {
	for _, i := range c.instances {
		switch {
		case i.hidden > 0:
			i.hidden--
		case i.State == "pending":
			i.State = "running"
		case i.State == shuttingDown:
			i.State = terminated
			c.changed(i)
		}
	}
}

func (i *Instance) element() instanceElement {
	e := instanceElement{ID: i.ID, Image: i.Image, Type: i.Type, State: i.State, Zone: i.Zone, Subnet: i.Subnet, Tags: tagSet(i.Tags)}
	if i.Capacity == "spot" {
		e.Lifecycle = i.Capacity
	}
	return e
}

func (i *Instance) matches(filters map[string][]string) bool {
	for name, values := range filters {
		var got string
		switch key, isTag := strings.CutPrefix(name, "tag:"); {
		case isTag:
			got = i.Tags[key]
		case name == "instance-state-name":
			got = i.State
		case name == "instance-id":
			got = i.ID
		default:
			return false
		}
		if !slices.Contains(values, got) {
			return false
		}
	}
	return true
}

type stateChange struct {
	ID      string `xml:"instanceId"`
	Current string `xml:"currentState>name"`
}

func (c *Cloud) terminateInstances(p *node) (any, error) {
	c.mu.Lock()
	ids := p.texts("InstanceId")
	var missing []string
	for _, id := range ids {
		if i := c.instances[id]; i == nil || i.hidden > 0 {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		c.mu.Unlock()
		return nil, refuse("InvalidInstanceID.NotFound", "The instance IDs '"+strings.Join(missing, ", ")+"' do not exist")
	}
	var out struct {
		Changes []stateChange `xml:"instancesSet>item"`
	}
	var ended []*Instance
	for _, id := range ids {
		ended = append(ended, c.end(id))
		out.Changes = append(out.Changes, stateChange{id, "shutting-down"})
	}
	c.mu.Unlock()
	c.told(ended...)
	return out, nil
}
