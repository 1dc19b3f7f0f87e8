// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsbatch "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apitypes "k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/autoscaler/fleet"
	fakefleet "github.com/muster-batch/muster/autoscaler/fleet/fake"
	"github.com/muster-batch/muster/autoscaler/interruption"
	"github.com/muster-batch/muster/autoscaler/nodetemplate"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const envUUID = "0b0c7a3e-5a58-4c0f-9d1c-c8e6a3c1f5aa"

// batchAPI answers DescribeComputeEnvironments from memory.
type batchAPI struct {
	environments []types.ComputeEnvironmentDetail
	err          error
}

func (a *batchAPI) DescribeComputeEnvironments(
	context.Context, *awsbatch.DescribeComputeEnvironmentsInput, ...func(*awsbatch.Options),
) (*awsbatch.DescribeComputeEnvironmentsOutput, error) {
	return &awsbatch.DescribeComputeEnvironmentsOutput{ComputeEnvironments: a.environments}, a.err
}

// environment is one of c5.xlarge (4 vCPUs) with the given limits.
func environment(minVCPUs, maxVCPUs int32) types.ComputeEnvironmentDetail {
	return types.ComputeEnvironmentDetail{
		ComputeEnvironmentName: aws.String("env"), Uuid: aws.String(envUUID), Type: types.CETypeManaged,
		State: types.CEStateEnabled, Status: types.CEStatusValid,
		ComputeResources: &types.ComputeResource{
			Type: types.CRTypeEc2, MinvCpus: aws.Int32(minVCPUs), MaxvCpus: aws.Int32(maxVCPUs),
			AllocationStrategy: types.CRAllocationStrategyBestFitProgressive, InstanceTypes: []string{"c5.xlarge"},
		},
	}
}

// patience is how long something is waited for that takes moments.
const patience = 5 * time.Minute

// rig is an engine on a fake cluster and a fake fleet, whose clock goes on by a second with each loop.
type rig struct {
	testing.TB
	*engine
	options  *options
	api      *batchAPI
	client   *fake.Clientset
	machines fleet.Fleet      // what the engine buys from
	fleet    *fakefleet.Fleet // the same, unless the rig is over another
	notices  interruption.Queue
	clock    *testingclock.FakeClock
	recorder *record.FakeRecorder
	changes  chan struct{}
	term     context.Context // of the engine
	end      context.CancelFunc
	watches  atomic.Int32  // how often pods and nodes began to be watched
	pace     time.Duration // by which the clock goes on with each loop
	mute     bool          // instances do not become nodes
	taint    string        // that nodes register with besides their own
}

func newRig(tb testing.TB, environments ...types.ComputeEnvironmentDetail) *rig {
	tb.Helper()
	r := newRigWithoutFleet(tb, environments...)
	r.fleet = fakefleet.New(fakefleet.Config{Launched: r.register})
	r.machines = r.fleet
	r.restart()
	return r
}

func newRigWithoutFleet(tb testing.TB, environments ...types.ComputeEnvironmentDetail) *rig {
	tb.Helper()
	r := &rig{
		TB: tb, api: &batchAPI{environments: environments}, client: fake.NewClientset(),
		clock: testingclock.NewFakeClock(time.Now()), recorder: record.NewFakeRecorder(1 << 16), // one that is full holds up whoever says something
		options: newOptions(), pace: time.Second,
	}
	r.options.NodeDeleteDelay = 0
	r.client.PrependWatchReactor("*", r.watchCounted)
	return r
}

// watchCounted is the fake's own watch, counted once it is there.
func (r *rig) watchCounted(action clienttesting.Action) (bool, watch.Interface, error) {
	w, err := r.client.Tracker().Watch(action.GetResource(), action.GetNamespace())
	if resource := action.GetResource().Resource; resource == "pods" || resource == "nodes" {
		r.watches.Add(1)
	}
	return true, w, err
}

// restart builds a new engine on what is left of the last one: cluster, fleet, Batch API.
func (r *rig) restart() {
	r.Helper()
	if err := r.begin(); err != nil {
		r.Fatal(err)
	}
}

