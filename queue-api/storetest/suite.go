// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Run holds a store to the rules. open gives an empty store.
func Run(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	run(t, open, map[string]func(*testing.T, Store){
		"a name is taken once":                                    testCreateOnce,
		"updates of one record by many writers all count":         testConcurrentUpdates,
		"an update that fails changes nothing":                    testFailedUpdate,
		"records are deleted, twice without harm":                 testDelete,
		"queue numbers are never given again":                     testQueueNumbers,
		"revisions count up, also after deregistration":           testRevisions,
		"the latest active revision answers to the bare name":     testLatestRevision,
		"a submission's queue and definition come at once":        testTarget,
		"a job is read back as it was submitted":                  testSubmit,
		"a closed queue takes no jobs":                            testClosedQueue,
		"unknown jobs are left out":                               testUnknownJobs,
		"one of two racing transitions wins, the other sees it":   testTransitionRace,
		"a step that fails or changes nothing writes nothing":     testTransitionNothing,
		"waiting jobs come by submission, retried ones first":     testWaitingOrder,
		"an attempt under way is live and charged, an ended not":  testLiveAndUsage,
		"jobs are listed by status, latest first, page by page":   testListJobs,
		"submitting again what is stored already changes nothing": testSubmitTwice,
	})
}

var at = time.UnixMilli(1_700_000_000_123).UTC()

