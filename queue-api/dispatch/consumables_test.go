// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/podspec"
	"github.com/muster-batch/muster/queue-api/storetest"
)

func (b *bench) consumable(t *testing.T, name string, total int64) {
	t.Helper()
	c := batch.ConsumableResource{Name: name, Type: batch.Replenishable, TotalQuantity: total}
	if err := b.store.CreateConsumable(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// Contract 4.11: a job waits RUNNABLE until all its quantities can be taken at once. It says what is missing, keeps those
// that need the same waiting and holds nobody else up.
func TestConsumablesAreTakenAllAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.environment(t, "ce-a", func(e *batch.ComputeEnvironment) { e.MaxvCPUs = 100 })
	b.consumable(t, "licence", 3)
	b.consumable(t, "token", 1)
	q := b.queue(t, "q", 1, "ce-a")
	jobs := []batch.Job{
		b.submit(t, q, 1000, needing("licence", 2)),
		b.submit(t, q, 1000, needing("token", 1), needing("licence", 2)), // too few licences: takes no token either
		b.submit(t, q, 1000, needing("licence", 1)),                      // would fit, but must not overtake
		b.submit(t, q, 1000, needing("token", 1)),
		b.submit(t, q, 1000),
		b.submit(t, q, 1000, needing("gone", 1)),
	}
	b.round(t)
	if diff := cmp.Diff([]string{"ce-a", "", "", "ce-a", "ce-a", ""}, b.admittedTo(t, jobs...)); diff != "" {
		t.Errorf("admissions mismatch (-want +got):\n%s", diff)
	}
	wantReasons := []string{
		"", "Waiting for consumable resource licence: 2 needed, 1 of 3 available.", "", "", "",
		"Waiting for consumable resource gone: 1 needed, and it does not exist.",
	}
	for i, want := range wantReasons {
		if got := b.job(t, jobs[i].ID).StatusReason; got != want {
			t.Errorf("job %d says %q, want %q", i, got, want)
		}
	}
	holders, err := b.store.ConsumableHolders(t.Context())
	if want := []string{batch.AttemptID(jobs[0].ID, 1), batch.AttemptID(jobs[3].ID, 1)}; err != nil || len(holders) != len(want) {
		t.Errorf("holders %v (%v), want %v", holders, err, want)
	}

	for _, i := range []int{0, 3} { // as package release does once these have ended
		if err := b.store.ReturnConsumables(t.Context(), batch.AttemptID(jobs[i].ID, 1), true); err != nil {
			t.Fatal(err)
		}
	}
	b.round(t)
	if diff := cmp.Diff([]string{"ce-a", "ce-a"}, b.admittedTo(t, jobs[1:3]...)); diff != "" {
		t.Errorf("admissions mismatch (-want +got):\n%s", diff)
	}
	if got := b.job(t, jobs[1].ID).StatusReason; got != "" {
		t.Errorf("an admitted job says %q", got)
	}
}

// A job that needs more than there is in all keeps nobody waiting behind it.
func TestNobodyWaitsBehindAJobThatCannotBeServed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.consumable(t, "licence", 3)
	q := b.queue(t, "q", 1, "ce-a")
	jobs := []batch.Job{b.submit(t, q, 1000, needing("licence", 4)), b.submit(t, q, 1000, needing("licence", 3))}
	b.round(t)
	if diff := cmp.Diff([]string{"", "ce-a"}, b.admittedTo(t, jobs...)); diff != "" {
		t.Errorf("admissions mismatch (-want +got):\n%s", diff)
	}
}

func TestConsumablesOfAJobThatIsNotAdmittedComeBack(t *testing.T) {
	t.Parallel()
	now := newClock().Now()
	cases := map[string]struct {
		change    func(*batch.Job)
		before    func(context.Context, storetest.Store, string) error // the admission, after the job was read
		wantTaken bool
	}{
		"a job that makes no pod": {
			change: func(j *batch.Job) {
				j.ContainerOverrides = []byte(`{"resourceRequirements":[{"type":"VCPU","value":"many"}]}`)
			},
		},
		"a job that is cancelled meanwhile": {
			before: func(ctx context.Context, m storetest.Store, id string) error {
				_, err := m.Transition(ctx, id, func(j batch.Job) (batch.Job, error) {
					next, _, err := lifecycle.Step(j, lifecycle.Cancelled{Reason: "no"}, now)
					return next, err
				})
				return err
			},
		},
		"a job that was admitted already keeps them": {
			before: func(ctx context.Context, m storetest.Store, id string) error {
				_, err := m.Transition(ctx, id, func(j batch.Job) (batch.Job, error) {
					next, _, err := lifecycle.Step(j, lifecycle.Admitted{ComputeEnvironment: "ce-a", PodName: "p"}, now)
					return next, err
				})
				return err
			},
			wantTaken: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.consumable(t, "licence", 1)
			q := b.queue(t, "q", 1, "ce-a")
			change := tc.change
			if change == nil {
				change = func(*batch.Job) {}
			}
			job := b.submit(t, q, 1000, needing("licence", 1), change)
			store := &meddling{Store: b.store, before: tc.before}
			d := New(store, b.pods, Config{Clock: b.clock, Pod: podspec.Options{Namespace: "jobs"}})
			if err := d.runOnce(t.Context()); err != nil {
				t.Fatal(err)
			}
			holders, err := b.store.ConsumableHolders(t.Context())
			if err != nil || (len(holders) > 0) != tc.wantTaken {
				t.Errorf("holders %v (%v) of job %s", holders, err, job.ID)
			}
		})
	}
}

// meddling is a store in which something happens to a job just before it is admitted.
type meddling struct {
	storetest.Store
	before func(context.Context, storetest.Store, string) error
}

func (m *meddling) Transition(ctx context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error) {
	if m.before != nil {
		if err := m.before(ctx, m.Store, id); err != nil {
			return batch.Job{}, err
		}
	}
	return m.Store.Transition(ctx, id, step)
}

func TestUnknownShortageStopsNothingElse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	q := b.queue(t, "q", 1, "ce-a")
	jobs := []batch.Job{b.submit(t, q, 1000, needing("licence", 1)), b.submit(t, q, 1000)}
	d := New(noConsumables{b.store}, b.pods, Config{Clock: b.clock, Pod: podspec.Options{Namespace: "jobs"}})
	if err := d.runOnce(t.Context()); !errors.Is(err, errAway) {
		t.Errorf("got %v, want %v", err, errAway)
	}
	if diff := cmp.Diff([]string{"", "ce-a"}, b.admittedTo(t, jobs...)); diff != "" {
		t.Errorf("admissions mismatch (-want +got):\n%s", diff)
	}
}

var errAway = errors.New("away")

type noConsumables struct{ storetest.Store }

func (noConsumables) TakeConsumables(context.Context, string, []batch.ConsumableRequirement) (string, error) {
	return "", errAway
}
