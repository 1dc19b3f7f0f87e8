// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// Why a term is over.
var (
	errRanOut   = errors.New("the Lease ran out before it was renewed, as this process stood still")
	errFollowed = errors.New("another scheduler holds the Lease")
)

// term is the time for which this scheduler leads for sure: from the last renewal of the Lease on, for as long as nobody
// else may take the Lease.
//
// client-go's elector sees that it was followed only once it has failed to renew the Lease for its deadline, 10 s. A process
// that stood still, as it was paused or its machine was, would bind pods by what it knew before until then, beside its
// successor. So the elector's lock and the plugins' client ask the term before every write, and when it is over the process
// ends. What is left is a write that was on its way, and a machine whose clocks stood still with it: the next renewal tells
// that one, 2 s later.
type term struct {
	clock   clock.PassiveClock
	end     func(why error) // ends the process
	renewal atomic.Pointer[renewal]
}

// renewal is a renewal of the Lease that the API server acknowledged.
type renewal struct {
	asked time.Time // before the API server was: others count from when they saw it, which is later
	lasts time.Duration
}

func newTerm() *term { return &term{clock: clock.RealClock{}, end: leave} }

// leave ends the process as the loss of its Lease does.
func leave(why error) {
	klog.Background().Error(why, "This scheduler leads no more")
	klog.FlushAndExit(klog.ExitFlushTimeout, 1)
}

// check ends the process when its term is over. A process that never led may write: as a candidate it does what harms nobody,
// and without an election there is nobody else.
func (t *term) check() error {
	last := t.renewal.Load()
	if last == nil || elapsed(last.asked, t.clock.Now()) < last.lasts {
		return nil
	}
	t.end(errRanOut)
	return errRanOut
}

// elapsed is how long ago a time was, by the clock of the process or by that on the wall, whichever says more: the one stands
// still while a machine sleeps, and the other may be put back.
func elapsed(since, now time.Time) time.Duration {
	return max(now.Sub(since), now.Round(0).Sub(since.Round(0)))
}

// lock is the elector's, and tells the term what becomes of the Lease.
type lock struct {
	resourcelock.Interface
	term *term
}

var _ resourcelock.Interface = (*lock)(nil)

// Get implements resourcelock.Interface. Whoever led and finds another's name was followed.
func (l *lock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	if err == nil && record.HolderIdentity != "" && record.HolderIdentity != l.Identity() && l.term.renewal.Load() != nil {
		l.term.end(errFollowed)
	}
	return record, raw, err
}

// Create implements resourcelock.Interface.
func (l *lock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.renew(ctx, record, l.Interface.Create)
}

// Update implements resourcelock.Interface.
func (l *lock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.renew(ctx, record, l.Interface.Update)
}

// renew writes the Lease, unless the term is over: another may have led since.
func (l *lock) renew(
	ctx context.Context, record resourcelock.LeaderElectionRecord,
	write func(context.Context, resourcelock.LeaderElectionRecord) error,
) error {
	if err := l.term.check(); err != nil {
		return err
	}
	asked := l.term.clock.Now()
	if err := write(ctx, record); err != nil {
		return err
	}
	l.term.renewal.Store(&renewal{asked: asked, lasts: time.Duration(record.LeaseDurationSeconds) * time.Second})
	return nil
}

// fence is a client's transport that lets no write pass when the term is over.
type fence struct {
	next http.RoundTripper
	term *term
}

// RoundTrip implements http.RoundTripper.
func (f *fence) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		if err := f.term.check(); err != nil {
			if r.Body != nil {
				_ = r.Body.Close() // it is not read any more
			}
			return nil, err
		}
	}
	return f.next.RoundTrip(r)
}
