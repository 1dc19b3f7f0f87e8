// SPDX-License-Identifier: Apache-2.0

package clusters

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
)

var errNotTried = errors.New("the cluster has not answered yet")

// LinkConfig tunes a Link.
type LinkConfig struct {
	// Cluster names it in logs.
	Cluster string
	// Probe asks the cluster anything with its context. It fails if the cluster did not answer.
	Probe func(ctx context.Context) error
	// Retry is the time between two probes while the link is closed. Default 2 s. While it is open they are five times as far
	// apart: requests tell earlier.
	Retry time.Duration
	// Timeout bounds a probe. Default 5 s.
	Timeout time.Duration
	// Changed is told when the link opens or closes. It must not block. Default nobody.
	Changed func(open bool)
	// Clock times probes. Default the real one.
	Clock clock.Clock
}

// Link is the way to one cluster. It is closed until the first probe was answered.
type Link struct {
	cfg    LinkConfig
	failed chan struct{}

	mu    sync.Mutex // guards what follows
	err   error      // why it is closed; nil while it is open
	since time.Time  // when it last opened or closed
}

// NewLink makes a Link; Run lets it probe.
func NewLink(cfg LinkConfig) *Link {
	cfg.Retry = cmp.Or(cfg.Retry, 2*time.Second)
	cfg.Timeout = cmp.Or(cfg.Timeout, 5*time.Second)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	if cfg.Changed == nil {
		cfg.Changed = func(bool) {}
	}
	return &Link{cfg: cfg, failed: make(chan struct{}, 1), err: errNotTried, since: cfg.Clock.Now()}
}

// LinkState is how it is with a link.
type LinkState struct {
	Err   error     // why it is closed; nil while it is open
	Since time.Time // when it last opened or closed
	Tried bool      // whether a first probe has ended
}

// State tells how it is with the link now.
func (l *Link) State() LinkState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return LinkState{Err: l.err, Since: l.since, Tried: !errors.Is(l.err, errNotTried)}
}

// Run probes until ctx ends.
func (l *Link) Run(ctx context.Context) error {
	for {
		wait := 5 * l.cfg.Retry
		if !l.probe(ctx) {
			wait = l.cfg.Retry
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.failed: // soon
			wait = l.cfg.Retry
		case <-l.cfg.Clock.After(wait):
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.cfg.Clock.After(wait):
		}
	}
}

// probing marks the context of a probe.
type probing struct{}

// probe asks the cluster, and tells whether it answered.
func (l *Link) probe(ctx context.Context) bool {
	asking, cancel := context.WithTimeout(context.WithValue(ctx, probing{}, true), l.cfg.Timeout)
	defer cancel()
	err := l.cfg.Probe(asking)
	if ctx.Err() == nil {
		l.set(ctx, err)
	}
	return err == nil
}

// set opens the link, or closes it for a reason.
func (l *Link) set(ctx context.Context, err error) {
	l.mu.Lock()
	before := l.err
	l.err = err
	turned := (before == nil) != (err == nil)
	if turned {
		l.since = l.cfg.Clock.Now()
	}
	l.mu.Unlock()
	logger := klog.FromContext(ctx)
	switch {
	case err == nil && before != nil:
		logger.Info("Cluster answers", "cluster", l.cfg.Cluster)
	case err != nil && (turned || errors.Is(before, errNotTried)):
		logger.Error(err, "Cluster does not answer; its jobs stay as they are", "cluster", l.cfg.Cluster)
	}
	if turned {
		l.cfg.Changed(err == nil)
	}
}

// fail closes the link.
func (l *Link) fail(ctx context.Context, err error) {
	l.set(ctx, err)
	select {
	case l.failed <- struct{}{}:
	default:
	}
}

// Through sends requests through the link: to base while it is open, and to nobody while it is closed. Requests that
// may last, such as watches, must not go this way.
func (l *Link) Through(base http.RoundTripper) http.RoundTripper { return &transport{l, base} }

type transport struct {
	link *Link
	base http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	isProbe := ctx.Value(probing{}) != nil
	if err := t.link.State().Err; err != nil && !isProbe {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, fmt.Errorf("%w: %w", batch.ErrNotSent, err)
	}
	resp, err := t.base.RoundTrip(r)
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		err = fmt.Errorf("%w: %w", batch.ErrNotSent, err)
	}
	if failure := failureOf(resp, err); failure != nil && !isProbe && !errors.Is(ctx.Err(), context.Canceled) {
		t.link.fail(ctx, failure)
	}
	return resp, err
}

// failureOf is why a reply means that the cluster cannot be worked with; nil if it can.
func failureOf(resp *http.Response, err error) error {
	if err != nil {
		return err
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return errors.New("its API server answers " + resp.Status)
	default:
		return nil
	}
}
