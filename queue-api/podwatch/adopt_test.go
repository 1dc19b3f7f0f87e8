// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"encoding/json"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/podspec"
	"github.com/muster-batch/muster/queue-api/storetest"
)

// lostScene is a cluster with the pods that the program makes, and a store that knows less than they do.
type lostScene struct {
	t       *testing.T
	store   *storetest.Memory
	cluster *manyPods
	watcher *Watcher
	clock   *clocktesting.FakeClock
	found   []batch.Finding
}

const lostQueue = 5

func newLostScene(t *testing.T) *lostScene {
	t.Helper()
	s := &lostScene{
		t: t, store: storetest.NewMemory(), cluster: &manyPods{pods: map[string]*corev1.Pod{}}, clock: clocktesting.NewFakeClock(began),
	}
	s.watcher = New(s.store, s.cluster, &dispatcherLog{}, Config{
		Clock: s.clock, FinishedPodTTL: 30 * time.Second, StartTimeout: time.Minute,
		Found: func(f batch.Finding) { s.found = append(s.found, f) },
	})
	t.Cleanup(s.watcher.work.ShutDown)
	return s
}

func lostJob(name string) batch.Job {
	return batch.Job{
		ID: batch.DeriveJobID(lostQueue, name), Name: name, Queue: "q", Definition: batch.DefinitionRef{Name: "d", Revision: 3}, CreatedAt: began,
		Parameters: map[string]string{"k": "v"}, RetryStrategy: &batch.RetryStrategy{Attempts: 3}, Requests: batch.Requests{MilliVCPU: 1000, MemoryMiB: 128},
		ShareIdentifier: "s", Status: batch.StatusRunnable,
	}
}

const lostContainer = `{"image":"busybox","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"128"}]}`

// pods makes the pods of an attempt as the dispatcher does, on a node if like has one.
func (s *lostScene) pods(job batch.Job, attempt int, like *corev1.Pod) []*corev1.Pod {
	s.t.Helper()
	definition := batch.JobDefinition{Name: "d", Revision: 3, Type: "container", ContainerProperties: json.RawMessage(lostContainer)}
	if job.IsMultiNode() {
		definition.Type, definition.ContainerProperties = "multinode", nil
		definition.NodeProperties = json.RawMessage(`{"numNodes":2,"mainNode":1,"nodeRangeProperties":[{"targetNodes":"0:1","container":` + lostContainer + `}]}`)
	}
	pods, err := podspec.Pods(podspec.Input{
		Job: job, Definition: definition, Environment: batch.ComputeEnvironment{Name: "ce", UUID: "u"}, Attempt: attempt, Rank: "1",
	}, podspec.Options{Namespace: "jobs"})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, pod := range pods {
		pod.Spec.NodeName, pod.Status = like.Spec.NodeName, like.Status
		s.cluster.pods[pod.Name] = pod
	}
	return pods
}

