// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-batch/muster/autoscaler/fleet"
)

// lossy is a fleet of whose launches the answers are lost.
type lossy struct {
	fleet.Fleet
	lost atomic.Int32 // how many more
}

func (f *lossy) Launch(ctx context.Context, r fleet.LaunchRequest) ([]fleet.Instance, error) {
	out, err := f.Fleet.Launch(ctx, r)
	if f.lost.Add(-1) >= 0 {
		return nil, &fleet.UncertainError{Err: errors.New("the connection broke")}
	}
	return out, err
}

// lagging is a fleet whose lists do not have what it has launched; only who launched it knows.
type lagging struct {
	fleet.Fleet
	knows bool
}

func (f lagging) List(ctx context.Context) ([]fleet.Instance, error) {
	out, err := f.Fleet.List(ctx)
	if !f.knows {
		return nil, err
	}
	for n := range out {
		out[n].Unshown = true
	}
	return out, err
}

// over restarts the provider over another fleet, in a term that ends with ctx.
func (w *world) over(ctx context.Context, f fleet.Fleet) {
	w.t.Helper()
	w.Provider = New(ctx, f, w, w, w.ledger, w, Config{
		Clock: w.clock, LaunchFailed: func(f FailedLaunch) { w.failures = append(w.failures, f) },
	})
	if err := w.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) wantUnderWay(want int) {
	w.t.Helper()
	if entries, err := w.ledger.Open(w.t.Context()); len(entries) != want || err != nil {
		w.t.Errorf("under way are %v, %v; want %d", entries, err, want)
	}
}

func TestALaunchWithoutAnAnswerIsRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	f := &lossy{Fleet: w.fleet}
	f.lost.Store(3)
	w.over(t.Context(), f)
	if _, err := w.group(large).Grow(8, false, nil); err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		w.Wait()
	}()
	for waiting := true; waiting; {
		select {
		case <-answered:
			waiting = false
		case <-time.After(time.Millisecond):
			w.clock.Step(mostPause)
		}
	}
	w.wantSizes(map[string]int{large: 8})
	calls := w.fleet.Launches()
	for _, c := range calls {
		if c.Token != calls[0].Token {
			t.Errorf("a repeated launch had another token: %+v", calls)
		}
	}
	if len(calls) != 4 || len(w.failures) != 0 {
		t.Errorf("%d calls, want 4; told of %+v", len(calls), w.failures)
	}
}

func TestADoubtfulLaunchCountsUntilListsTell(t *testing.T) {
	t.Parallel()
	for name, launched := range map[string]bool{"there were instances": true, "there were none": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, env())
			f := &lossy{Fleet: w.fleet}
			f.lost.Store(1)
			term, end := context.WithCancel(t.Context())
			end() // so that it is not asked again
			w.over(term, f)
			if !launched {
				w.fleet.SetStock("c5.large", 0)
			}
			w.grow(large, 8)
			if len(w.failures) != 1 || !fleet.IsUncertain(w.failures[0].Err) {
				t.Errorf("told of %+v", w.failures)
			}
			if _, err := w.group(xlarge).Grow(1, false, nil); err == nil {
				t.Error("bought beyond what may be there, of maxvCpus 16")
			}
			w.reconcile(time.Second)
			if _, err := w.group(xlarge).Grow(1, false, nil); err == nil {
				t.Error("bought beyond what may be there, after a list")
			}
			w.wantUnderWay(1)
			w.reconcile(doubtFor)
			w.wantUnderWay(0)
			_, err := w.group(xlarge).Grow(1, false, nil)
			w.Wait()
			if (err == nil) == launched {
				t.Errorf("in the end it grows: %v", err)
			}
		})
	}
}

func TestASuccessorBuysNothingThatListsDoNotShowYet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	w.over(t.Context(), lagging{w.fleet, true})
	w.grow(large, 8)
	w.reconcile(time.Second)
	w.over(t.Context(), lagging{w.fleet, false})
	w.Wait()
	w.wantSizes(map[string]int{large: 8})
	calls := w.fleet.Launches()
	if len(calls) != 2 || calls[0].Token != calls[1].Token {
		t.Errorf("launches = %+v, want one that is repeated", calls)
	}
	w.over(t.Context(), w.fleet)
	w.Wait()
	w.reconcile(time.Second)
	w.wantUnderWay(0)
}

func TestAFormerLeaderBuysNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	former := w.Provider
	w.restart(NewConfigMapLedger(former.ledger.(*ConfigMapLedger).client, "launches"))
	if _, err := former.groups[groupKey{"u-1", "c5.large", "on-demand"}].Grow(1, false, nil); err != nil {
		t.Fatal(err)
	}
	former.Wait()
	if got := w.fleet.Launches(); len(got) != 0 {
		t.Errorf("the former leader launched %+v", got)
	}
	if err := former.Run(t.Context()); !errors.Is(err, ErrDeposed) {
		t.Errorf("the former leader goes on: %v", err)
	}
	w.grow(large, 1)
	w.wantSizes(map[string]int{large: 1})
}
