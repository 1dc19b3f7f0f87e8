// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/instancetype"
)

// Config is what a Cloud is made of. Zero values mean the defaults.
type Config struct {
	Cluster string // of EKS; "muster"
	// Endpoint and CertificateAuthority, base64 of PEM, are the cluster's; https://cluster.example and none that is real.
	Endpoint             string
	CertificateAuthority string
	Zones                []string // each with a subnet of its own, subnet-<zone>; us-east-1a, b and c
	Types                []instancetype.Type
	// PageSize is the most that a page has, whatever is asked for; no limit if zero.
	PageSize int
	// Seed is what chances follow from.
	Seed uint64
	// Queue is the name of the queue of SQS that tells what becomes of instances; none if empty.
	Queue string
	// Notice is how long before it takes a Spot instance back the cloud says so; two minutes.
	Notice time.Duration
	// Clock times notices and the queue; the real one.
	Clock clock.WithDelayedExecution
	// Launched and Ended are called for each instance, so that a test can make its node come and go. They may be nil.
	Launched func(Instance)
	Ended    func(Instance)
}

// Pool is where instances come from. A pool without a type is of all types, one without a zone over all zones, one without a
// capacity type over both.
type Pool struct {
	Type, Zone, Capacity string // Capacity is on-demand or spot
}

// Instance is a machine.
type Instance struct {
	ID       string
	Type     string
	Zone     string
	Subnet   string
	Capacity string
	Image    string
	UserData string // decoded
	State    string // pending, running, stopped, shutting-down or terminated
	MaxPrice string
	Tags     map[string]string
	hidden   int // how many more lists lack it
	serial   int

	announced announced
}

// Template is a launch template.
type Template struct {
	ID, Name string
	Tags     map[string]string
	versions []*node
}

// Cloud is the fake.
type Cloud struct {
	cfg   Config
	queue *queue

	mu        sync.Mutex // guards all below
	instances map[string]*Instance
	templates map[string]*Template // by name
	published int                  // how often newer images were
	stock     map[Pool]int
	quota     int // vCPUs; negative for none
	lacking   map[string]bool
	fleets    map[string]fleetReply
	outages   []Outage
	struck    map[Pool]bool // by an outage, in the call of CreateFleet that is being answered
	random    *rand.Rand
	faults    []*Fault
	calls     map[string]int
	hideNew   int
	prices    map[Pool]float64
	asked     func(asked, short []Pool)
	serial    int
	// fleetCalls is how many calls of CreateFleet were decided: repeated ones are not.
	fleetCalls int
}

// New makes a cloud with unlimited stock and nothing in it.
func New(cfg Config) *Cloud {
	cfg.Cluster, cfg.Endpoint = cmp.Or(cfg.Cluster, "muster"), cmp.Or(cfg.Endpoint, "https://cluster.example")
	cfg.CertificateAuthority = cmp.Or(cfg.CertificateAuthority, base64.StdEncoding.EncodeToString([]byte("certificate")))
	if len(cfg.Zones) == 0 {
		cfg.Zones = []string{"us-east-1a", "us-east-1b", "us-east-1c"}
	}
	if len(cfg.Types) == 0 {
		cfg.Types = CommonTypes()
	}
	cfg.Notice = cmp.Or(cfg.Notice, warning)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	return &Cloud{
		cfg: cfg, queue: newQueue(cfg.Queue, cfg.Clock), instances: map[string]*Instance{}, templates: map[string]*Template{},
		stock: map[Pool]int{}, prices: map[Pool]float64{}, quota: -1, lacking: map[string]bool{},
		fleets: map[string]fleetReply{}, calls: map[string]int{}, random: rand.New(rand.NewPCG(cfg.Seed, 0)),
	}
}

// CommonTypes are the types of a cloud that is not told otherwise: of several families and architectures, one with GPUs.
func CommonTypes() []instancetype.Type {
	types, err := instancetype.Builtin().Resolve([]string{"c5", "m5", "r5", "c6g", "m6i", "c6i", "r6i", "c7i", "g5"})
	if err != nil {
		panic(fmt.Sprintf("the built-in table lacks a family: %v", err))
	}
	return types
}

