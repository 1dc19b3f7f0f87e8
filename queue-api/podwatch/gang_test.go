// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/storetest"
)

// manyPods is a cluster of pods by name, which records what is asked of it. A pod that is deleted stays until it has no
// finalizer, as in Kubernetes.
type manyPods struct {
	onHost

	mu        sync.Mutex // guards what follows
	pods      map[string]*corev1.Pod
	stopped   []string
	announced []string
	nudged    []string
	address   bool // whether the main node's address is known
}

func (c *manyPods) Get(_, name string) *corev1.Pod { return c.pods[name] }
func (c *manyPods) All() []*corev1.Pod {
	var out []*corev1.Pod
	for _, pod := range c.pods {
		out = append(out, pod)
	}
	return out
}

func (c *manyPods) OfJob(id string) []*corev1.Pod {
	return slices.DeleteFunc(c.All(), func(pod *corev1.Pod) bool { return ownerOf(pod) != id })
}

func (c *manyPods) Live(_ context.Context, _, name string) (*corev1.Pod, error) {
	return c.pods[name], nil
}

func (c *manyPods) InstanceID(_ context.Context, node string) string {
	if node == "" {
		return ""
	}
	return "i-" + node
}

func (c *manyPods) Announce(_ context.Context, main *corev1.Pod) (bool, error) {
	if c.address {
		c.announced = append(c.announced, main.Name)
	}
	return c.address, nil
}

func (c *manyPods) Nudge(_ context.Context, pod *corev1.Pod, _ time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nudged = append(c.nudged, pod.Name)
	return nil
}

func (c *manyPods) Stop(_ context.Context, pod *corev1.Pod) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = append(c.stopped, pod.Name)
	now := metav1.NewTime(began)
	pod.DeletionTimestamp = &now
	c.sweep(pod)
	return nil
}

func (c *manyPods) Release(_ context.Context, pod *corev1.Pod) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	pod.Finalizers = nil
	c.sweep(pod)
	return nil
}

func (c *manyPods) sweep(pod *corev1.Pod) {
	if pod.DeletionTimestamp != nil && len(pod.Finalizers) == 0 {
		delete(c.pods, pod.Name)
	}
}

// writes counts a store's writes.
type writes struct {
	*storetest.Memory

	n int
}

func (w *writes) Transition(ctx context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error) {
	before, err := w.Job(ctx, id)
	if err != nil {
		return before, err
	}
	after, err := w.Memory.Transition(ctx, id, step)
	if after.Version != before.Version {
		w.n++
	}
	return after, err
}

// gangScene is an admitted multi-node job whose main node is 1, its pods p0, p1, … without nodes, and the watcher over both.
type gangScene struct {
	store      *writes
	cluster    *manyPods
	dispatcher *dispatcherLog
	watcher    *Watcher
	clock      *clocktesting.FakeClock
	id         string
	nodes      int
}

const gangName = "aws-batch.gang"

func newGangScene(t *testing.T, job batch.Job) *gangScene {
	t.Helper()
	s := &gangScene{
		store: &writes{Memory: storetest.NewMemory()}, cluster: &manyPods{pods: map[string]*corev1.Pod{}},
		dispatcher: &dispatcherLog{}, clock: clocktesting.NewFakeClock(began), nodes: job.NumNodes,
	}
	q, err := s.store.CreateQueue(t.Context(), batch.JobQueue{Name: "q"})
	if err != nil {
		t.Fatal(err)
	}
	if s.id, err = batch.NewJobID(q.Number, nil); err != nil {
		t.Fatal(err)
	}
	job.ID, job.Queue, job.Status = s.id, "q", batch.StatusRunnable
	if _, err = s.store.Submit(t.Context(), q.Number, job); err != nil {
		t.Fatal(err)
	}
	s.watcher = New(s.store, s.cluster, s.dispatcher, Config{Clock: s.clock, FinishedPodTTL: 30 * time.Second, StartTimeout: time.Minute})
	t.Cleanup(s.watcher.work.ShutDown)
	s.admit(t, 1)
	s.store.n = 0
	return s
}

