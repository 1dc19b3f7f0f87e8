// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/utils/clock"
)

// stuckAfter is how long a leader's loop may not finish before the process counts as dead.
const stuckAfter = 2 * time.Minute

// health is what /healthz and /readyz answer from.
type health struct {
	clock clock.PassiveClock

	mu      sync.Mutex // guards all below
	leading bool
	ready   bool      // the leader has looked at everything at least once
	at      time.Time // of the last sign of life of the leader's loop
}

// lead says whether this process leads. A follower is alive and ready: it can take over at any time.
func (h *health) lead(leading bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leading, h.ready, h.at = leading, false, time.Time{}
}

// looked says that the loop has run.
func (h *health) looked(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.clock.Now()
	h.ready = h.ready || err == nil
}

func (h *health) alive() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.leading && !h.at.IsZero() && h.clock.Since(h.at) > stuckAfter {
		return fmt.Errorf("the loop has not run since %s", h.at.Format(time.RFC3339))
	}
	return nil
}

func (h *health) isReady() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.leading && !h.ready {
		return errors.New("leading, but not everything is known yet: the cluster, the Batch API, the fleet")
	}
	return nil
}

func (h *health) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", answer(h.alive))
	mux.HandleFunc("GET /readyz", answer(h.isReady))
	mux.Handle("GET /metrics", legacyregistry.Handler())
	return mux
}

func answer(check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := check(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	}
}

// serve serves until ctx ends.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve health: %w", err)
	}
	return nil
}
