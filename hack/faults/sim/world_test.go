// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/plugins/plugintest/virtual"
	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/controlplane"
	"github.com/muster-batch/muster/queue-api/storetest"
)

const environmentUUID = "0b0c7a3e-5a58-4c0f-9d1c-c8e6a3c1f5aa"

// counts is what went on in all worlds.
type counts struct {
	worlds, jobs, arrays, gangs, stops    int
	executions, machines, reclaims        int
	stockOuts, leaders, schedulers, steps int
	faults                                int64
	partly                                time.Duration // the longest that a gang was bound in part
	virtual                               time.Duration
}

// world is a cluster and what goes wrong in it.
type world struct {
	c       *virtual.Cluster
	random  *rand.Rand
	chance  *chance
	counts  *counts
	began   time.Time
	store   *storetest.Memory
	service *controlplane.Service
	queue   int // its number
	ids     []string
	leader  *leader
	terms   int
	leadAt  time.Time // when the next leader starts
	bindAt  time.Time // when the next scheduler does
	faults  atomic.Int64
	ended   sync.WaitGroup // of dead leaders

	machines []*machine
	nodes    map[string]*corev1.Node
	looked   time.Time
	stockOut float64
	reclaim  float64 // of each machine, in each step
	deaths   float64 // of each leader, in each step
	bootTime time.Duration

	executions map[types.UID]*execution
	alive      map[string]*execution
	succeeded  map[string]bool
	partly     map[string]time.Time
	final      map[string]batch.JobStatus
	wrongs     []string
	isPlanted  bool // the store acknowledges what it does not do
}

var caller = batch.Call{Scope: batch.Scope{Region: "eu-west-1", Account: "111122223333"}}

func (w *world) must(err error) {
	if err != nil {
		w.c.Helper()
		w.c.Fatal(err)
	}
}

// quiet is a context whose logger says nothing.
func (w *world) quiet() context.Context { return klog.NewContext(context.Background(), klog.Logger{}) }

func (w *world) upTo(d time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(d) + 1))
}

// step is how often kubelets, the cloud and the checker look.
const step = 2 * time.Second

// simulate runs one world from an empty cluster through trouble until all its jobs have ended, and tells what was wrong.
func simulate(t *testing.T, seed uint64, counts *counts, isPlanted bool) (wrongs []string) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // the same for the same seed
	config := virtual.Config{
		Seed: seed, Lag: []time.Duration{0, time.Second, 5 * time.Second}[random.IntN(3)],
		Latency: []time.Duration{0, 50 * time.Millisecond, time.Second}[random.IntN(3)],
	}
	chance := newChance(seed, []float64{0, 0.01, 0.05}[random.IntN(3)])
	config.BindFault = func(pod string, nth int) virtual.Fault { return chance.of("bind", pod, nth) }
	virtual.Run(t, config, func(c *virtual.Cluster) {
		w := &world{
			c: c, random: random, chance: chance, counts: counts, began: time.Now(), store: storetest.NewMemory(),
			nodes: map[string]*corev1.Node{}, executions: map[types.UID]*execution{}, alive: map[string]*execution{},
			succeeded: map[string]bool{}, partly: map[string]time.Time{}, final: map[string]batch.JobStatus{},
			isPlanted: isPlanted, stockOut: 0.3, reclaim: 0.001, deaths: 0.008, bootTime: 2 * time.Minute,
		}
		w.prepare()
		w.lead()
		c.Lead()
		w.pass(time.Hour, func() bool { w.misfortune(); w.submitSome(); return false })
		w.heal()
		w.pass(12*time.Hour, w.isAllOver)
		w.pass(2*time.Minute, func() bool { return false })
		if len(w.wrongs) == 0 { // else it did not come to its end
			w.checkEnd()
		}
		w.kill()
		w.ended.Wait()
		counts.worlds++
		counts.faults += w.faults.Load()
		counts.virtual += time.Since(w.began)
		wrongs = w.wrongs
	})
	return wrongs
}

func (w *world) prepare() {
	service, err := controlplane.New(w.store, clock.RealClock{}, controlplane.Config{})
	w.must(err)
	w.service = service
	ctx := w.quiet()
	w.must(w.store.CreateEnvironment(ctx, batch.ComputeEnvironment{
		Name: "ce", UUID: environmentUUID, Type: batch.Managed, State: batch.Enabled, Status: batch.ResourceValid, MaxvCPUs: maxvCPUs,
		EKS: &batch.EKSConfiguration{Namespace: "jobs"},
	}))
	queue, err := w.store.CreateQueue(ctx, batch.JobQueue{
		Name: "q", State: batch.Enabled, Status: batch.ResourceValid, Environments: []batch.EnvironmentOrder{{Order: 1, Name: "ce"}},
	})
	w.must(err)
	w.queue = queue.Number
	for _, d := range definitions {
		_, err := w.store.RegisterDefinition(ctx, d)
		w.must(err)
	}
}

