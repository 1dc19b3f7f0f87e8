// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/controlplane"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/redisstore"
)

// The size of a history.
const (
	callers   = 16
	callsEach = 140
	jobs      = 60
	lossShare = 0.01 // of the requests to Redis
	maxLost   = 4    // calls of one job whose outcome nobody knows: each doubles what there is to check
)

// replica is one queue-api: its own connections, caches and part of the leader's work.
type replica struct {
	*controlplane.Service

	store  *redisstore.Store
	leader atomic.Pointer[redisstore.Store]
	faults *lossy
}

// recorder lets callers loose on two replicas and keeps what they did and saw.
type recorder struct {
	t        *testing.T
	server   *server
	replicas [2]*replica
	seed     uint64
	queue    int // its number
	time     atomic.Int64
	waiting  atomic.Bool // for the server

	mu      sync.Mutex // guards what follows
	history []porcupine.Operation
	lost    map[int]int
	stale   int // writes of a leader that was one no longer
}

var caller = batch.Call{Scope: batch.Scope{Region: "eu-west-1", Account: "111122223333"}, Principal: "AKID"}

func newRecorder(t *testing.T, s *server, seed uint64) *recorder {
	t.Helper()
	r := &recorder{t: t, server: s, seed: seed, lost: map[int]int{}}
	if err := s.direct.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	for i := range r.replicas {
		r.replicas[i] = r.newReplica(uint64(i))
	}
	r.prepare(r.replicas[0])
	for _, p := range r.replicas {
		r.lead(p)
		p.faults.mu.Lock()
		p.faults.share = lossShare
		p.faults.mu.Unlock()
	}
	return r
}

func (r *recorder) newReplica(i uint64) *replica {
	faults := &lossy{random: rand.New(rand.NewPCG(r.seed, i))} //nolint:gosec // the same for the same seed
	client := r.server.client(faults)
	r.t.Cleanup(func() { _ = client.Close() })
	store := redisstore.New(client, redisstore.Config{})
	service, err := controlplane.New(store, clock.RealClock{}, controlplane.Config{})
	if err != nil {
		r.t.Fatal(err)
	}
	return &replica{Service: service, store: store, faults: faults}
}

// prepare makes what a job needs.
func (r *recorder) prepare(p *replica) {
	r.t.Helper()
	ctx := r.t.Context()
	errs := []error{
		p.store.CreateEnvironment(ctx, batch.ComputeEnvironment{
			Name: "ce", State: batch.Enabled, Status: batch.ResourceValid, Type: batch.Managed, EKS: &batch.EKSConfiguration{Namespace: "jobs"},
		}),
	}
	queue, err := p.store.CreateQueue(ctx, batch.JobQueue{Name: "q", State: batch.Enabled, Status: batch.ResourceValid, Environments: []batch.EnvironmentOrder{{Order: 1, Name: "ce"}}})
	errs = append(errs, err)
	_, err = p.store.RegisterDefinition(ctx, batch.JobDefinition{
		Name: "d", Type: "container", ContainerProperties: []byte(`{"image":"i","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}`),
	})
	if err := errors.Join(append(errs, err)...); err != nil {
		r.t.Fatal(err)
	}
	r.queue = queue.Number
}

// lead makes a replica the leader; whoever was one does not know.
func (r *recorder) lead(p *replica) {
	if mine, err := p.store.Lead(r.t.Context()); err == nil {
		p.leader.Store(mine)
	}
}

// record gives the history of so many callers; kill makes the server die in the midst of it.
func (r *recorder) record(kill bool) []porcupine.Operation {
	r.t.Helper()
	var running sync.WaitGroup
	for i := range callers {
		running.Go(func() {
			random := rand.New(rand.NewPCG(r.seed, uint64(100+i))) //nolint:gosec // the same for the same seed
			for range callsEach {
				r.one(random, r.replicas[(i+random.IntN(2))%2])
			}
		})
	}
	if kill {
		r.await(callers * callsEach)
		r.waiting.Store(true)
		r.server.kill()
		r.waiting.Store(false)
	}
	running.Wait()
	return r.history
}

// await waits until the clock of the history, which strikes at the beginning and at the end of each call, has got so far.
func (r *recorder) await(until int64) {
	for r.time.Load() < until {
		time.Sleep(100 * time.Microsecond)
	}
}

