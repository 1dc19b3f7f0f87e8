// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"context"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/hack/leaktest"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/storetest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// onePod is a cluster with at most one pod, which records what is asked of it.
type onePod struct {
	onHost

	pod      *corev1.Pod
	stopped  int
	released int
}

func (c *onePod) Get(string, string) *corev1.Pod { return c.pod }
func (c *onePod) OfJob(string) []*corev1.Pod     { return c.All() }
func (c *onePod) All() []*corev1.Pod {
	if c.pod == nil {
		return nil
	}
	return []*corev1.Pod{c.pod}
}
func (c *onePod) Live(context.Context, string, string) (*corev1.Pod, error) { return c.pod, nil }
func (c *onePod) InstanceID(_ context.Context, node string) string {
	if node == "" {
		return ""
	}
	return "i-1"
}
func (c *onePod) Announce(context.Context, *corev1.Pod) (bool, error) { return true, nil }
func (c *onePod) Nudge(context.Context, *corev1.Pod, time.Time) error { return nil }
func (c *onePod) Stop(context.Context, *corev1.Pod) error             { c.stopped++; return nil }
func (c *onePod) Release(_ context.Context, pod *corev1.Pod) error {
	if slices.Contains(pod.Finalizers, batchmeta.Tracking) {
		c.released++
		pod.Finalizers = nil
	}
	return nil
}

// dispatcherLog records what a watcher asks of the dispatcher.
type dispatcherLog struct {
	wakes   int
	ensured []string
	starved []string
}

func (d *dispatcherLog) Hold(string) func()       { return func() {} }
func (d *dispatcherLog) Wake()                    { d.wakes++ }
func (d *dispatcherLog) NoCapacity(job batch.Job) { d.starved = append(d.starved, job.ID) }
func (d *dispatcherLog) Ensure(_ context.Context, job batch.Job) error {
	d.ensured = append(d.ensured, job.ID)
	return nil
}

// scene is a job admitted to a pod, and the watcher over both.
type scene struct {
	store      *storetest.Memory
	cluster    *onePod
	dispatcher *dispatcherLog
	watcher    *Watcher
	clock      *clocktesting.FakeClock
	id         string
}

func newScene(t *testing.T, attempts int, timeout time.Duration) *scene {
	t.Helper()
	return newSceneOf(t, batch.Job{Timeout: timeout, RetryStrategy: &batch.RetryStrategy{Attempts: attempts}})
}