const nodeContainer = `{"image":"i","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}`

const attempts = 3

var definitions = []batch.JobDefinition{
	{Name: "single", Type: "container", RetryStrategy: &batch.RetryStrategy{Attempts: attempts}, ContainerProperties: []byte(nodeContainer)},
	{
		Name: "gang", Type: "multinode", RetryStrategy: &batch.RetryStrategy{Attempts: attempts},
		NodeProperties: []byte(`{"numNodes":3,"mainNode":0,"nodeRangeProperties":[{"targetNodes":"0:","container":` + nodeContainer + `}]}`),
	},
}

// submitSome submits jobs now and then, and stops some.
func (w *world) submitSome() {
	if w.random.IntN(30) > 0 {
		return
	}
	in := &awsapi.SubmitJobRequest{JobName: new("n"), JobQueue: new("q"), JobDefinition: new("single")}
	switch w.random.IntN(6) {
	case 0:
		in.ArrayProperties = &awsapi.ArrayProperties{Size: new(2 + w.random.IntN(8))}
		w.counts.arrays++
	case 1, 2:
		in.JobDefinition = new("gang")
		in.NodeOverrides = &awsapi.NodeOverrides{NumNodes: new(2 + w.random.IntN(7))}
		w.counts.gangs++
	case 3:
		if len(w.ids) > 0 {
			in.DependsOn = []awsapi.JobDependency{{JobId: &w.ids[w.random.IntN(len(w.ids))]}}
		}
	}
	call := caller
	call.Invocation = strconv.Itoa(len(w.ids))
	out, err := w.service.SubmitJob(w.quiet(), call, in)
	w.must(err)
	w.ids = append(w.ids, *out.JobId)
	w.counts.jobs++
	if w.random.IntN(8) == 0 {
		w.stop(w.ids[w.random.IntN(len(w.ids))])
	}
}

// stop cancels or terminates a job as the API does, which tells the leader.
func (w *world) stop(id string) {
	w.counts.stops++
	if w.random.IntN(2) == 0 {
		_, err := w.service.CancelJob(w.quiet(), caller, &awsapi.CancelJobRequest{JobId: &id, Reason: new("stopped")})
		w.must(err)
	} else {
		_, err := w.service.TerminateJob(w.quiet(), caller, &awsapi.TerminateJobRequest{JobId: &id, Reason: new("stopped")})
		w.must(err)
	}
	if w.leader != nil && w.random.IntN(2) == 0 { // hints get lost
		w.leader.watcher.JobChanged(id)
	}
}

// misfortune is what one step brings.
func (w *world) misfortune() {
	if w.random.Float64() < w.deaths {
		w.kill()
		w.leadAt = time.Now().Add(w.upTo(20 * time.Second))
	}
	if l := w.c.Leader(); l != nil && w.random.Float64() < w.deaths {
		points := virtual.Points()
		l.KillAt(points[w.random.IntN(len(points))], 1+w.random.IntN(6))
	}
}

// succeed has new leaders take over a while after the old ones died.
func (w *world) succeed() {
	now := time.Now()
	if w.leader == nil && now.After(w.leadAt) {
		w.lead()
		w.counts.leaders++
	}
	switch {
	case w.c.Leader() != nil:
		w.bindAt = time.Time{}
	case w.bindAt.IsZero():
		w.bindAt = now.Add(w.upTo(10 * time.Second))
	case now.After(w.bindAt):
		w.c.Lead()
		w.counts.schedulers++
	}
}

// heal ends all trouble.
func (w *world) heal() {
	w.chance.heal()
	w.stockOut, w.reclaim, w.deaths, w.bootTime = 0, 0, 0, 10*time.Second
	if l := w.c.Leader(); l != nil {
		l.KillAt("", 0)
	}
}

// pass lets time pass until done, or for as long as d.
func (w *world) pass(d time.Duration, done func() bool) {
	for end := time.Now().Add(d); time.Now().Before(end) && !done() && len(w.wrongs) == 0; {
		w.c.Step(step)
		w.succeed()
		w.kubelets()
		w.buy()
		w.runMachines()
		w.checkStep()
		w.counts.steps++
	}
}
