// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog" //nolint:depguard // net/http takes no contextual logger
	"net"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	// requestTimeout is shorter than writeTimeout, so that a client hears of it.
	requestTimeout = 25 * time.Second
	writeTimeout   = 35 * time.Second
	// idleTimeout is longer than SDKs keep their connections, so that they close first and never write into a closed one.
	idleTimeout = 2 * time.Minute
	// shutdownTimeout is how long requests under way may take to finish.
	shutdownTimeout = 20 * time.Second
	maxHeaderBytes  = 16 << 10
)

// serve answers on listener until ctx ends. For the time of drain it answers on, each request on a connection of its own, and
// then waits for the requests under way. It closes the listener.
func serve(ctx context.Context, listener net.Listener, handler http.Handler, drain time.Duration) error {
	// Requests outlive ctx, which only says that no more are taken.
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ErrorLog:          slog.NewLogLogger(logr.ToSlogHandler(klog.FromContext(ctx)), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	// Each reply says Connection: close from now on, and clients go elsewhere with their next request.
	server.SetKeepAlivesEnabled(false)
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	case <-time.After(drain):
	}
	deadline, stop := context.WithTimeout(requests, shutdownTimeout)
	defer stop()
	err := server.Shutdown(deadline)
	if err != nil {
		cancel()
		err = errors.Join(fmt.Errorf("shut down %s: %w", listener.Addr(), err), server.Close())
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
