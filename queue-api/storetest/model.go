// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"errors"
	"os"
	"reflect"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// perRound is how many sequences a round has, unless -rapid.checks says otherwise.
const perRound = 100

// Rounds is how many rounds RunModel is to be given for the sequences that MUSTER_SEQUENCES asks for; without it, of those that
// the caller would like.
func Rounds(t *testing.T, sequences int) int {
	t.Helper()
	if asked := os.Getenv("MUSTER_SEQUENCES"); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil {
			t.Fatalf("MUSTER_SEQUENCES: %v", err)
		}
		sequences = n
	}
	return (sequences + perRound - 1) / perRound
}

// RunModel does the same random things to a store and to Memory and compares what they say: rounds times as many sequences
// as -rapid.checks says (100 unless told), each of so many steps. open gives an empty store.
func RunModel(t *testing.T, rounds, steps int, open func(t *testing.T) Store) {
	t.Helper()
	RunFaultyModel(t, rounds, steps, func(t *testing.T) (Store, Faults) {
		t.Helper()
		return open(t), nil
	})
}

// Faults make a store unwell.
type Faults interface {
	// FailIn makes the nth request from now on fail, before it is carried out or after, when nobody learns of it.
	FailIn(n int, after bool)
	// Heal makes all well and reports whether a request failed since FailIn.
	Heal() bool
}

// RunFaultyModel is RunModel for a store whose requests fail now and then: what a call that failed left must be what Memory
// has before the call or after it, in every index. Without faults all goes well.
func RunFaultyModel(t *testing.T, rounds, steps int, open func(t *testing.T) (Store, Faults)) {
	t.Helper()
	for round := range rounds {
		t.Run("round "+strconv.Itoa(round), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				s, faults := open(t)
				m := newModel(rt, s)
				m.faults = faults
				for range steps {
					op := rapid.SampledFrom(modelOps).Draw(rt, "op")
					op.do(m)
				}
				m.compareAll()
			})
		})
	}
}

// model holds a store against Memory.
type model struct {
	*rapid.T
	ctx    context.Context
	stores [2]Store // Memory first
	faults Faults   // may be nil
	queues []batch.JobQueue
	jobs   []batch.Job // as submitted, arrays as one
}

type modelOp struct {
	name string
	do   func(*model)
}

func (op modelOp) String() string { return op.name }

// modelOps has the more frequent ones more often.
var modelOps = []modelOp{
	{"submit a job", func(m *model) { m.submit(0) }},
	{"submit an array", func(m *model) { m.submit(m.size()) }},
	{"submit what waits", (*model).submitDependent},
	{"submit again", (*model).submitAgain},
	{"transition", (*model).transition},
	{"transition", (*model).transition},
	{"transition", (*model).transition},
	{"transition a child", (*model).transitionChild},
	{"transition a child", (*model).transitionChild},
	{"live on", (*model).liveOn},
	{"live on", (*model).liveOn},
	{"change tags", (*model).changeTags},
	{"list", (*model).list},
	{"list children", (*model).listChildren},
	{"page through a share", (*model).waitingIn},
	{"position", (*model).position},
	{"forget a share", (*model).forgetShare},
	{"settle", (*model).settle},
	{"unsettle", (*model).unsettle},
	{"remove a dependent", (*model).removeDependent},
	{"take", (*model).take},
	{"give back", (*model).giveBack},
}

func newModel(rt *rapid.T, s Store) *model {
	m := &model{T: rt, ctx: rt.Context(), stores: [2]Store{NewMemory(), s}}
	for _, name := range []string{"q", "r"} {
		q := same(m, "queue", func(s Store) (batch.JobQueue, error) {
			return s.CreateQueue(m.ctx, batch.JobQueue{Name: name})
		})
		m.queues = append(m.queues, q)
	}
	for i, kind := range []string{batch.Replenishable, batch.NonReplenishable} {
		m.both("resource", func(s Store) error {
			return s.CreateConsumable(m.ctx, batch.ConsumableResource{Name: strconv.Itoa(i), Type: kind, TotalQuantity: 5, CreatedAt: at})
		})
	}
	return m
}

