// SPDX-License-Identifier: Apache-2.0

package clusters

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-batch/muster/hack/leaktest"
	"github.com/muster-batch/muster/queue-api/batch"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// server is what a link leads to: it answers with a status, or fails.
type server struct {
	mu     sync.Mutex // guards what follows
	status int
	err    error
	asked  int
}

func (s *server) set(status int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.err = status, err
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if s.err != nil {
		return nil, s.err
	}
	return &http.Response{StatusCode: s.status, Status: http.StatusText(s.status), Body: http.NoBody, Request: r}, nil
}

// line is a link to a server in a bubble of fake time.
type line struct {
	*Link
	server *server
	turns  []bool
	way    http.RoundTripper
	end    func()
}

func newLine(t *testing.T) *line {
	t.Helper()
	l := &line{server: &server{status: http.StatusOK}}
	l.Link = NewLink(LinkConfig{
		Probe:   func(ctx context.Context) error { return l.ask(ctx, http.MethodGet) },
		Changed: func(open bool) { l.turns = append(l.turns, open) },
	})
	l.way = l.Through(l.server)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = l.Run(ctx) })
	l.end = func() {
		cancel()
		running.Wait()
	}
	return l
}

func (l *line) ask(ctx context.Context, method string) error {
	r, err := http.NewRequestWithContext(ctx, method, "https://cluster/api", strings.NewReader("{}"))
	if err != nil {
		return err
	}
	resp, err := l.way.RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusUnauthorized {
		return errors.New(resp.Status)
	}
	return nil
}

func (l *line) isOpen() bool { return l.State().Err == nil }

func TestLinkFollowsItsCluster(t *testing.T) {
	t.Parallel()
	reset := errors.New("connection reset by peer")
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	cases := map[string]struct {
		status    int
		err       error
		wantOpen  bool
		wantUnsnt bool
	}{
		"an answer":                     {status: http.StatusOK, wantOpen: true},
		"a refusal":                     {status: http.StatusForbidden, wantOpen: true},
		"a busy API server":             {status: http.StatusTooManyRequests, wantOpen: true},
		"an error of its own":           {status: http.StatusInternalServerError, wantOpen: true},
		"an API server that goes":       {status: http.StatusServiceUnavailable},
		"a balancer without API server": {status: http.StatusBadGateway},
		"credentials that are over":     {status: http.StatusUnauthorized},
		"a connection that broke":       {err: reset},
		"nobody there":                  {err: refused, wantUnsnt: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLine(t)
				defer l.end()
				synctest.Wait()
				if !l.isOpen() {
					t.Fatal("closed after the first probe")
				}
				l.server.set(tc.status, tc.err)
				err := l.ask(t.Context(), http.MethodPost)
				if l.isOpen() != tc.wantOpen || errors.Is(err, batch.ErrNotSent) != tc.wantUnsnt {
					t.Fatalf("open %v after %v", l.isOpen(), err)
				}
				if tc.wantOpen {
					return
				}
				asked := l.server.count()
				if err := l.ask(t.Context(), http.MethodPost); !errors.Is(err, batch.ErrNotSent) || l.server.count() != asked {
					t.Errorf("a closed link sends: %v", err)
				}
				time.Sleep(10 * time.Second)
				if l.isOpen() {
					t.Error("a probe that failed opened it")
				}
				l.server.set(http.StatusOK, nil)
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if err := l.ask(t.Context(), http.MethodPost); err != nil {
					t.Errorf("once it is back: %v", err)
				}
			})
		})
	}
}

func TestCallerThatGoesAwaySaysNothingOfTheCluster(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t)
		defer l.end()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.ask(ctx, http.MethodPost); !errors.Is(err, context.Canceled) || !l.isOpen() {
			t.Errorf("open %v after %v", l.isOpen(), err)
		}
		late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancel()
		if err := l.ask(late, http.MethodPost); !errors.Is(err, context.DeadlineExceeded) || l.isOpen() {
			t.Errorf("after a request that took too long: open %v after %v", l.isOpen(), err)
		}
	})
}

func TestIdleLinkNoticesToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t)
		defer l.end()
		synctest.Wait()
		opened := l.State()
		l.server.set(0, errors.New("no route to host"))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		closed := l.State()
		if closed.Err == nil || closed.Since.Sub(opened.Since) != 10*time.Second {
			t.Errorf("%+v after %+v", closed, opened)
		}
		time.Sleep(time.Minute)
		if later := l.State(); !later.Since.Equal(closed.Since) {
			t.Errorf("closed since %s, then since %s", closed.Since, later.Since)
		}
		l.server.set(http.StatusOK, nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(l.turns) != 3 || !l.turns[0] || l.turns[1] || !l.turns[2] {
			t.Errorf("turns %v", l.turns)
		}
	})
}

func TestNewLinkIsClosed(t *testing.T) {
	t.Parallel()
	l := NewLink(LinkConfig{})
	if s := l.State(); s.Err == nil || s.Tried {
		t.Errorf("%+v", s)
	}
}