// Subnets are the ids of all subnets.
func (c *Cloud) Subnets() []string {
	out := make([]string, len(c.cfg.Zones))
	for i, zone := range c.cfg.Zones {
		out[i] = subnetOf(zone)
	}
	return out
}

func subnetOf(zone string) string { return "subnet-" + zone }

// SetStock lets n more instances of a pool be launched.
func (c *Cloud) SetStock(p Pool, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stock[p] = n
}

// SetQuota lets vcpus be in use at once.
func (c *Cloud) SetQuota(vcpus int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quota = vcpus
}

// HideNew lets the next lists, n of them, lack each instance that is launched from now on.
func (c *Cloud) HideNew(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hideNew = n
}

// OnAsked lets f be called after each launch with the pools that it named and those that were found short.
func (c *Cloud) OnAsked(f func(asked, short []Pool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = f
}

// Reclaim ends an instance as EC2 does with a Spot instance after its notice; see Interrupt.
func (c *Cloud) Reclaim(id string) {
	c.mu.Lock()
	i := c.end(id)
	c.mu.Unlock()
	c.told(i)
}

// Stop stops an instance as its owner may, who still pays for its disks, and tells of it. It can be ended only.
func (c *Cloud) Stop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.instances[id]; i != nil && !i.IsGone() {
		i.State = stopped
		c.changed(i)
	}
}

// Instances are those that are not on their way out, oldest first.
func (c *Cloud) Instances() []Instance {
	return slices.DeleteFunc(c.History(), func(i Instance) bool { return i.IsGone() })
}

// History are all instances that there ever were, oldest first.
func (c *Cloud) History() []Instance {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Instance
	for _, i := range c.sorted() {
		out = append(out, *i)
	}
	return out
}

// Templates are all launch templates, by name.
func (c *Cloud) Templates() []Template {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Template
	for _, t := range c.templates {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b Template) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// DeleteTemplate deletes a launch template behind everybody's back.
func (c *Cloud) DeleteTemplate(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.templates, name)
}

// Calls is how often an action was called.
func (c *Cloud) Calls(action string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[action]
}

func (c *Cloud) sorted() []*Instance {
	out := make([]*Instance, 0, len(c.instances))
	for _, i := range c.instances {
		out = append(out, i)
	}
	slices.SortFunc(out, func(a, b *Instance) int { return cmp.Compare(a.serial, b.serial) })
	return out
}

func (c *Cloud) typeOf(name string) (instancetype.Type, bool) {
	i := slices.IndexFunc(c.cfg.Types, func(t instancetype.Type) bool { return t.Name == name })
	if i < 0 {
		return instancetype.Type{}, false
	}
	return c.cfg.Types[i], true
}

func (c *Cloud) nextID(kind string) string {
	c.serial++
	return kind + "-" + fmt.Sprintf("%017x", c.serial)
}

// end ends an instance and gives back its place in the stock. It returns nil if there is none. It is called with mu held.
func (c *Cloud) end(id string) *Instance {
	i := c.instances[id]
	if i == nil || i.IsGone() {
		return nil
	}
	i.State = shuttingDown
	c.changed(i)
	for _, p := range poolsOf(i.Type, i.Zone, i.Capacity) {
		if _, limited := c.stock[p]; limited {
			c.stock[p]++
		}
	}
	return i
}

// told tells the test of instances that ended.
func (c *Cloud) told(ended ...*Instance) {
	for _, i := range ended {
		if i != nil && c.cfg.Ended != nil {
			c.cfg.Ended(*i)
		}
	}
}

// poolsOf are the pools that an instance is taken from.
func poolsOf(instanceType, zone, capacity string) []Pool {
	var out []Pool
	for _, t := range [...]string{instanceType, ""} {
		for _, z := range [...]string{zone, ""} {
			out = append(out, Pool{t, z, capacity}, Pool{t, z, ""})
		}
	}
	return out
}

// The states at the end. What an instance costs, and the stock that it takes, ends with the first.
const (
	stopped      = "stopped"
	shuttingDown = "shutting-down"
	terminated   = "terminated"
)

// IsGone reports whether the instance is on its way out: it costs nothing any more.
func (i *Instance) IsGone() bool { return i.State == shuttingDown || i.State == terminated }

func atoi(s string) int {
	n, _ := strconv.Atoi(s) // what is no number was not sent
	return n
}