// same asks both stores, compares the answers and gives Memory's.
func same[T any](m *model, what string, ask func(Store) (T, error)) T {
	want, wantErr := ask(m.stores[0])
	got, gotErr := ask(m.stores[1])
	if !sameError(wantErr, gotErr) {
		m.Fatalf("%s: error %v, want %v", what, gotErr, wantErr)
	}
	if reflect.DeepEqual(want, got) {
		return want // much sooner than cmp says so
	}
	if diff := cmp.Diff(want, got, modelOptions...); diff != "" {
		m.Fatalf("%s: mismatch (-want +got):\n%s", what, diff)
	}
	return want
}

// sameJobs is same for jobs. Versions of arrays and children are a store's own affair.
func sameJobs(m *model, what string, ask func(Store) ([]batch.Job, error)) {
	same(m, what, func(s Store) ([]batch.Job, error) {
		jobs, err := ask(s)
		for i := range jobs {
			if jobs[i].ArraySize > 0 {
				jobs[i].Version = 0
			}
		}
		return jobs, err
	})
}

func sameJob(m *model, what string, ask func(Store) (batch.Job, error)) {
	sameJobs(m, what, func(s Store) ([]batch.Job, error) {
		job, err := ask(s)
		return []batch.Job{job}, err
	})
}

var modelOptions = []cmp.Option{
	cmpopts.EquateEmpty(),
	cmpopts.IgnoreFields(batch.StatusChange{}, "Cursor", "At"),
	cmpopts.IgnoreFields(batch.Settled{}, "Mark"),
}

func sameError(a, b error) bool {
	for _, sentinel := range []error{batch.ErrNotFound, batch.ErrExists, batch.ErrLimit, lifecycle.ErrIllegalTransition} {
		if errors.Is(a, sentinel) != errors.Is(b, sentinel) {
			return false
		}
	}
	return (a == nil) == (b == nil)
}

func (m *model) both(what string, do func(Store) error) {
	same(m, what, func(s Store) (bool, error) { return true, do(s) })
}

func (m *model) size() int             { return rapid.IntRange(1, 4).Draw(m.T, "size") }
func (m *model) queue() batch.JobQueue { return rapid.SampledFrom(m.queues).Draw(m.T, "queue") }
func (m *model) share() string         { return rapid.SampledFrom([]string{"", "a", "b"}).Draw(m.T, "share") }
func (m *model) limit() int            { return rapid.IntRange(1, 4).Draw(m.T, "limit") }
func (m *model) fresh(q batch.JobQueue) string {
	return batch.DeriveJobID(q.Number, strconv.Itoa(len(m.jobs)))
}

// job draws a job that was submitted; ok is false while there is none.
func (m *model) job(keep func(batch.Job) bool) (job batch.Job, ok bool) {
	var some []batch.Job
	for _, j := range m.jobs {
		if keep(j) {
			some = append(some, j)
		}
	}
	if len(some) == 0 {
		return batch.Job{}, false
	}
	return rapid.SampledFrom(some).Draw(m.T, "job"), true
}

func anyJob(batch.Job) bool     { return true }
func isArray(j batch.Job) bool  { return j.IsArray() }
func isSingle(j batch.Job) bool { return !j.IsArray() }

// anyID draws the id of a job, array or child.
func (m *model) anyID() string {
	job, ok := m.job(anyJob)
	switch {
	case !ok:
		return batch.DeriveJobID(m.queues[0].Number, "none")
	case job.IsArray() && rapid.Bool().Draw(m.T, "child"):
		return batch.ChildID(job.ID, rapid.IntRange(0, job.ArraySize).Draw(m.T, "index"))
	default:
		return job.ID
	}
}
