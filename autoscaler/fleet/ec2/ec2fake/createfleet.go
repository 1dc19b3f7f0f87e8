// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// fleetReply is what a client token was answered with.
type fleetReply struct {
	request string
	reply   *createFleetReply
}

type createFleetReply struct {
	FleetID   string          `xml:"fleetId"`
	Errors    []fleetError    `xml:"errorSet>item"`
	Instances []fleetInstance `xml:"fleetInstanceSet>item"`
}

type fleetError struct {
	Code      string   `xml:"errorCode"`
	Message   string   `xml:"errorMessage"`
	Lifecycle string   `xml:"lifecycle"`
	Override  override `xml:"launchTemplateAndOverrides>overrides"`
}

type fleetInstance struct {
	IDs       []string `xml:"instanceIds>item"`
	Type      string   `xml:"instanceType"`
	Lifecycle string   `xml:"lifecycle"`
	Override  override `xml:"launchTemplateAndOverrides>overrides"`
}

type override struct {
	Type     string `xml:"instanceType"`
	Zone     string `xml:"availabilityZone"`
	Subnet   string `xml:"subnetId"`
	MaxPrice string `xml:"maxPrice,omitempty"`
	Priority string `xml:"priority,omitempty"`
	machine  machine
}

// machine is what a launch template says.
type machine struct {
	image, userData string
}

// order is a CreateFleet call, understood.
type order struct {
	count, least     int
	oneZone, oneType bool
	strategy         string
	capacity         string
	overrides        []override
	tags             map[string]string
}

func (c *Cloud) createFleet(p *node) (any, error) {
	c.mu.Lock()
	token, request := p.text("ClientToken"), p.String()
	if before, ok := c.fleets[token]; ok {
		c.mu.Unlock()
		if before.request != request {
			return nil, refuse("IdempotentParameterMismatch", "The client token was used with other parameters.")
		}
		return before.reply, nil
	}
	o, err := c.understand(p)
	if err != nil {
		c.mu.Unlock()
		return nil, err
	}
	c.strike(o)
	pools, told := poolsNamed(o), c.asked
	reply, launched := c.fulfil(o)
	c.fleets[token] = fleetReply{request, reply}
	c.mu.Unlock()
	if told != nil {
		told(pools, reply.short())
	}
	if c.cfg.Launched != nil {
		for _, i := range launched {
			c.cfg.Launched(i)
		}
	}
	return reply, nil
}

func poolsNamed(o *order) []Pool {
	var out []Pool
	for _, v := range o.overrides {
		out = append(out, Pool{v.Type, v.Zone, o.capacity})
	}
	return out
}

func (r *createFleetReply) short() []Pool {
	var out []Pool
	for _, e := range r.Errors {
		out = append(out, Pool{e.Override.Type, e.Override.Zone, e.Lifecycle})
	}
	return out
}

// String tells requests apart.
func (n *node) String() string {
	doc, err := json.Marshal(n.plain())
	if err != nil {
		panic("encode request: " + err.Error())
	}
	return string(doc)
}

func (n *node) plain() any {
	if len(n.children) == 0 {
		return n.value
	}
	out := map[string]any{}
	for name, c := range n.children {
		out[name] = c.plain()
	}
	return out
}

