// SPDX-License-Identifier: Apache-2.0

package virtual

import (
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

// Config is how unwell the cluster is. The zero value is a cluster where nothing is late and nothing fails.
type Config struct {
	Seed    uint64
	Lag     time.Duration // the most by which an event comes late to a leader
	Latency time.Duration // the most that a Binding takes each way; other requests take a twentieth
	Logger  logr.Logger   // the leaders'; the zero value discards
	// BindFault says what goes wrong with a Binding, if anything does; nth counts the tries for this pod from 1.
	BindFault func(pod string, nth int) Fault
}

// Fault is what goes wrong with a request.
type Fault int

// The faults of a request.
const (
	None       Fault = iota
	Refused          // it has no effect, and an error says so
	Unanswered       // it has its effect, but the caller gets an error
)

// Cluster is an API server with kubelets, and at most one scheduler that leads.
type Cluster struct {
	testing.TB // of the test that it runs in

	config  Config
	chance  chance
	pods    *store[*corev1.Pod]
	nodes   *store[*corev1.Node]
	running sync.WaitGroup // of all leaders, dead ones too
	leader  *Leader
	began   time.Time
	led     []time.Time // when each leader started

	mu       sync.Mutex           // guards what follows
	binds    map[string]int       // tries to bind, by pod
	faults   int                  // Bindings that went wrong
	doubted  map[string]time.Time // nodes, by when a Binding was last in doubt
	overfull []string             // see Overfull
	waits    map[types.UID]time.Time
	longest  time.Duration

	configMaps map[string]bool
	created    atomic.Int64 // pods, over links
}

// Run gives f a cluster without nodes, pods or leader, in virtual time.
func Run(t *testing.T, config Config, f func(c *Cluster)) {
	t.Helper()
	prepareProcess()
	synctest.Test(t, func(t *testing.T) {
		c := &Cluster{
			began:   time.Now(),
			TB:      t,
			config:  config,
			chance:  chance(config.Seed),
			pods:    newStore[*corev1.Pod]("pods"),
			nodes:   newStore[*corev1.Node]("nodes"),
			binds:   map[string]int{},
			doubted: map[string]time.Time{},
			waits:   map[types.UID]time.Time{},

			configMaps: map[string]bool{},
		}
		t.Cleanup(c.end)
		f(c)
	})
}

// prepareProcess keeps two things of the process's own out of virtual time: the goroutine that receives signals, which the
// first to ask for one starts, and the pause after an error, which is reckoned from the latest one in any time.
var prepareProcess = sync.OnceFunc(func() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2) // as the scheduler's debugger does
	signal.Stop(signals)
	utilruntime.ErrorHandlers = utilruntime.ErrorHandlers[:0]
})

// end stops the leader and waits until every goroutine of every leader is done, those that a dead leader left waiting too.
func (c *Cluster) end() {
	c.Kill()
	c.running.Wait()
	time.Sleep(10 * time.Minute)
}

// AddNodes adds nodes.
func (c *Cluster) AddNodes(nodes ...*corev1.Node) {
	c.Helper()
	for _, node := range nodes {
		if err := c.nodes.create(node); err != nil {
			c.Fatal(err)
		}
	}
}

// AddPods adds pods.
func (c *Cluster) AddPods(pods ...*corev1.Pod) {
	c.Helper()
	for _, pod := range pods {
		if pod.CreationTimestamp.IsZero() {
			pod.CreationTimestamp = metav1.Now()
		}
		if err := c.pods.create(pod); err != nil {
			c.Fatal(err)
		}
	}
}

// Nodes returns all nodes, by name.
func (c *Cluster) Nodes() []*corev1.Node {
	nodes, _ := c.nodes.list()
	return nodes
}

// Pods returns all pods, by name.
func (c *Cluster) Pods() []*corev1.Pod {
	pods, _ := c.pods.list()
	return pods
}

// Pod returns a pod; nil when there is none.
func (c *Cluster) Pod(name string) *corev1.Pod {
	pod, _ := c.pods.get(name)
	return pod
}

// Bound returns how many of the pods have a node.
func (c *Cluster) Bound(names ...string) int {
	n := 0
	for _, name := range names {
		if pod := c.Pod(name); pod != nil && pod.Spec.NodeName != "" {
			n++
		}
	}
	return n
}

// Writes returns how many changes were made to pods and nodes.
func (c *Cluster) Writes() int { return c.pods.count() + c.nodes.count() }

// Faults returns how many Bindings went wrong.
func (c *Cluster) Faults() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.faults
}

// isQuiet reports whether for so long nothing was written, no event was under way and no leader began. Between two leaders
// all is silent, too, but not at rest.
func (c *Cluster) isQuiet(quiet time.Duration) bool {
	if len(c.led) > 0 && c.Leader() == nil {
		return false
	}
	since := append([]time.Time{c.pods.quietSince(), c.nodes.quietSince()}, c.led...)
	return time.Since(slices.MaxFunc(since, time.Time.Compare)) >= quiet
}

// Settle lets time pass until the cluster is at rest: nothing was written and no event came for so long, and nothing is
// reserved. It gives up after limit and returns false. Every second it calls tick, if there is one.
func (c *Cluster) Settle(quiet, limit time.Duration, tick func()) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		c.Step(time.Second)
		if tick != nil {
			tick()
		}
		if c.isQuiet(quiet) && len(c.Reserved()) == 0 {
			return true
		}
	}
	return false
}

// Step lets time pass, then notes what is reserved.
func (c *Cluster) Step(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
	c.sample()
}

// Reserved returns the pods that hold room in the leader's cache without being bound.
func (c *Cluster) Reserved() []*corev1.Pod {
	leader := c.Leader()
	if leader == nil {
		return nil
	}
	assumed := leader.Scheduler.Cache.Dump().AssumedPods
	var reserved []*corev1.Pod
	for _, pod := range c.Pods() {
		if pod.Spec.NodeName == "" && assumed.Has(string(pod.UID)) {
			reserved = append(reserved, pod)
		}
	}
	return reserved
}

// sample notes since when each pod has been reserved.
func (c *Cluster) sample() {
	reserved := c.Reserved()
	c.mu.Lock()
	defer c.mu.Unlock()
	waits := map[types.UID]time.Time{}
	for _, pod := range reserved {
		since, ok := c.waits[pod.UID]
		if !ok {
			since = time.Now()
		}
		waits[pod.UID] = since
		c.longest = max(c.longest, time.Since(since))
	}
	c.waits = waits
}

// LongestReserved returns for how long at most, seen at each Step, a pod held room without being bound.
func (c *Cluster) LongestReserved() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.longest
}

// Overfull returns the nodes that were given more than they have room for by a leader that could have known.
func (c *Cluster) Overfull() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.overfull
}