func gangOf(nodes, attempts int) batch.Job {
	return batch.Job{NumNodes: nodes, MainNode: 1, RetryStrategy: &batch.RetryStrategy{Attempts: attempts}}
}

// admit makes the pods of an attempt; those of a later one have the attempt's number in front.
func (s *gangScene) admit(t *testing.T, attempt int) {
	t.Helper()
	prefix := "p"
	if attempt > 1 {
		prefix = strconv.Itoa(attempt) + "p"
	}
	ev := lifecycle.Admitted{ComputeEnvironment: "ce", PodNamespace: "jobs"}
	for i := range s.nodes {
		ev.Nodes = append(ev.Nodes, prefix+strconv.Itoa(i))
		s.make(attempt, i, ev.Nodes[i])
	}
	s.step(t, ev)
}

func (s *gangScene) make(attempt, node int, name string) {
	s.cluster.pods[name] = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: name, Namespace: "jobs", Finalizers: []string{batchmeta.Tracking}, CreationTimestamp: metav1.NewTime(began),
		Labels: map[string]string{
			batchmeta.JobID: s.id, batchmeta.Attempt: strconv.Itoa(attempt), batchmeta.NodeIndex: strconv.Itoa(node), batchmeta.Gang: gangName,
		},
	}}
}

func (s *gangScene) step(t *testing.T, ev lifecycle.Event) {
	t.Helper()
	_, err := s.store.Transition(t.Context(), s.id, func(j batch.Job) (batch.Job, error) {
		next, _, err := lifecycle.Step(j, ev, s.clock.Now())
		return next, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// be gives pods the state of a template; a pod that has ended keeps its end.
func (s *gangScene) be(template *corev1.Pod, names ...string) {
	for _, name := range names {
		pod := s.cluster.pods[name]
		pod.Status = *template.Status.DeepCopy()
		pod.Spec.NodeName = template.Spec.NodeName + name
		if template.Spec.NodeName == "" {
			pod.Spec.NodeName = ""
		}
	}
}

func (s *gangScene) settle(t *testing.T) time.Duration {
	t.Helper()
	again, err := s.watcher.settle(t.Context(), s.id)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func (s *gangScene) job(t *testing.T) batch.Job {
	t.Helper()
	job, err := s.store.Job(t.Context(), s.id)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// want compares the job's status and reason, and its nodes' statuses in the latest attempt.
func (s *gangScene) want(t *testing.T, status batch.JobStatus, reason string, nodes ...batch.JobStatus) {
	t.Helper()
	job := s.job(t)
	if job.Status != status || job.StatusReason != reason {
		t.Errorf("got %s %q, want %s %q", job.Status, job.StatusReason, status, reason)
	}
	a := job.Current
	if a == nil {
		a = &job.Attempts[len(job.Attempts)-1]
	}
	var got []batch.JobStatus
	for _, n := range a.Nodes {
		got = append(got, n.Status)
	}
	if diff := cmp.Diff(nodes, got); diff != "" {
		t.Errorf("nodes mismatch (-want +got):\n%s", diff)
	}
}

// wantStopped compares the pods that were stopped since it was last asked.
func (s *gangScene) wantStopped(t *testing.T, names ...string) {
	t.Helper()
	slices.Sort(s.cluster.stopped)
	if diff := cmp.Diff(names, s.cluster.stopped); diff != "" {
		t.Errorf("stopped mismatch (-want +got):\n%s", diff)
	}
	s.cluster.stopped = nil
}

var (
	onNode = podIn(corev1.PodPending, "n", waiting("ContainerCreating", ""))
	up     = podIn(corev1.PodRunning, "n", running())
	done   = podIn(corev1.PodSucceeded, "n", terminated(0, "Completed"))
	broken = podIn(corev1.PodFailed, "n", terminated(7, "Error"))
	killed = podIn(corev1.PodFailed, "n", terminated(143, "Error"))
)

const (
	isRunnable  = batch.StatusRunnable
	isStarting  = batch.StatusStarting
	isRunning   = batch.StatusRunning
	isSucceeded = batch.StatusSucceeded
	isFailed    = batch.StatusFailed
)

// Contract 7.4: the main node exits, the job is final, the other pods are stopped.
func TestGangFollowsItsMainNode(t *testing.T) {
	t.Parallel()
	s := newGangScene(t, gangOf(3, 1))
	s.be(onNode, "p0", "p1", "p2")
	s.settle(t)
	s.want(t, isStarting, "", isStarting, isStarting, isStarting)
	s.be(up, "p0", "p1", "p2")
	s.settle(t)
	s.want(t, isRunning, "", isRunning, isRunning, isRunning)
	s.be(broken, "p2")
	s.settle(t)
	s.want(t, isRunning, "", isRunning, isRunning, isFailed)
	if pod := s.cluster.pods["p2"]; len(pod.Finalizers) != 0 {
		t.Error("the pod of a node that ended is held")
	}
	s.wantStopped(t)
	s.be(done, "p1")
	s.settle(t)
	s.want(t, isSucceeded, lifecycle.ReasonExited, isSucceeded, isSucceeded, isFailed)
	s.wantStopped(t, "p0")
	if s.dispatcher.wakes == 0 {
		t.Error("the dispatcher does not know that the budget came back")
	}
	s.be(killed, "p0")
	s.settle(t)
	if _, ok := s.cluster.pods["p0"]; ok {
		t.Error("a stopped pod that ended is held")
	}
	if n := s.job(t).Attempts[0].Nodes; n[0].Containers != nil || *n[2].Containers[0].ExitCode != 7 {
		t.Errorf("nodes %+v", n)
	}
}

func TestAThousandNodesCostFewWrites(t *testing.T) {
	t.Parallel()
	const nodes = 1000
	s := newGangScene(t, gangOf(nodes, 1))
	var names []string
	for i := range nodes {
		names = append(names, fmt.Sprintf("p%d", i))
	}
	for _, state := range []*corev1.Pod{onNode, up, done} {
		s.be(state, names...)
		s.settle(t)
		s.settle(t) // nothing new
	}
	if job := s.job(t); job.Status != isSucceeded || len(job.Attempts[0].Nodes[999].Containers) != 1 {
		t.Errorf("job %s, last node %+v", job.Status, job.Attempts[0].Nodes[999])
	}
	if s.store.n > 3 {
		t.Errorf("%d writes", s.store.n)
	}
}

func TestChangesOfAGangAreLookedAtTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := New(nil, nil, nil, Config{})
		defer w.work.ShutDown()
		for i := range 100 {
			w.PodChanged(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{
				batchmeta.JobID: "j", batchmeta.Attempt: "1", batchmeta.NodeIndex: strconv.Itoa(i),
			}}})
		}
		if n := w.work.Len(); n != 0 {
			t.Errorf("%d settled at once", n)
		}
		time.Sleep(gangDelay)
		synctest.Wait()
		if n := w.work.Len(); n != 1 {
			t.Errorf("%d settled, want one job", n)
		}
	})
}