// begin is restart, which fails if the term ends before it has begun.
func (r *rig) begin() error {
	r.Helper()
	if r.end != nil {
		r.end()
	}
	term, end := context.WithCancel(r.Context())
	r.term, r.end = term, end
	r.changes = make(chan struct{}, 1)
	changes := r.changes
	wake := func() {
		select {
		case changes <- struct{}{}:
		default:
		}
	}
	p := parts{client: r.client, api: r.api, fleet: r.machines, notices: r.notices, recorder: r.recorder, metrics: newMetricSet(), clock: r.clock}
	e, err := newEngine(term, p, r.options, wake)
	if err != nil {
		return err
	}
	r.engine = e
	if err := e.reader.Read(term); err != nil {
		return err
	}
	watched := r.watches.Load()
	if err := e.start(term); err != nil {
		return err
	}
	r.arrive(func() error { // the fake forgets what comes between an informer's list and its watch
		if r.watches.Load() < watched+2 {
			return errors.New("pods and nodes are not watched yet")
		}
		return nil
	})
	r.Cleanup(e.provider.Wait)
	return nil
}

// register lets an instance become a ready node.
func (r *rig) register(i fleet.Instance, req fleet.LaunchRequest) {
	if r.mute {
		return
	}
	node := nodetemplate.Node(i.ID, &nodetemplate.Spec{
		Group: req.NodeGroup, EnvironmentUUID: req.Environment.UUID, CapacityType: req.CapacityType, Type: req.Type,
	})
	node.UID = apitypes.UID(i.ID)
	maps.Copy(node.Labels, req.Labels)
	node.Labels[batchmeta.InstanceID] = i.ID
	node.Spec.ProviderID = i.ProviderID
	if r.taint != "" {
		node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: r.taint, Effect: corev1.TaintEffectNoSchedule})
	}
	node.CreationTimestamp = metav1.NewTime(r.clock.Now())
	if _, err := r.client.CoreV1().Nodes().Create(r.Context(), node, metav1.CreateOptions{}); err != nil {
		r.Error(err)
	}
	r.awaitNode(node.Name)
}

// awaitNode waits until a node has reached the informer, or is gone again.
func (r *rig) awaitNode(name string) {
	r.arrive(func() error {
		_, err := r.nodes.Get(name)
		if _, live := r.client.CoreV1().Nodes().Get(r.Context(), name, metav1.GetOptions{}); apierrors.IsNotFound(live) {
			return nil
		}
		return err
	})
}

// arrive waits until an object has reached the informer, whose fake watch breaks when it is overrun. It waits no longer
// than the engine runs: a launch may be under way at its end, when the informers have stopped.
func (r *rig) arrive(seen func() error) {
	for deadline := time.Now().Add(patience); seen() != nil && r.term.Err() == nil; runtime.Gosched() {
		if time.Now().After(deadline) {
			r.Error("an object never reached the informer")
			return
		}
	}
}

// loops runs loops until the condition holds.
func (r *rig) loops(what string, done func() bool) {
	r.Helper()
	for deadline := time.Now().Add(patience); !done(); {
		if time.Now().After(deadline) {
			r.Fatalf("never: %s", what)
		}
		r.loop(1)
	}
}

// loop runs n loops, each after what changed before has arrived or nothing has for a moment.
func (r *rig) loop(n int) {
	r.Helper()
	for range n {
		select {
		case <-r.changes:
		case <-time.After(5 * time.Millisecond):
		}
		r.clock.Step(r.pace)
		_ = r.reader.Read(r.Context())
		if err := r.drainer.Drain(r.Context()); err != nil {
			r.Logf("drain: %v", err)
		}
		if err := r.runOnce(r.clock.Now()); err != nil {
			r.Logf("loop: %v", err)
		}
	}
}

// elapse lets d pass in a single loop: longer than it takes to answer what was launched.
func (r *rig) elapse(d time.Duration) {
	r.Helper()
	r.provider.Wait()
	r.clock.Step(d)
	r.loop(1)
}

func (r *rig) pods(names ...string) {
	r.Helper()
	for _, name := range names {
		r.create(pod(name))
		r.arrive(func() error { return r.counts(name) }) // the index hears of it after the lister
	}
}

// gang makes the members of a gang, and waits until it is known whole.
func (r *rig) gang(members ...*corev1.Pod) {
	r.Helper()
	for _, p := range members {
		r.create(p)
	}
	for _, p := range members {
		r.arrive(func() error { return r.counts(p.Name) })
	}
}