func (c *Cloud) understand(p *node) (*order, error) {
	if kind := p.text("Type"); kind != "instant" {
		return nil, refuse("InvalidParameterValue", "fleets of type "+kind+" are not faked")
	}
	o := &order{
		count: atoi(p.text("TargetCapacitySpecification", "TotalTargetCapacity")), capacity: "on-demand", tags: p.tags("instance"),
	}
	options := p.at("OnDemandOptions")
	if p.text("TargetCapacitySpecification", "DefaultTargetCapacityType") == "spot" {
		o.capacity, options = "spot", p.at("SpotOptions")
	}
	o.least, o.strategy = atoi(options.text("MinTargetCapacity")), options.text("AllocationStrategy")
	o.oneZone, o.oneType = options.text("SingleAvailabilityZone") == "true", options.text("SingleInstanceType") == "true"
	if o.least > 0 && !o.oneZone && !o.oneType {
		return nil, refuse("InvalidParameterCombination", "MinTargetCapacity needs SingleInstanceType or SingleAvailabilityZone")
	}
	configs := p.list("LaunchTemplateConfigs")
	if len(configs) == 0 || o.count < 1 {
		return nil, refuse("MissingParameter", "a fleet needs a launch template and a capacity")
	}
	for _, config := range configs {
		m, err := c.machineOf(config.at("LaunchTemplateSpecification"))
		if err != nil {
			return nil, err
		}
		if err := c.takeOverrides(o, m, config.list("Overrides")); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (c *Cloud) machineOf(template *node) (machine, error) {
	data, err := c.templateData(template)
	if err != nil {
		return machine{}, err
	}
	user, err := base64.StdEncoding.DecodeString(data.text("UserData"))
	if err != nil {
		return machine{}, refuse("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.")
	}
	return machine{data.text("ImageId"), string(user)}, nil
}

func (c *Cloud) takeOverrides(o *order, m machine, list []*node) error {
	seen := map[Pool]bool{}
	for _, v := range o.overrides {
		seen[Pool{v.Type, v.Zone, ""}] = true
	}
	for _, n := range list {
		v := override{
			Type: n.text("InstanceType"), Zone: n.text("AvailabilityZone"), Subnet: n.text("SubnetId"),
			MaxPrice: n.text("MaxPrice"), Priority: n.text("Priority"), machine: m,
		}
		if _, ok := c.typeOf(v.Type); !ok {
			return refuse("InvalidParameterValue", "The instance type "+v.Type+" does not exist.")
		}
		if !slices.Contains(c.cfg.Zones, v.Zone) || v.Subnet != subnetOf(v.Zone) {
			return refuse("InvalidSubnetID.NotFound", "The subnet ID '"+v.Subnet+"' does not exist")
		}
		pool := Pool{v.Type, v.Zone, ""}
		if seen[pool] {
			return refuse("InvalidFleetConfig", "The fleet configuration contains duplicate instance pools")
		}
		seen[pool] = true
		o.overrides = append(o.overrides, v)
	}
	switch {
	case len(list) == 0:
		return refuse("MissingParameter", "a fleet needs overrides")
	case len(o.overrides) > 300:
		return refuse("InvalidFleetConfig", "a fleet has at most 300 overrides")
	}
	return nil
}

// fulfil launches what there is, pool by pool in the order of the strategy. It is called with mu held.
func (c *Cloud) fulfil(o *order) (*createFleetReply, []Instance) {
	reply := &createFleetReply{FleetID: c.nextID("fleet")}
	c.rank(o)
	if o.least > 0 {
		c.narrow(o)
	}
	var launched []Instance
	for _, v := range o.overrides {
		set := fleetInstance{Type: v.Type, Lifecycle: o.capacity, Override: v}
		var failed *fleetError
		for len(launched) < o.count && failed == nil {
			if failed = c.short(&v, o.capacity); failed == nil {
				i := c.launch(&v, o)
				set.IDs = append(set.IDs, i.ID)
				launched = append(launched, *i)
			}
		}
		if failed != nil {
			reply.Errors = append(reply.Errors, *failed)
		}
		if len(set.IDs) > 0 {
			reply.Instances = append(reply.Instances, set)
		}
	}
	if len(launched) >= o.least {
		return reply, launched
	}
	for _, i := range launched { // as if they had never been
		c.end(i.ID)
		delete(c.instances, i.ID)
	}
	reply.Instances = nil
	return reply, nil
}

const unlimited = 1 << 30

// room is how many instances the pools of an override have left.
func (c *Cloud) room(v *override, capacity string) int {
	if c.struck[Pool{v.Type, v.Zone, capacity}] {
		return 0
	}
	left := unlimited
	for _, p := range poolsOf(v.Type, v.Zone, capacity) {
		if n, limited := c.stock[p]; limited {
			left = min(left, n)
		}
	}
	return left
}

// short says why no instance of the override can be launched; nil if one can.
func (c *Cloud) short(v *override, capacity string) *fleetError {
	e := &fleetError{Lifecycle: capacity, Override: *v}
	t, _ := c.typeOf(v.Type)
	used := 0
	for _, i := range c.instances {
		if !i.IsGone() {
			other, _ := c.typeOf(i.Type)
			used += other.VCPUs
		}
	}
	lowest := c.price(v.Type, v.Zone, capacity)
	offered, err := strconv.ParseFloat(v.MaxPrice, 64)
	switch {
	case err == nil && capacity == "spot" && offered < lowest:
		e.Code = "SpotMaxPriceTooLow"
		e.Message = fmt.Sprintf("Your Spot request price of %g is lower than the minimum required Spot request fulfillment price of %g.", offered, lowest)
	case c.room(v, capacity) <= 0:
		e.Code = "InsufficientInstanceCapacity"
		e.Message = fmt.Sprintf("We currently do not have sufficient %s capacity in the Availability Zone you requested (%s).", v.Type, v.Zone)
	case c.quota >= 0 && used+t.VCPUs > c.quota:
		e.Code = "VcpuLimitExceeded"
		e.Message = fmt.Sprintf("You have requested more vCPU capacity than your current vCPU limit of %d allows.", c.quota)
	default:
		return nil
	}
	return e
}

// take takes an instance out of its pools.
func (c *Cloud) take(v *override, capacity string) {
	for _, p := range poolsOf(v.Type, v.Zone, capacity) {
		if _, limited := c.stock[p]; limited {
			c.stock[p]--
		}
	}
}

func (c *Cloud) launch(v *override, o *order) *Instance {
	c.take(v, o.capacity)
	i := &Instance{
		ID: c.nextID("i"), Type: v.Type, Zone: v.Zone, Subnet: v.Subnet, Capacity: o.capacity, Image: v.machine.image, UserData: v.machine.userData,
		State: "pending", MaxPrice: v.MaxPrice, Tags: o.tags, hidden: c.hideNew, serial: c.serial,
	}
	c.instances[i.ID] = i
	return i
}