func newQueue(t *testing.T, s Store) batch.JobQueue {
	t.Helper()
	q, err := s.CreateQueue(t.Context(), batch.JobQueue{
		Name: "q", State: batch.Enabled, Status: batch.ResourceValid, Priority: 1, Tags: map[string]string{"a": "b"},
		Environments: []batch.EnvironmentOrder{{Order: 1, Name: "ce"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func newJob(t *testing.T, q batch.JobQueue) batch.Job {
	t.Helper()
	id, err := batch.NewJobID(q.Number, nil)
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	return batch.Job{
		ID: id, Name: "job", Queue: q.Name, Definition: batch.DefinitionRef{Name: "def", Revision: 3}, CreatedAt: at,
		Parameters: map[string]string{"p": "v"}, Tags: map[string]string{"t": "v"}, ContainerOverrides: []byte(`{"command":["x"]}`),
		RetryStrategy: &batch.RetryStrategy{Attempts: 3, EvaluateOnExit: []batch.EvaluateOnExit{{OnExitCode: "1", Action: "exit"}}},
		Timeout:       time.Minute, PropagateTags: &yes, Requests: batch.Requests{MilliVCPU: 1500, MemoryMiB: 64, GPU: 1},
		Status: batch.StatusRunnable,
	}
}

func submit(t *testing.T, s Store, q batch.JobQueue) batch.Job {
	t.Helper()
	job, err := s.Submit(t.Context(), q.Number, newJob(t, q))
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func change(t *testing.T, s Store, id string, with func(*batch.Job)) batch.Job {
	t.Helper()
	job, err := s.Transition(t.Context(), id, func(j batch.Job) (batch.Job, error) {
		with(&j)
		return j, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// admit, end and retry are the changes that move a job between indexes.
func admit(j *batch.Job) {
	j.Current = &batch.Attempt{Number: len(j.Attempts) + 1, ComputeEnvironment: "ce", PodName: "p", PodNamespace: "ns"}
}

func end(status batch.JobStatus) func(*batch.Job) {
	return func(j *batch.Job) {
		code := 1
		a := *j.Current
		a.StartedAt, a.StoppedAt = at, at.Add(time.Second)
		a.Containers = []batch.ContainerOutcome{{Name: "default", ExitCode: &code, Reason: "Error"}}
		j.Attempts, j.Current, j.Status = append(j.Attempts, a), nil, status
		if status.IsTerminal() {
			j.StoppedAt = a.StoppedAt
		}
	}
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got error %v, want %v", got, want)
	}
}

func wantEqual(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
}

func ids(jobs []batch.Job) []string {
	out := make([]string, 0, len(jobs))
	for _, j := range jobs {
		out = append(out, j.ID)
	}
	return out
}

func testCreateOnce(t *testing.T, s Store) {
	t.Helper()
	ce := batch.ComputeEnvironment{
		Name: "ce", UUID: "u", Type: batch.Managed, State: batch.Enabled, Status: batch.ResourceCreating, MaxvCPUs: 8,
		EKS: &batch.EKSConfiguration{Namespace: "ns"}, Tags: map[string]string{"a": "b"}, ComputeResources: []byte(`{"type":"EC2"}`),
	}
	wantErr(t, s.CreateEnvironment(t.Context(), ce), nil)
	wantErr(t, s.CreateEnvironment(t.Context(), batch.ComputeEnvironment{Name: "ce", UUID: "other"}), batch.ErrExists)
	got, err := s.Environment(t.Context(), "ce")
	wantErr(t, err, nil)
	wantEqual(t, got, ce)
	newQueue(t, s)
	_, err = s.CreateQueue(t.Context(), batch.JobQueue{Name: "q"})
	wantErr(t, err, batch.ErrExists)
}

func testConcurrentUpdates(t *testing.T, s Store) {
	t.Helper()
	newQueue(t, s)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_, err := s.UpdateQueue(t.Context(), "q", func(q *batch.JobQueue) error { q.Priority++; return nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	q, err := s.Queue(t.Context(), "q")
	wantErr(t, err, nil)
	wantEqual(t, q.Priority, 9)
}

func testFailedUpdate(t *testing.T, s Store) {
	t.Helper()
	before := newQueue(t, s)
	refusal := errors.New("no")
	_, err := s.UpdateQueue(t.Context(), "q", func(q *batch.JobQueue) error { q.Priority = 99; return refusal })
	wantErr(t, err, refusal)
	after, err := s.Queue(t.Context(), "q")
	wantErr(t, err, nil)
	wantEqual(t, after, before)
	_, err = s.UpdateEnvironment(t.Context(), "none", func(*batch.ComputeEnvironment) error { return nil })
	wantErr(t, err, batch.ErrNotFound)
}

func testDelete(t *testing.T, s Store) {
	t.Helper()
	wantErr(t, s.CreateEnvironment(t.Context(), batch.ComputeEnvironment{Name: "b"}), nil)
	wantErr(t, s.CreateEnvironment(t.Context(), batch.ComputeEnvironment{Name: "a"}), nil)
	all, err := s.Environments(t.Context())
	wantErr(t, err, nil)
	wantEqual(t, all, []batch.ComputeEnvironment{{Name: "a"}, {Name: "b"}})
	for range 2 {
		wantErr(t, s.DeleteEnvironment(t.Context(), "a"), nil)
	}
	_, err = s.Environment(t.Context(), "a")
	wantErr(t, err, batch.ErrNotFound)
}

func testQueueNumbers(t *testing.T, s Store) {
	t.Helper()
	first := newQueue(t, s)
	wantErr(t, s.DeleteQueue(t.Context(), "q"), nil)
	second := newQueue(t, s)
	if first.Number < 1 || second.Number <= first.Number {
		t.Errorf("numbers %d then %d", first.Number, second.Number)
	}
}

func testRevisions(t *testing.T, s Store) {
	t.Helper()
	d := batch.JobDefinition{Name: "d", Type: "container", Parameters: map[string]string{"a": "b"}, ContainerProperties: []byte(`{"image":"i"}`)}
	for want := 1; want <= 3; want++ {
		got, err := s.RegisterDefinition(t.Context(), d)
		wantErr(t, err, nil)
		wantEqual(t, got.Revision, want)
		for range 2 {
			wantErr(t, s.DeregisterDefinition(t.Context(), got.Ref()), nil)
		}
	}
	all, err := s.DefinitionRevisions(t.Context(), "d")
	wantErr(t, err, nil)
	wantEqual(t, []int{all[0].Revision, all[1].Revision, all[2].Revision}, []int{3, 2, 1})
	d.Revision, d.Status = 2, batch.DefinitionInactive
	wantEqual(t, all[1], d)
	wantErr(t, s.DeregisterDefinition(t.Context(), batch.DefinitionRef{Name: "d", Revision: 4}), batch.ErrNotFound)
}

func testLatestRevision(t *testing.T, s Store) {
	t.Helper()
	for range 3 {
		_, err := s.RegisterDefinition(t.Context(), batch.JobDefinition{Name: "d"})
		wantErr(t, err, nil)
	}
	wantErr(t, s.DeregisterDefinition(t.Context(), batch.DefinitionRef{Name: "d", Revision: 3}), nil)
	got, err := s.Definition(t.Context(), batch.DefinitionRef{Name: "d"})
	wantErr(t, err, nil)
	wantEqual(t, got.Revision, 2)
	got, err = s.Definition(t.Context(), batch.DefinitionRef{Name: "d", Revision: 3})
	wantErr(t, err, nil)
	wantEqual(t, got.Status, batch.DefinitionInactive)
	_, err = s.Definition(t.Context(), batch.DefinitionRef{Name: "none"})
	wantErr(t, err, batch.ErrNotFound)
	names, err := s.DefinitionNames(t.Context())
	wantErr(t, err, nil)
	wantEqual(t, names, []string{"d"})
}

func testTarget(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	d := batch.JobDefinition{Name: "d", Type: "container", ContainerProperties: []byte(`{"image":"i"}`)}
	for range 3 {
		_, err := s.RegisterDefinition(t.Context(), d)
		wantErr(t, err, nil)
	}
	wantErr(t, s.DeregisterDefinition(t.Context(), batch.DefinitionRef{Name: "d", Revision: 3}), nil)
	for ref, want := range map[batch.DefinitionRef]int{{Name: "d"}: 2, {Name: "d", Revision: 1}: 1, {Name: "d", Revision: 3}: 3} {
		gotQueue, got, err := s.Target(t.Context(), "q", ref)
		wantErr(t, err, nil)
		wantEqual(t, gotQueue, q)
		wantEqual(t, got.Revision, want)
	}
	_, _, err := s.Target(t.Context(), "none", batch.DefinitionRef{Name: "d"})
	wantErr(t, err, batch.ErrQueueNotFound)
	for _, ref := range []batch.DefinitionRef{{Name: "none"}, {Name: "d", Revision: 4}} {
		_, _, err = s.Target(t.Context(), "q", ref)
		wantErr(t, err, batch.ErrNotFound)
	}
	_, err = s.UpdateQueue(t.Context(), "q", func(q *batch.JobQueue) error { q.State = batch.Disabled; return nil })
	wantErr(t, err, nil)
	got, _, err := s.Target(t.Context(), "q", batch.DefinitionRef{Name: "d"})
	wantErr(t, err, nil)
	wantEqual(t, got.State, batch.Disabled)
}

func testSubmit(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	job := newJob(t, q)
	stored, err := s.Submit(t.Context(), q.Number, job)
	wantErr(t, err, nil)
	job.Version = 1
	wantEqual(t, stored, job)
	got, err := s.Job(t.Context(), job.ID)
	wantErr(t, err, nil)
	wantEqual(t, got, job)
}

func testSubmitTwice(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	job := newJob(t, q)
	for range 2 {
		_, err := s.Submit(t.Context(), q.Number, job)
		wantErr(t, err, nil)
	}
	wantEqual(t, waitingIDs(t, s, q), []string{job.ID})
}

func testClosedQueue(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	wantErr(t, s.CloseQueue(t.Context(), q.Number), nil)
	_, err := s.Submit(t.Context(), q.Number, newJob(t, q))
	wantErr(t, err, batch.ErrNotFound)
}

func testUnknownJobs(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	a, b := submit(t, s, q), submit(t, s, q)
	jobs, err := s.Jobs(t.Context(), []string{b.ID, "nonsense", newJob(t, q).ID, a.ID})
	wantErr(t, err, nil)
	wantEqual(t, ids(jobs), []string{b.ID, a.ID})
	_, err = s.Job(t.Context(), "nonsense")
	wantErr(t, err, batch.ErrNotFound)
}

func testTransitionRace(t *testing.T, s Store) {
	t.Helper()
	job := submit(t, s, newQueue(t, s))
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 8 {
		wg.Go(func() {
			mine := false
			_, err := s.Transition(t.Context(), job.ID, func(j batch.Job) (batch.Job, error) {
				mine = j.IsWaiting()
				if mine {
					admit(&j)
				}
				return j, nil
			})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if mine {
				won++
			}
		})
	}
	wg.Wait()
	wantEqual(t, won, 1)
}

func testTransitionNothing(t *testing.T, s Store) {
	t.Helper()
	job := submit(t, s, newQueue(t, s))
	refusal := errors.New("no")
	_, err := s.Transition(t.Context(), job.ID, func(j batch.Job) (batch.Job, error) {
		j.Status = batch.StatusFailed
		return j, refusal
	})
	wantErr(t, err, refusal)
	change(t, s, job.ID, func(*batch.Job) {})
	got, err := s.Job(t.Context(), job.ID)
	wantErr(t, err, nil)
	wantEqual(t, got, job)
	_, err = s.Transition(t.Context(), "nonsense", func(j batch.Job) (batch.Job, error) { return j, nil })
	wantErr(t, err, batch.ErrNotFound)
}

func testWaitingOrder(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	var want []string
	for range 4 {
		want = append(want, submit(t, s, q).ID)
	}
	change(t, s, want[2], admit)
	change(t, s, want[2], end(batch.StatusRunnable))
	change(t, s, want[3], admit)
	wantEqual(t, waitingIDs(t, s, q), []string{want[2], want[0], want[1]})
}

func testLiveAndUsage(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	a, b := submit(t, s, q), submit(t, s, q)
	change(t, s, a.ID, admit)
	change(t, s, b.ID, admit)
	wantLive(t, s, q, []string{a.ID, b.ID}, map[string]int64{"ce": 3000})
	change(t, s, a.ID, end(batch.StatusRunnable))
	ended := change(t, s, b.ID, end(batch.StatusFailed))
	wantLive(t, s, q, nil, nil)
	got, err := s.Job(t.Context(), b.ID)
	wantErr(t, err, nil)
	wantEqual(t, got, ended)
}

func wantLive(t *testing.T, s Store, q batch.JobQueue, live []string, usage map[string]int64) {
	t.Helper()
	gotLive, err := s.Live(t.Context(), q.Number)
	wantErr(t, err, nil)
	slices.Sort(gotLive)
	slices.Sort(live)
	wantEqual(t, gotLive, live)
	gotUsage, err := s.Usage(t.Context(), q.Number)
	wantErr(t, err, nil)
	wantEqual(t, gotUsage, usage)
}

func testListJobs(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	var want []string
	for range 5 {
		want = append(want, submit(t, s, q).ID)
	}
	slices.Reverse(want)
	change(t, s, want[1], admit)
	change(t, s, want[1], func(j *batch.Job) { j.Status = batch.StatusStarting })
	want = slices.Delete(want, 1, 2)
	for _, limit := range []int{1, 2, 4, 10} {
		t.Run(fmt.Sprint("page of ", limit), func(t *testing.T) {
			wantEqual(t, listAll(t, s, q, limit), want)
		})
	}
	_, _, err := s.ListJobs(t.Context(), q.Number, batch.StatusRunnable, "nonsense", 10)
	if _, ok := errors.AsType[*batch.Error](err); !ok {
		t.Errorf("a bad token gave %v", err)
	}
}

func listAll(t *testing.T, s Store, q batch.JobQueue, limit int) []string {
	t.Helper()
	var got []string
	for after, page := "", 0; page < 10; page++ {
		jobs, next, err := s.ListJobs(t.Context(), q.Number, batch.StatusRunnable, after, limit)
		wantErr(t, err, nil)
		got = append(got, ids(jobs)...)
		if next == "" {
			break
		}
		after = next
	}
	return got
}