// one is one call.
func (r *recorder) one(random *rand.Rand, p *replica) {
	for r.waiting.Load() {
		time.Sleep(time.Millisecond) // as SDKs do between two tries
	}
	if random.IntN(200) == 0 {
		r.lead(p)
	}
	c := Call{Job: r.draw(random), Kind: Describe, Succeeds: random.IntN(2) == 0}
	switch n := random.IntN(20); {
	case n < 4:
		c.Kind = Submit
	case n == 4:
		c.Kind, c.Reason = Cancel, "c"+strconv.Itoa(random.IntN(3))
	case n == 5:
		c.Kind, c.Reason = Terminate, "t"+strconv.Itoa(random.IntN(3))
	case n < 12:
		c.Kind = Advance
	}
	from := r.time.Add(1)
	reply, err := r.ask(p, c)
	op := porcupine.Operation{Input: c, Call: from, Output: reply, Return: r.time.Add(1)}
	r.keep(op, err)
}

// draw chooses a job, one of those whose history can still be told.
func (r *recorder) draw(random *rand.Rand) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if job := random.IntN(jobs); r.lost[job] < maxLost {
			return job
		}
	}
}

// keep adds a call to the history, unless it is known to have done nothing.
func (r *recorder) keep(op porcupine.Operation, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := op.Input.(Call)
	refusal, isRefusal := errors.AsType[*batch.Error](err)
	switch {
	case err == nil:
		r.history = append(r.history, op)
	case isRefusal:
		r.t.Errorf("%+v: %v", c, refusal)
	case errors.Is(err, batch.ErrStaleEpoch):
		r.stale++ // and nothing else may have come of it
	case c.Kind == Describe:
	default:
		op.Return, op.Output = never, Reply{Unknown: true}
		r.lost[c.Job]++
		r.history = append(r.history, op)
	}
}

// id is that of the job of a submission, which repeats of it share.
func (r *recorder) id(job int) string {
	invocation := "job-" + strconv.Itoa(job)
	return batch.DeriveJobID(r.queue, strconv.Itoa(len(caller.Principal))+":"+caller.Principal+invocation)
}

func (r *recorder) ask(p *replica, c Call) (Reply, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	id := r.id(c.Job)
	switch c.Kind {
	case Submit:
		return r.submit(ctx, p, c, id)
	case Cancel:
		_, err := p.CancelJob(ctx, caller, &awsapi.CancelJobRequest{JobId: &id, Reason: &c.Reason})
		return Reply{}, err
	case Terminate:
		_, err := p.TerminateJob(ctx, caller, &awsapi.TerminateJobRequest{JobId: &id, Reason: &c.Reason})
		return Reply{}, err
	case Advance:
		return Reply{}, advance(ctx, p, id, c.Succeeds)
	case Describe:
	}
	out, err := p.DescribeJobs(ctx, caller, &awsapi.DescribeJobsRequest{Jobs: []string{id}})
	if err != nil || len(out.Jobs) == 0 {
		return Reply{}, err
	}
	d := out.Jobs[0]
	view := View{Status: batch.JobStatus(*d.Status), Cancelled: d.IsCancelled != nil, Terminated: d.IsTerminated != nil}
	if view.Status == batch.StatusFailed && d.StatusReason != nil {
		view.Reason = *d.StatusReason
	}
	return Reply{View: view}, nil
}

func (r *recorder) submit(ctx context.Context, p *replica, c Call, id string) (Reply, error) {
	call := caller
	call.Invocation = "job-" + strconv.Itoa(c.Job)
	out, err := p.SubmitJob(ctx, call, &awsapi.SubmitJobRequest{JobName: new("n"), JobQueue: new("q"), JobDefinition: new("d")})
	if err == nil && *out.JobId != id {
		r.t.Errorf("job %d is %s, then %s", c.Job, id, *out.JobId)
	}
	return Reply{}, err
}

// advance takes a job one step on its way, as dispatcher and watcher do.
func advance(ctx context.Context, p *replica, id string, succeeds bool) error {
	_, err := p.leader.Load().Transition(ctx, id, func(job batch.Job) (batch.Job, error) {
		n, now := len(job.Attempts)+1, time.UnixMilli(1).UTC()
		var ev lifecycle.Event
		switch job.Status {
		case batch.StatusRunnable:
			ev = lifecycle.Bound{Attempt: n, NodeName: "n"}
			if job.Current == nil {
				ev = lifecycle.Admitted{ComputeEnvironment: "ce", PodName: "p"}
			}
		case batch.StatusStarting:
			ev = lifecycle.Started{Attempt: n, At: now}
		case batch.StatusRunning:
			ev = lifecycle.Ended{Attempt: n, Succeeded: succeeds, StatusReason: lifecycle.ReasonExited}
		case batch.StatusSubmitted, batch.StatusPending, batch.StatusSucceeded, batch.StatusFailed:
			return job, nil
		}
		next, _, err := lifecycle.Step(job, ev, now)
		return next, err
	})
	if errors.Is(err, batch.ErrNotFound) {
		return nil
	}
	return err
}