func TestStopReachesEveryNode(t *testing.T) {
	t.Parallel()
	cases := map[string]struct { // contract 4.4 and 4.7
		timeout    time.Duration
		event      lifecycle.Event
		wantReason string
	}{
		"terminated": {0, lifecycle.Terminated{Reason: "enough"}, "enough"},
		"timed out":  {time.Minute, lifecycle.Blocked{}, lifecycle.ReasonTimedOut},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job := gangOf(3, 3)
			job.Timeout = tc.timeout
			s := newGangScene(t, job)
			s.be(up, "p0", "p1", "p2")
			s.settle(t)
			s.clock.Step(time.Minute)
			s.step(t, tc.event)
			s.settle(t)
			s.want(t, isRunning, "", isRunning, isRunning, isRunning)
			s.wantStopped(t, "p0", "p1", "p2")
			s.be(killed, "p0", "p1", "p2")
			s.settle(t)
			s.want(t, isFailed, tc.wantReason, isFailed, isFailed, isFailed)
			if len(s.cluster.pods) != 0 {
				t.Errorf("%d pods are held", len(s.cluster.pods))
			}
		})
	}
}

// Contract 4.3 and 4.5: the main node's host is lost; all nodes are tried again, none while it still runs.
func TestLostHostOfTheMainNodeEndsTheAttempt(t *testing.T) {
	t.Parallel()
	s := newGangScene(t, gangOf(3, 2))
	s.be(up, "p0", "p1", "p2")
	s.settle(t)
	s.be(disrupted(podIn(corev1.PodFailed, "n"), "DeletionByPodGC"), "p1")
	s.settle(t)
	s.want(t, isRunning, "", isRunning, isRunning, isRunning)
	s.wantStopped(t, "p0", "p2")
	s.be(killed, "p0")
	s.settle(t)
	s.want(t, isRunning, "", isFailed, isRunning, isRunning)
	s.be(killed, "p2")
	s.settle(t)
	s.want(t, isRunnable, "", isFailed, isFailed, isFailed)
	if got := s.job(t).Attempts[0].StatusReason; got != "Host EC2 (instance i-np1) terminated." {
		t.Errorf("attempt says %q", got)
	}
	s.wantStopped(t)
	s.admit(t, 2)
	s.be(up, "2p0", "2p1", "2p2")
	s.settle(t)
	s.want(t, isRunning, "", isRunning, isRunning, isRunning)
	if len(s.cluster.pods) != 4 { // p1 is kept for its logs
		t.Errorf("pods %v", len(s.cluster.pods))
	}
}