func newSceneOf(t *testing.T, job batch.Job) *scene {
	t.Helper()
	s := &scene{
		store: storetest.NewMemory(), cluster: &onePod{}, dispatcher: &dispatcherLog{}, clock: clocktesting.NewFakeClock(began),
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
	s.step(t, lifecycle.Admitted{ComputeEnvironment: "ce", PodName: "p", PodNamespace: "jobs"})
	return s
}

func (s *scene) step(t *testing.T, ev lifecycle.Event) {
	t.Helper()
	_, err := s.store.Transition(t.Context(), s.id, func(j batch.Job) (batch.Job, error) {
		next, _, err := lifecycle.Step(j, ev, s.clock.Now())
		return next, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// show puts the pod of the first attempt into the cluster and settles it.
func (s *scene) show(t *testing.T, pod *corev1.Pod) time.Duration {
	t.Helper()
	pod.Name, pod.Namespace = "p", "jobs"
	pod.Labels = map[string]string{batchmeta.JobID: s.id, batchmeta.Attempt: "1"}
	pod.Finalizers = []string{batchmeta.Tracking}
	if s.cluster.pod != nil {
		pod.Finalizers = s.cluster.pod.Finalizers
	}
	pod.CreationTimestamp = metav1.NewTime(began)
	s.cluster.pod = pod
	again, err := s.watcher.settle(t.Context(), s.id)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func (s *scene) job(t *testing.T) batch.Job {
	t.Helper()
	job, err := s.store.Job(t.Context(), s.id)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func (s *scene) want(t *testing.T, status batch.JobStatus, reason string, stopped, released int) {
	t.Helper()
	job := s.job(t)
	if job.Status != status || job.StatusReason != reason || s.cluster.stopped != stopped || s.cluster.released != released {
		t.Errorf("got %s %q, stopped %d, released %d; want %s %q, %d, %d", job.Status, job.StatusReason, s.cluster.stopped,
			s.cluster.released, status, reason, stopped, released)
	}
}

func deleted(pod *corev1.Pod) *corev1.Pod {
	now := metav1.NewTime(began)
	pod.DeletionTimestamp = &now
	return pod
}

func TestJobFollowsItsPod(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 0)
	s.show(t, podIn(corev1.PodPending, "n"))
	s.want(t, batch.StatusStarting, "", 0, 0)
	s.show(t, podIn(corev1.PodRunning, "n", running()))
	s.want(t, batch.StatusRunning, "", 0, 0)
	s.clock.SetTime(over)
	if again := s.show(t, podIn(corev1.PodSucceeded, "n", terminated(0, "Completed"))); again != 30*time.Second {
		t.Errorf("the finished pod is looked at again after %v", again)
	}
	s.want(t, batch.StatusSucceeded, lifecycle.ReasonExited, 0, 1)
	if s.dispatcher.wakes == 0 {
		t.Error("the dispatcher does not know that the budget came back")
	}
	s.clock.Step(31 * time.Second)
	s.show(t, podIn(corev1.PodSucceeded, "n", terminated(0, "Completed")))
	s.want(t, batch.StatusSucceeded, lifecycle.ReasonExited, 1, 1)
}

func TestEveryStatusIsAnEventEvenIfThePodWasQuick(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 0)
	s.show(t, podIn(corev1.PodSucceeded, "n", terminated(0, "Completed")))
	changes, err := s.store.StatusChanges(t.Context(), 1, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []batch.JobStatus
	for _, c := range changes {
		got = append(got, c.To)
	}
	want := []batch.JobStatus{batch.StatusRunnable, batch.StatusStarting, batch.StatusRunning, batch.StatusSucceeded}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFailedAttemptIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2, 0)
	s.show(t, podIn(corev1.PodFailed, "n", terminated(1, "Error")))
	s.want(t, batch.StatusRunnable, "", 0, 1)
	if job := s.job(t); len(job.Attempts) != 1 || !job.IsWaiting() {
		t.Errorf("%d attempts, waiting %v", len(job.Attempts), job.IsWaiting())
	}
}

// A preempted job waits again, however often, though it has one attempt only (armada#4340: preempted work is not requeued).
func TestPreemptedAttemptIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 0)
	s.show(t, disrupted(deleted(podIn(corev1.PodFailed, "n", terminated(143, "Error"))), "PreemptionByScheduler"))
	s.want(t, batch.StatusRunnable, "", 0, 1)
	job := s.job(t)
	if !job.IsWaiting() || len(job.Attempts) != 1 || job.CountedAttempts() != 0 || job.Attempts[0].StatusReason != lifecycle.ReasonPreempted {
		t.Errorf("waiting %v after %+v", job.IsWaiting(), job.Attempts)
	}
}

func TestTimeoutStopsThePodAndFailsTheJob(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3, time.Minute)
	if again := s.show(t, podIn(corev1.PodRunning, "n", running())); again != time.Minute {
		t.Errorf("looked at again after %v, want the timeout", again)
	}
	s.clock.Step(time.Minute)
	s.show(t, podIn(corev1.PodRunning, "n", running()))
	s.want(t, batch.StatusRunning, "", 1, 0)
	s.show(t, deleted(podIn(corev1.PodRunning, "n", running())))
	s.want(t, batch.StatusRunning, "", 1, 0) // stopped once
	s.show(t, deleted(podIn(corev1.PodFailed, "n", terminated(137, "Error"))))
	s.want(t, batch.StatusFailed, lifecycle.ReasonTimedOut, 1, 1)
}

func TestTerminatedJobIsStoppedAndReleased(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3, 0)
	s.show(t, podIn(corev1.PodRunning, "n", running()))
	s.step(t, lifecycle.Terminated{Reason: "enough"})
	s.show(t, podIn(corev1.PodRunning, "n", running()))
	s.want(t, batch.StatusRunning, "", 1, 0)
	s.show(t, deleted(podIn(corev1.PodFailed, "n", terminated(143, "Error"))))
	s.want(t, batch.StatusFailed, "enough", 1, 1)
}

func TestPodOfACancelledJobIsStopped(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 0)
	s.step(t, lifecycle.Cancelled{Reason: "enough"})
	s.show(t, podIn(corev1.PodRunning, "n", running())) // it was bound meanwhile
	s.want(t, batch.StatusFailed, "enough", 1, 0)
	s.show(t, deleted(podIn(corev1.PodFailed, "n", terminated(143, "Error"))))
	s.want(t, batch.StatusFailed, "enough", 1, 1)
}

