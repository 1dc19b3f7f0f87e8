// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// checkTimeout bounds each readiness check.
const checkTimeout = 2 * time.Second

// Check is one thing that must be so for the program to be ready.
type Check struct {
	Name string
	// Ready returns nil or why not. It may block until ctx ends.
	Ready func(ctx context.Context) error
}

// Health serves /healthz, /readyz and /metrics.
type Health struct {
	mux http.ServeMux
}

var _ http.Handler = (*Health)(nil)

// NewHealth makes a Health that is ready when all checks are and shows what gatherer has.
func NewHealth(gatherer prometheus.Gatherer, checks ...Check) *Health {
	h := &Health{}
	h.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeText(w, http.StatusOK, "ok\n")
	})
	h.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		status, text := readiness(r.Context(), checks)
		writeText(w, status, text)
	})
	h.mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}))
	return h
}

func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// Run serves on listener until ctx ends.
func (h *Health) Run(ctx context.Context, listener net.Listener) error {
	return serve(ctx, listener, h, 0)
}

// readiness says of each check how it went, as Kubernetes' own health endpoints do.
func readiness(ctx context.Context, checks []Check) (status int, text string) {
	var b strings.Builder
	status = http.StatusOK
	for _, c := range checks {
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		err := c.Ready(ctx)
		cancel()
		if err != nil {
			status = http.StatusServiceUnavailable
			fmt.Fprintf(&b, "[-]%s failed: %v\n", c.Name, err)
			continue
		}
		fmt.Fprintf(&b, "[+]%s ok\n", c.Name)
	}
	if status == http.StatusOK {
		b.WriteString("ok\n")
	}
	return status, b.String()
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // fails only when the client is gone
}