// counts fails while the index of demands does not know the pod, unless it has a node by now.
func (r *rig) counts(name string) error {
	for _, d := range r.index.Demands() {
		for _, part := range d.Parts {
			for _, p := range r.index.Pods(part.Key, part.Count) {
				if p.Name == name {
					return nil
				}
			}
		}
	}
	p, err := r.informers.Core().V1().Pods().Lister().Pods("jobs").Get(name)
	if err == nil && p.Spec.NodeName == "" {
		err = errors.New("nobody wants it yet")
	}
	return err
}

func (r *rig) create(p *corev1.Pod) {
	r.Helper()
	if _, err := r.client.CoreV1().Pods("jobs").Create(r.Context(), p, metav1.CreateOptions{}); err != nil {
		r.Fatal(err)
	}
	r.arrive(func() error {
		_, err := r.informers.Core().V1().Pods().Lister().Pods("jobs").Get(p.Name)
		return err
	})
}

// bind binds a pod to the only node.
func (r *rig) bind(name string) {
	r.Helper()
	nodes := r.nodeNames()
	if len(nodes) != 1 {
		r.Fatalf("nodes = %v, want one", nodes)
	}
	r.change(name, func(p *corev1.Pod) { p.Spec.NodeName, p.Status.Phase = nodes[0], corev1.PodRunning })
}

func (r *rig) change(name string, f func(*corev1.Pod)) {
	r.Helper()
	p, err := r.client.CoreV1().Pods("jobs").Get(r.Context(), name, metav1.GetOptions{})
	if err != nil {
		r.Fatal(err)
	}
	f(p)
	if _, err := r.client.CoreV1().Pods("jobs").Update(r.Context(), p, metav1.UpdateOptions{}); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) nodeNames() []string {
	r.Helper()
	list, err := r.client.CoreV1().Nodes().List(r.Context(), metav1.ListOptions{})
	if err != nil {
		r.Fatal(err)
	}
	var names []string
	for _, n := range list.Items {
		names = append(names, n.Name)
	}
	return names
}

func (r *rig) instances() int {
	r.Helper()
	list, err := r.machines.List(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return len(list)
}

// launched is how many instances were asked for so far.
func (r *rig) launched() int {
	n := 0
	for _, req := range r.fleet.Launches() {
		n += req.Count
	}
	return n
}

// expectEvent loops until an Event comes and checks its beginning.
func (r *rig) expectEvent(want string) {
	r.Helper()
	var got string
	r.loops("an Event: "+want, func() bool {
		select {
		case got = <-r.recorder.Events:
			return strings.HasPrefix(got, "Warning BatchScaleUpFailed")
		default:
			return false
		}
	})
	if !strings.HasPrefix(got, "Warning BatchScaleUpFailed "+want) {
		r.Errorf("event = %q, want %q", got, want)
	}
}

// pod is a pending Batch pod of one CPU.
func pod(name string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "jobs", Name: name, UID: apitypes.UID(name), CreationTimestamp: metav1.Now(),
			Labels: map[string]string{batchmeta.JobID: name, batchmeta.Shape: "s"}, Annotations: map[string]string{},
		},
		Spec: corev1.PodSpec{
			SchedulerName: batchmeta.SchedulerName,
			NodeSelector:  map[string]string{batchmeta.ComputeEnvironmentUUID: envUUID},
			Tolerations:   []corev1.Toleration{{Key: batchmeta.BatchNode, Operator: corev1.TolerationOpExists}},
			Containers:    []corev1.Container{{Name: "c"}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	}
	cpus(1)(p)
	for _, f := range change {
		f(p)
	}
	return p
}

func cpus(n int64) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Containers[0].Resources.Requests = corev1.ResourceList{
			corev1.ResourceCPU: *resource.NewQuantity(n, resource.DecimalSI), corev1.ResourceMemory: resource.MustParse("100Mi"),
		}
	}
}

func gang(name string, size int) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Labels[batchmeta.Gang] = name
		p.Annotations[batchmeta.GangSize] = strconv.Itoa(size)
	}
}

var errBroken = errors.New("the command is broken")