func TestImageThatCannotBePulledFailsTheAttempt(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 0)
	pulling := func() *corev1.Pod { return podIn(corev1.PodPending, "n", waiting("ImagePullBackOff", "no such image")) }
	if again := s.show(t, pulling()); again != time.Minute {
		t.Errorf("looked at again after %v, want the timeout", again)
	}
	s.clock.Step(time.Minute)
	s.show(t, pulling())
	s.want(t, batch.StatusStarting, "CannotPullContainerError: no such image", 1, 0)
	s.show(t, deleted(podIn(corev1.PodFailed, "n", waiting("ImagePullBackOff", "no such image"))))
	s.want(t, batch.StatusFailed, lifecycle.ReasonStartFailed, 1, 1)
	if got := s.job(t).Attempts[0].Containers[0]; got.Reason != "CannotPullContainerError: no such image" || got.ExitCode != nil {
		t.Errorf("container %+v", got)
	}
}

func TestPodIsStoppedWhenItsEssentialContainerEnded(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 0)
	task := func(pod *corev1.Pod) *corev1.Pod {
		pod.Annotations = map[string]string{batchmeta.NonEssential: "log"}
		return pod
	}
	s.show(t, task(podIn(corev1.PodRunning, "n", named("main", terminated(0, "Completed"), 0), named("log", running(), 0))))
	s.want(t, batch.StatusRunning, "", 1, 0)
	s.show(t, task(deleted(podIn(corev1.PodFailed, "n", named("main", terminated(0, "Completed"), 0), named("log", terminated(143, "Error"), 2)))))
	s.want(t, batch.StatusSucceeded, lifecycle.ReasonExited, 1, 1)
}

func TestPodThatIsGoneIsMissedAtOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 0)
	s.show(t, podIn(corev1.PodRunning, "n", running()))
	pod := s.cluster.pod
	s.cluster.pod = nil // its finalizer was taken off by force
	s.watcher.PodDeleted(pod)
	if _, err := s.watcher.settle(t.Context(), s.id); err != nil {
		t.Fatal(err)
	}
	s.want(t, batch.StatusFailed, "Host EC2 (instance i-1) terminated.", 0, 0)
}

func TestUnboundPodThatIsDeletedGivesItsJobBack(t *testing.T) {
	t.Parallel()
	for _, phase := range []corev1.PodPhase{corev1.PodPending, corev1.PodFailed} { // Kubernetes calls it so after a while
		s := newScene(t, 1, 0)
		s.show(t, deleted(podIn(phase, "")))
		s.want(t, batch.StatusRunnable, "", 0, 1)
		if job := s.job(t); !job.IsWaiting() || len(job.Attempts) != 0 {
			t.Errorf("%s: waiting %v after %d attempts", phase, job.IsWaiting(), len(job.Attempts))
		}
	}
}

func TestPodOfAnUnknownJobIsKept(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 0)
	s.id = "00001000-0000-4000-8000-000000000000"
	s.show(t, podIn(corev1.PodRunning, "n", running()))
	if s.cluster.stopped+s.cluster.released != 0 {
		t.Errorf("stopped %d, released %d", s.cluster.stopped, s.cluster.released)
	}
}

func TestReconcileFindsWhatHasNoPod(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 0)
	if err := s.watcher.reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.dispatcher.ensured, []string{s.id}) {
		t.Errorf("ensured %v", s.dispatcher.ensured)
	}
	s.step(t, lifecycle.Bound{Attempt: 1, NodeName: "n", InstanceID: "i-9"})
	if err := s.watcher.reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.want(t, batch.StatusFailed, "Host EC2 (instance i-9) terminated.", 0, 0)
}

func TestScaleUpFailureExplainsTheJob(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 0)
	s.show(t, podIn(corev1.PodPending, ""))
	s.watcher.ScaleUpFailed(t.Context(), &corev1.Event{
		InvolvedObject: corev1.ObjectReference{Namespace: "jobs", Name: "p"}, Reason: batchmeta.ReasonScaleUpFailed,
		Message: "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type [x]",
	})
	s.want(t, batch.StatusRunnable, "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type [x]", 0, 0)
	if len(s.dispatcher.starved) != 1 || s.dispatcher.starved[0] != s.id {
		t.Errorf("the dispatcher was told of %v", s.dispatcher.starved)
	}
	s.show(t, podIn(corev1.PodPending, "n"))
	s.want(t, batch.StatusStarting, "", 0, 0)
}