// The last attempt's end is told at once.
func TestLastLostHostOfTheMainNodeFailsTheJob(t *testing.T) {
	t.Parallel()
	s := newGangScene(t, gangOf(3, 1))
	s.be(up, "p0", "p1", "p2")
	s.settle(t)
	s.be(disrupted(podIn(corev1.PodFailed, "n"), "DeletionByPodGC"), "p1")
	s.settle(t)
	s.want(t, isFailed, "Host EC2 (instance i-np1) terminated.", isFailed, isFailed, isFailed)
	s.wantStopped(t, "p0", "p2")
}

func TestFailedStartOfAnotherNodeIsItsOwn(t *testing.T) {
	t.Parallel()
	s := newGangScene(t, gangOf(3, 1))
	s.be(up, "p1", "p2")
	s.be(podIn(corev1.PodPending, "n", waiting("ImagePullBackOff", "no such image")), "p0")
	if again := s.settle(t); again != time.Minute {
		t.Errorf("looked at again after %v", again)
	}
	s.clock.Step(time.Minute)
	s.settle(t)
	s.want(t, isRunning, "", isStarting, isRunning, isRunning)
	s.wantStopped(t, "p0")
	s.be(podIn(corev1.PodFailed, "n", waiting("ImagePullBackOff", "no such image")), "p0")
	s.settle(t)
	s.want(t, isRunning, "", isFailed, isRunning, isRunning)
	if n := s.job(t).Current.Nodes[0]; n.StatusReason != lifecycle.ReasonStartFailed || n.Containers[0].Reason != "CannotPullContainerError: no such image" {
		t.Errorf("node %+v", n)
	}
}

