// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
	clocktesting "k8s.io/utils/clock/testing"
)

// lease is a Lease whose API server takes its time.
type lease struct {
	resourcelock.Interface
	clock  *clocktesting.FakePassiveClock
	takes  time.Duration
	err    error
	holder string
	writes int
}

func (*lease) Identity() string { return "me" }

func (l *lease) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	return &resourcelock.LeaderElectionRecord{HolderIdentity: l.holder}, nil, l.err
}

func (l *lease) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.Update(ctx, record)
}

func (l *lease) Update(_ context.Context, record resourcelock.LeaderElectionRecord) error {
	l.writes++
	l.clock.SetTime(l.clock.Now().Add(l.takes))
	if l.err == nil {
		l.holder = record.HolderIdentity
	}
	return l.err
}

// tenure is a term whose end is seen, and the lock that tells it.
type tenure struct {
	term  *term
	lock  *lock
	lease *lease
	ended error
}

func newTenure() *tenure {
	clk := clocktesting.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	tn := &tenure{lease: &lease{clock: clk}}
	tn.term = &term{clock: clk, end: func(why error) { tn.ended = why }}
	tn.lock = &lock{Interface: tn.lease, term: tn.term}
	return tn
}

func (tn *tenure) pass(d time.Duration) { tn.lease.clock.SetTime(tn.lease.clock.Now().Add(d)) }

func (tn *tenure) renew() error {
	return tn.lock.Update(context.Background(), resourcelock.LeaderElectionRecord{HolderIdentity: "me", LeaseDurationSeconds: 15})
}

func TestTerm(t *testing.T) {
	t.Parallel()
	unavailable := errors.New("unavailable")
	cases := map[string]struct {
		do         func(tn *tenure) error // what happens before something is to be written
		want       error                  // why the process ended; nil if it did not
		wantErr    error                  // of do
		wantWrites int                    // of the Lease
	}{
		"without an election there is no end": {do: func(tn *tenure) error { tn.pass(time.Hour); return nil }},
		"a candidate that waits is none that was followed": {do: func(tn *tenure) error {
			tn.lease.holder = "another"
			_, _, err := tn.lock.Get(context.Background())
			tn.pass(time.Hour)
			return err
		}},
		"a leader writes as long as the Lease lives": {wantWrites: 1, do: func(tn *tenure) error {
			err := tn.renew()
			tn.pass(15*time.Second - 1)
			return err
		}},
		"a leader whose Lease ran out does not": {want: errRanOut, wantWrites: 1, do: func(tn *tenure) error {
			err := tn.renew()
			tn.pass(15 * time.Second)
			return err
		}},
		"a Lease that was created is one's own as well": {want: errRanOut, wantWrites: 1, do: func(tn *tenure) error {
			err := tn.lock.Create(context.Background(), resourcelock.LeaderElectionRecord{HolderIdentity: "me", LeaseDurationSeconds: 15})
			tn.pass(15 * time.Second)
			return err
		}},
		"a renewal lasts from then on": {wantWrites: 2, do: func(tn *tenure) error {
			first := tn.renew()
			tn.pass(14 * time.Second)
			err := tn.renew()
			tn.pass(14 * time.Second)
			return errors.Join(first, err)
		}},
		"a renewal counts from when it was asked for": {want: errRanOut, wantWrites: 1, do: func(tn *tenure) error {
			tn.lease.takes = 10 * time.Second
			err := tn.renew()
			tn.pass(5 * time.Second)
			return err
		}},
		"a renewal that failed does not count": {want: errRanOut, wantErr: unavailable, wantWrites: 2, do: func(tn *tenure) error {
			err := tn.renew()
			tn.pass(10 * time.Second)
			tn.lease.err = unavailable
			err = errors.Join(err, tn.renew())
			tn.pass(5 * time.Second)
			return err
		}},
		"a Lease that ran out is not renewed": {want: errRanOut, wantErr: errRanOut, wantWrites: 1, do: func(tn *tenure) error {
			err := tn.renew()
			tn.pass(time.Minute)
			return errors.Join(err, tn.renew())
		}},
		"a leader that is followed before its time ends": {want: errFollowed, wantWrites: 1, do: func(tn *tenure) error {
			err := tn.renew()
			tn.lease.holder = "another"
			_, _, read := tn.lock.Get(context.Background())
			return errors.Join(err, read)
		}},
		"a leader that reads its own name goes on": {wantWrites: 1, do: func(tn *tenure) error {
			err := tn.renew()
			_, _, read := tn.lock.Get(context.Background())
			return errors.Join(err, read)
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tn := newTenure()
			if err := tc.do(tn); !errors.Is(err, tc.wantErr) {
				t.Errorf("error %v, want %v", err, tc.wantErr)
			}
			_ = tn.term.check()
			if !errors.Is(tn.ended, tc.want) {
				t.Errorf("ended: %v, want %v", tn.ended, tc.want)
			}
			if tn.lease.writes != tc.wantWrites {
				t.Errorf("the Lease was written %d times, want %d", tn.lease.writes, tc.wantWrites)
			}
		})
	}
}

// requests are what a transport lets through.
type requests []string

func (r *requests) RoundTrip(request *http.Request) (*http.Response, error) {
	*r = append(*r, request.Method)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// body is a request's, and knows whether it was closed.
type body struct {
	io.Reader
	closed bool
}

func (b *body) Close() error { //nolint:unparam // as io.Closer has it
	b.closed = true
	return nil
}

func TestFenceStopsWritesAlone(t *testing.T) {
	t.Parallel()
	tn := newTenure()
	if err := tn.renew(); err != nil {
		t.Fatal(err)
	}
	var passed requests
	fenced := &fence{next: &passed, term: tn.term}
	send := func(method string) (*body, error) {
		content := &body{Reader: strings.NewReader("{}")}
		request, err := http.NewRequestWithContext(t.Context(), method, "http://api", content)
		if err != nil {
			t.Fatal(err)
		}
		response, err := fenced.RoundTrip(request)
		if err == nil {
			_ = response.Body.Close()
		}
		return content, err
	}
	if _, err := send(http.MethodPost); err != nil || tn.ended != nil {
		t.Errorf("a write of the leader: %v, ended %v", err, tn.ended)
	}
	tn.pass(time.Minute)
	if _, err := send(http.MethodGet); err != nil || tn.ended != nil {
		t.Errorf("a read: %v, ended %v", err, tn.ended)
	}
	for _, method := range []string{http.MethodPost, http.MethodPatch, http.MethodDelete} {
		if content, err := send(method); !errors.Is(err, errRanOut) || !content.closed {
			t.Errorf("%s: error %v, body closed: %v", method, err, content.closed)
		}
	}
	if !errors.Is(tn.ended, errRanOut) {
		t.Errorf("ended: %v", tn.ended)
	}
	if len(passed) != 2 {
		t.Errorf("let through: %v", passed)
	}
}
