// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2"
	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
)

// trace is what a simulation plays: jobs that come, and pools of EC2 that run out.
type trace struct {
	Seed        uint64
	Lasts       time.Duration // of the arrivals
	Gangs       int
	Singles     int
	LargestGang int
	Outage      float64       // the chance of each type to be nearly out of stock, drawn anew each minute
	MaxvCPUs    int32         // of each environment
	Work        time.Duration // of a job, at least; at most three times as long
}

// simulation is a cluster in virtual time: the fake EC2 behind the real SDK client, machines that boot, a scheduler that
// starts gangs whole, and an autoscaler, ours or the stock one. It runs in a synctest bubble; but for what EC2 calls, all of
// it is one goroutine's.
type simulation struct {
	testing.TB
	*engine
	trace  trace
	random *rand.Rand
	cloud  *ec2fake.Cloud
	client *fake.Clientset

	pending []*simJob // in the order of their coming
	running map[string]*simJob

	mu     sync.Mutex // guards all below
	events []event
	nodes  map[string]*simNode // by instance
	result result
	kicked chan struct{}
}

// event is something that happens at a time.
type event struct {
	at time.Time
	do func()
}

const (
	bootTime  = 40 * time.Second // of every machine
	netTime   = 5 * time.Second  // of that it is a node which is not ready yet
	poolTurn  = time.Minute      // between two draws of what is out of stock
	plenty    = 100_000
	nearlyOut = 4
)

// wire hands requests to a handler without a network, which virtual time cannot wait for.
type wire struct{ http.Handler }

// RoundTrip implements http.RoundTripper.
func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(time.Second) // as EC2 takes for a call
	answer := httptest.NewRecorder()
	w.ServeHTTP(answer, r)
	return answer.Result(), nil
}

// simulate plays a trace from an empty cluster until all is done that can be, and then until no node is left. build makes
// cluster-autoscaler anew if it is not nil.
func simulate(t *testing.T, tr trace, build func(*engine, *options) (*stock, error)) (out result) {
	t.Helper()
	defer outlive(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, tr)
		finish := s.start(build)
		s.plan()
		s.run(tr.Lasts, func() bool { return false })
		s.run(4*time.Hour, func() bool { return len(s.pending) == 0 && len(s.running) == 0 })
		s.run(15*time.Minute, func() bool { return len(s.cloud.Instances()) == 0 })
		finish()
		out = s.sum()
	})
	return out
}

// outlive lets a bubble end though a goroutine of the scheduler's framework never does, which has no end: it records metrics.
func outlive(t *testing.T) {
	t.Helper()
	if left := recover(); left != nil && !strings.Contains(fmt.Sprint(left), "main bubble goroutine has exited") {
		panic(left)
	}
}

func newSimulation(t *testing.T, tr trace) *simulation {
	t.Helper()
	s := &simulation{
		TB: t, trace: tr, random: rand.New(rand.NewPCG(tr.Seed, 1)), //nolint:gosec // the same for the same seed
		client: fake.NewClientset(), running: map[string]*simJob{}, nodes: map[string]*simNode{}, kicked: make(chan struct{}, 1),
	}
	s.cloud = ec2fake.New(ec2fake.Config{Types: simTypes(t), Launched: s.launched, Ended: s.ended})
	return s
}

// start starts an autoscaler as a leader does. The function that it returns ends it.
func (s *simulation) start(build func(*engine, *options) (*stock, error)) (finish func()) {
	ctx, cancel := context.WithCancel(klog.NewContext(s.Context(), klog.Logger{}))
	o := newOptions()
	client, err := ec2.NewClient(ec2.ClientConfig{
		Region: "us-east-1", Endpoint: "http://ec2.test", Credentials: aws.CredentialsProviderFunc(anyone),
		Retryer: aws.NopRetryer{}, HTTP: &http.Client{Transport: wire{s.cloud}},
	})
	s.must(err)
	machines, err := ec2.New(client, client, ec2.Config{Cluster: "muster"})
	s.must(err)
	p := parts{
		client: s.client, api: &batchAPI{environments: s.environments()}, fleet: machines, recorder: &record.FakeRecorder{},
		metrics: newMetricSet(), clock: clock.RealClock{},
		resync: 24 * time.Hour, // informers that never resync wait for what is outside of the bubble
	}
	l := newLoop(p.clock, func(time.Duration, error) {})
	s.engine, err = newEngine(ctx, p, o, l.Wake)
	s.must(err)
	look, stop := s.runOnce, s.orchestrator.Stop
	var stockCore *stock
	if build != nil {
		stockCore, err = build(s.engine, o)
		s.must(err)
		s.core = stockCore.core
		stop = func() { s.orchestrator.Stop(); stockCore.registry.Stop() }
	}
	var work sync.WaitGroup
	work.Go(func() { s.must(s.reader.Run(ctx)) })
	s.must(s.engine.start(ctx))
	work.Go(func() { s.must(s.provider.Run(ctx)) })
	work.Go(func() {
		if build != nil {
			stockCore.run(ctx, look)
			return
		}
		s.must(l.Run(ctx, look))
	})
	return func() {
		cancel()
		work.Wait()
		s.provider.Wait()
		stop()
		s.informers.Shutdown()
	}
}

func (s *simulation) must(err error) {
	if err != nil {
		s.Error(err)
	}
}

// environments are two, whose types overlap in nothing.
func (s *simulation) environments() []types.ComputeEnvironmentDetail {
	var out []types.ComputeEnvironmentDetail
	for _, e := range simEnvironments {
		env := environment(0, s.trace.MaxvCPUs)
		env.ComputeEnvironmentName, env.Uuid = aws.String(e.name), aws.String(e.uuid)
		env.ComputeResources.InstanceTypes = e.types
		env.ComputeResources.Subnets, env.ComputeResources.InstanceRole = s.cloud.Subnets(), aws.String("node")
		out = append(out, env)
	}
	return out
}

// at lets something happen later.
func (s *simulation) at(when time.Time, do func()) {
	s.mu.Lock()
	i, _ := slices.BinarySearchFunc(s.events, when, func(e event, at time.Time) int {
		if e.at.After(at) {
			return 1
		}
		return -1
	})
	s.events = slices.Insert(s.events, i, event{when, do})
	s.mu.Unlock()
	select {
	case s.kicked <- struct{}{}:
	default:
	}
}

// run lets time pass until done, or for as long as d.
func (s *simulation) run(d time.Duration, done func() bool) {
	for end := time.Now().Add(d); time.Now().Before(end) && !done(); {
		select {
		case <-s.kicked:
		case <-time.After(min(s.idle(), time.Until(end))):
		}
		for do := s.due(); do != nil; do = s.due() {
			do()
		}
		synctest.Wait() // what changed has reached the informers
		s.schedule()
	}
}

// idle is how long nothing happens of itself: a second at most, as nodes are tainted by others.
func (s *simulation) idle() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.events) == 0 {
		return time.Second
	}
	return max(min(time.Until(s.events[0].at), time.Second), 0)
}

func (s *simulation) due() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.events) == 0 || s.events[0].at.After(time.Now()) {
		return nil
	}
	do := s.events[0].do
	s.events = s.events[1:]
	return do
}