// The other nodes' containers wait for the main node's address, however long it takes.
func TestOtherNodesWaitForTheMainNodesAddress(t *testing.T) {
	t.Parallel()
	s := newGangScene(t, gangOf(2, 1))
	s.be(onNode, "p1")
	s.be(podIn(corev1.PodPending, "n", waiting("CreateContainerConfigError", `configmap "`+gangName+`" not found`)), "p0")
	s.settle(t)
	s.clock.Step(time.Hour)
	s.cluster.address = true
	if again := s.settle(t); again != nudgeAgain {
		t.Errorf("looks again after %v, want %v", again, nudgeAgain)
	}
	s.clock.Step(nudgeAgain / 2)
	s.settle(t)
	s.want(t, isStarting, "", isStarting, isStarting)
	s.wantStopped(t)
	if diff := cmp.Diff([]string{"p1"}, s.cluster.announced); diff != "" {
		t.Errorf("announced mismatch (-want +got):\n%s", diff)
	}
	// Its kubelet is nudged, and again if that was too soon.
	for want := 1; want <= 2; want++ {
		if diff := cmp.Diff(slices.Repeat([]string{"p0"}, want), s.cluster.nudged); diff != "" {
			t.Errorf("nudged mismatch (-want +got):\n%s", diff)
		}
		s.clock.Step(nudgeAgain / 2)
		s.settle(t)
	}
	// Anything else that is missing is a failure.
	s.be(podIn(corev1.PodPending, "n", waiting("CreateContainerConfigError", `secret "s" not found`)), "p0")
	s.settle(t)
	s.wantStopped(t, "p0")
}

func TestLostMemberOfAWaitingGangIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := newGangScene(t, gangOf(3, 1))
	lost := s.cluster.pods["p2"]
	deleted(lost)
	if again := s.settle(t); again != gangHold {
		t.Errorf("looked at again after %v", again)
	}
	s.clock.Step(gangHold)
	s.settle(t)
	if len(s.cluster.pods) != 2 || s.dispatcher.ensured != nil {
		t.Errorf("%d pods, ensured %v", len(s.cluster.pods), s.dispatcher.ensured)
	}
	s.watcher.PodDeleted(lost)
	s.settle(t)
	s.want(t, isRunnable, "", isRunnable, isRunnable, isRunnable)
	if diff := cmp.Diff([]string{s.id}, s.dispatcher.ensured); diff != "" {
		t.Errorf("ensured mismatch (-want +got):\n%s", diff)
	}
	s.settle(t)
	if len(s.dispatcher.ensured) != 1 {
		t.Error("made again twice")
	}
}

func TestGangThatIsDeletedGivesItsJobBack(t *testing.T) {
	t.Parallel()
	s := newGangScene(t, gangOf(3, 1))
	for _, name := range []string{"p0", "p1", "p2"} { // one after the other
		deleted(s.cluster.pods[name])
		s.settle(t)
	}
	if job := s.job(t); !job.IsWaiting() || len(job.Attempts) != 0 || len(s.cluster.pods) != 0 {
		t.Errorf("waiting %v, %d attempts, %d pods", job.IsWaiting(), len(job.Attempts), len(s.cluster.pods))
	}
	if len(s.dispatcher.ensured) != 0 {
		t.Error("a pod was made again")
	}
}

func TestReconcileFindsMembersThatAreGone(t *testing.T) {
	t.Parallel()
	s := newGangScene(t, gangOf(3, 1))
	delete(s.cluster.pods, "p0")
	if err := s.watcher.reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{s.id}, s.dispatcher.ensured); diff != "" {
		t.Errorf("ensured mismatch (-want +got):\n%s", diff)
	}
	s.be(up, "p1", "p2")
	s.settle(t)
	delete(s.cluster.pods, "p2")
	if err := s.watcher.reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.want(t, isRunning, "", isFailed, isRunning, isFailed)
	nodes := s.job(t).Current.Nodes
	if nodes[0].StatusReason != lifecycle.ReasonStartFailed || nodes[2].StatusReason != "Host EC2 (instance i-np2) terminated." {
		t.Errorf("reasons %q, %q", nodes[0].StatusReason, nodes[2].StatusReason)
	}
	delete(s.cluster.pods, "p1")
	if err := s.watcher.reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.want(t, isFailed, "Host EC2 (instance i-np1) terminated.", isFailed, isFailed, isFailed)
}