// settle settles what the pods are of, as after a start.
func (s *lostScene) settle(ids ...string) {
	s.t.Helper()
	if err := s.watcher.Adopt(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	for _, id := range ids {
		if _, err := s.watcher.settle(s.t.Context(), id); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *lostScene) want(id string, status batch.JobStatus, attempts, current int) batch.Job {
	s.t.Helper()
	job, err := s.store.Job(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	number := 0
	if job.Current != nil {
		number = job.Current.Number
	}
	if job.Status != status || len(job.Attempts) != attempts || number != current {
		s.t.Errorf("job is %s after %d attempts, in attempt %d; want %s, %d, %d", job.Status, len(job.Attempts), number, status, attempts, current)
	}
	return job
}

func (s *lostScene) wantUntouched(pods ...*corev1.Pod) {
	s.t.Helper()
	for _, pod := range pods {
		if s.cluster.pods[pod.Name] == nil || pod.DeletionTimestamp != nil || len(pod.Finalizers) != 1 {
			s.t.Errorf("pod %s was touched", pod.Name)
		}
	}
}

func TestEmptyStoreAdoptsARunningPod(t *testing.T) {
	t.Parallel()
	s, job := newLostScene(t), lostJob("j")
	pods := s.pods(job, 2, up)
	s.settle(job.ID)
	got := s.want(job.ID, batch.StatusRunning, 1, 2)
	if got.Parameters["k"] != "v" || got.Requests != job.Requests || got.ShareIdentifier != "s" || got.Current.ComputeEnvironment != "ce" ||
		got.Attempts[0].StatusReason != lifecycle.ReasonUnknownEnd || !got.CreatedAt.Equal(began) {
		t.Errorf("job is %+v", got)
	}
	s.wantUntouched(pods...)
	q, err := s.store.Queue(t.Context(), "q")
	if err != nil || q.Number != lostQueue || q.State != batch.Disabled || !q.Uses("ce") {
		t.Errorf("queue %+v, %v", q, err)
	}
	if len(s.found) != 1 || s.found[0].Check != batch.CheckPod || !s.found[0].Mended {
		t.Errorf("found %v", s.found)
	}
	// It goes on as any other.
	pods[0].Status = done.Status
	s.settle(job.ID)
	s.want(job.ID, batch.StatusSucceeded, 2, 0)
}

func TestEmptyStoreLearnsOfASuccess(t *testing.T) {
	t.Parallel()
	s, job := newLostScene(t), lostJob("j")
	s.pods(job, 1, done)
	s.settle(job.ID)
	s.want(job.ID, batch.StatusSucceeded, 1, 0)
}

func TestOlderRecordMovesOnWithItsPod(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		events   []lifecycle.Event // that the record knows of
		attempt  int
		pod      *corev1.Pod
		status   batch.JobStatus
		attempts int
		current  int
	}{
		"it waits, its pod runs":                                {nil, 1, up, batch.StatusRunning, 0, 1},
		"it waits, its pod succeeded, so it does not run again": {nil, 1, done, batch.StatusSucceeded, 1, 0},
		"it waits, its pod is of a retry":                       {nil, 2, up, batch.StatusRunning, 1, 2},
		"it runs, its pod is of a retry": {
			[]lifecycle.Event{
				lifecycle.Admitted{ComputeEnvironment: "ce", PodName: "p", PodNamespace: "jobs"},
				lifecycle.Bound{Attempt: 1, NodeName: "n"},
				lifecycle.Started{Attempt: 1, At: began},
			}, 2, up, batch.StatusRunning, 1, 2,
		},
		"it ended": {[]lifecycle.Event{lifecycle.Cancelled{Reason: "r"}}, 1, up, batch.StatusFailed, 0, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, job := newLostScene(t), lostJob("j")
			if err := s.store.RestoreQueue(t.Context(), batch.JobQueue{Name: "q", Number: lostQueue}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.store.Submit(t.Context(), lostQueue, job); err != nil {
				t.Fatal(err)
			}
			for _, ev := range tc.events {
				_, err := s.store.Transition(t.Context(), job.ID, func(j batch.Job) (batch.Job, error) {
					next, _, err := lifecycle.Step(j, ev, began)
					return next, err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			pods := s.pods(job, tc.attempt, tc.pod)
			s.settle(job.ID)
			s.want(job.ID, tc.status, tc.attempts, tc.current)
			if tc.current > 0 {
				s.wantUntouched(pods...)
			}
		})
	}
}

// What is not known of an adopted array's children is not run again.
func TestEmptyStoreAdoptsChildren(t *testing.T) {
	t.Parallel()
	s, array := newLostScene(t), lostJob("array")
	array.ArraySize = 4
	child := func(i int) batch.Job {
		c := array.Child(i, batch.StatusRunnable)
		c.Status = batch.StatusRunnable
		return c
	}
	s.pods(child(1), 1, done)
	pods := s.pods(child(2), 1, up)
	s.settle(child(1).ID, child(2).ID)
	s.want(child(1).ID, batch.StatusSucceeded, 1, 0)
	s.want(child(2).ID, batch.StatusRunning, 0, 1)
	s.wantUntouched(pods...)
	got := s.want(array.ID, batch.StatusPending, 0, 0)
	if got.Children[batch.StatusRunnable] != 0 || got.Children[batch.StatusPending] != 2 || !lifecycle.IsAdoptedArray(got) {
		t.Errorf("array's children are %v", got.Children)
	}
	for _, after := range []time.Duration{time.Minute, time.Hour} {
		_, err := s.store.Transition(t.Context(), array.ID, func(j batch.Job) (batch.Job, error) {
			next, _, err := lifecycle.Step(j, lifecycle.GivenUp{After: 10 * time.Minute}, began.Add(after))
			return next, err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s.want(child(0).ID, batch.StatusFailed, 0, 0)
	s.want(child(2).ID, batch.StatusRunning, 0, 1)
}

func TestEmptyStoreAdoptsAGang(t *testing.T) {
	t.Parallel()
	s, job := newLostScene(t), lostJob("gang")
	job.NumNodes, job.MainNode = 2, 1
	pods := s.pods(job, 1, up)
	s.settle(job.ID)
	got := s.want(job.ID, batch.StatusRunning, 0, 1)
	if got.Parameters["k"] != "v" || got.Current.Nodes[0].PodName != pods[0].Name || got.Current.Nodes[0].Status != batch.StatusRunning {
		t.Errorf("job is %+v", got)
	}
	s.wantUntouched(pods...)
}

func TestWhatCannotBeAdoptedIsKept(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*lostScene, *corev1.Pod){
		"it does not say what it is of": func(_ *lostScene, p *corev1.Pod) { delete(p.Annotations, batchmeta.Job) },
		"it says nonsense":              func(_ *lostScene, p *corev1.Pod) { p.Annotations[batchmeta.Job] = `{"version":1,"id":7}` },
		"it says that it is another":    func(_ *lostScene, p *corev1.Pod) { p.Labels[batchmeta.JobID] = batch.DeriveJobID(lostQueue, "other") },
		"it has the name of another":    func(s *lostScene, p *corev1.Pod) { rename(s, p, "aws-batch.other") },
		"it says that it has children":  func(_ *lostScene, p *corev1.Pod) { saying(p, `"arraySize":1000000000000`) },
		"it says that it has nodes":     func(_ *lostScene, p *corev1.Pod) { saying(p, `"numNodes":1000000000000,"node":0`) },
		"it says no queue":              func(_ *lostScene, p *corev1.Pod) { saying(p, `"queue":""`) },
		"it says another attempt":       func(_ *lostScene, p *corev1.Pod) { p.Labels[batchmeta.Attempt] = "3" },
		"its queue's number is another's": func(s *lostScene, _ *corev1.Pod) {
			if err := s.store.RestoreQueue(s.t.Context(), batch.JobQueue{Name: "other", Number: lostQueue}); err != nil {
				s.t.Fatal(err)
			}
		},
		"its queue was deleted": func(s *lostScene, _ *corev1.Pod) {
			if err := s.store.CloseQueue(s.t.Context(), lostQueue); err != nil {
				s.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, job := newLostScene(t), lostJob("j")
			pods := s.pods(job, 1, up)
			spoil(s, pods[0])
			s.settle(ownerOf(pods[0]))
			if got, err := s.store.Job(t.Context(), ownerOf(pods[0])); err == nil {
				t.Errorf("job is %+v", got)
			}
			s.wantUntouched(pods...)
		})
	}
}

// saying adds to what a pod says of its job.
func saying(pod *corev1.Pod, more string) {
	said := pod.Annotations[batchmeta.Job]
	pod.Annotations[batchmeta.Job] = said[:len(said)-1] + "," + more + "}"
}

func rename(s *lostScene, pod *corev1.Pod, name string) {
	delete(s.cluster.pods, pod.Name)
	pod.Name = name
	s.cluster.pods[name] = pod
}

// A store that refuses one job is asked for the others all the same.
func TestOneJobThatIsRefusedHoldsNoOtherUp(t *testing.T) {
	t.Parallel()
	s, first, second := newLostScene(t), lostJob("first"), lostJob("second")
	first.ID = batch.DeriveJobID(lostQueue-1, "first") // settled first, of a queue whose name is another's by then
	if err := s.store.RestoreQueue(t.Context(), batch.JobQueue{Name: "q", Number: lostQueue}); err != nil {
		t.Fatal(err)
	}
	pods := append(s.pods(first, 1, up), s.pods(second, 1, up)...)
	s.settle(first.ID, second.ID)
	s.want(second.ID, batch.StatusRunning, 0, 1)
	s.wantUntouched(pods...)
}

// A pod that goes before it had a node, and one whose end was settled, are nothing to learn from.
func TestWhatIsOverIsNotAdopted(t *testing.T) {
	t.Parallel()
	for name, pod := range map[string]*corev1.Pod{"settled": done, "going": podIn(corev1.PodPending, "")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, job := newLostScene(t), lostJob("j")
			made := s.pods(job, 1, pod)[0]
			if name == "settled" {
				made.Finalizers = nil
			} else if err := s.cluster.Stop(t.Context(), made); err != nil {
				t.Fatal(err)
			}
			s.settle(job.ID)
			if got, err := s.store.Job(t.Context(), job.ID); err == nil {
				t.Errorf("job is %+v", got)
			}
		})
	}
}