func TestPodsWithANodeTheJobDoesNotHaveAreLeftAlone(t *testing.T) {
	t.Parallel()
	s := newGangScene(t, gangOf(2, 1))
	s.make(1, 7, "stranger")
	s.be(up, "p0", "p1", "stranger")
	s.settle(t)
	s.want(t, isRunning, "", isRunning, isRunning)
	s.wantStopped(t)
}

// Contract 4.9: children are separate jobs; a pod's labels have the parent's id and the child's index.
func TestChildOfAnArrayFollowsItsPod(t *testing.T) {
	t.Parallel()
	s := newGangScene(t, batch.Job{})
	parent := batch.Job{ID: s.id[:len(s.id)-1] + "0", Queue: "q", Status: batch.StatusPending, ArraySize: 2}
	if parent.ID == s.id {
		parent.ID = s.id[:len(s.id)-1] + "1"
	}
	if _, err := s.store.Submit(t.Context(), 1, parent); err != nil {
		t.Fatal(err)
	}
	s.id = batch.ChildID(parent.ID, 1)
	s.nodes = 0
	s.step(t, lifecycle.Admitted{ComputeEnvironment: "ce", PodName: "c1", PodNamespace: "jobs"})
	s.make(1, 0, "c1")
	s.cluster.pods["c1"].Labels = map[string]string{batchmeta.JobID: parent.ID, batchmeta.ArrayIndex: "1", batchmeta.Attempt: "1"}
	s.be(broken, "c1")
	s.watcher.PodChanged(s.cluster.pods["c1"])
	if id, _ := s.watcher.work.Get(); id != s.id {
		t.Fatalf("settles %s", id)
	}
	s.settle(t)
	if job := s.job(t); job.Status != isFailed || *job.Attempts[0].Containers[0].ExitCode != 7 {
		t.Errorf("child %s after %d attempts", job.Status, len(job.Attempts))
	}
	got, err := s.store.Job(t.Context(), parent.ID)
	if err != nil || got.Children[isFailed] != 1 {
		t.Errorf("parent's children %v, error %v", got.Children, err)
	}
}

func TestLabelsOfStrangersAreNobodys(t *testing.T) {
	t.Parallel()
	for name, labels := range map[string]map[string]string{
		"no attempt":       {batchmeta.JobID: "j"},
		"attempt 0":        {batchmeta.JobID: "j", batchmeta.Attempt: "0"},
		"a node in words":  {batchmeta.JobID: "j", batchmeta.Attempt: "1", batchmeta.NodeIndex: "main"},
		"a child in words": {batchmeta.JobID: "j", batchmeta.Attempt: "1", batchmeta.ArrayIndex: "first"},
		"a negative child": {batchmeta.JobID: "j", batchmeta.Attempt: "1", batchmeta.ArrayIndex: "-1"},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: labels}}
		if len(membersOf([]*corev1.Pod{pod})) != 0 && ownerOf(pod) != "" {
			t.Errorf("%s: belongs to %s", name, ownerOf(pod))
		}
	}
}

// readsCounted counts how often a store is asked for a job.
type readsCounted struct {
	*storetest.Memory

	n int
}

func (r *readsCounted) Job(ctx context.Context, id string) (batch.Job, error) {
	r.n++
	return r.Memory.Job(ctx, id)
}

func TestPodThatWasSettledGoesWithoutALook(t *testing.T) {
	t.Parallel()
	store := &readsCounted{Memory: storetest.NewMemory()}
	w := New(store, &manyPods{}, &dispatcherLog{}, Config{})
	defer w.work.ShutDown()
	pod := podIn(corev1.PodSucceeded, "n", terminated(0, "Completed"))
	pod.Labels = map[string]string{batchmeta.JobID: "j", batchmeta.Attempt: "1"}
	for reads, finalizers := range [][]string{nil, {batchmeta.Tracking}} {
		pod.Finalizers = finalizers
		w.PodDeleted(pod)
		if _, err := w.settle(t.Context(), "j"); err != nil || store.n != reads {
			t.Errorf("finalizers %v: %d reads, error %v", finalizers, store.n, err)
		}
	}
}
