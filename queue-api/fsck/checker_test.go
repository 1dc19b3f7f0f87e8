// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/muster-batch/muster/queue-api/batch"
)

// script is a store whose passes each do what it says.
type script []func(report func(batch.Finding), pause func(context.Context) error) error

func (s *script) Audit(ctx context.Context, _ bool, report func(batch.Finding), pause func(context.Context) error) (int, error) {
	if len(*s) == 0 {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	step := (*s)[0]
	*s = (*s)[1:]
	return 7, step(report, pause)
}

func TestCheckerCountsAndGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		metrics, err := NewMetrics(prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		store := &script{
			func(report func(batch.Finding), _ func(context.Context) error) error {
				report(batch.Finding{Check: batch.CheckLive})
				return errors.New("cut")
			},
			func(report func(batch.Finding), pause func(context.Context) error) error {
				report(batch.Finding{Check: batch.CheckLive})
				time.Sleep(time.Second) // a page
				return pause(t.Context())
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- New(store, Config{Metrics: metrics, Share: 0.25, Rest: time.Minute}).Run(ctx) }()
		time.Sleep(10 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if n := testutil.ToFloat64(metrics.violations.WithLabelValues("live")); n != 2 {
			t.Errorf("%v violations of live, want 2", n)
		}
		if s := testutil.ToFloat64(metrics.seconds); s != 4 {
			t.Errorf("a pass of one second's work took %v s, want 4", s)
		}
		if n := testutil.ToFloat64(metrics.records); n != 7 {
			t.Errorf("%v records, want 7", n)
		}
	})
}

func TestCheckerEndsWithItsLeadership(t *testing.T) {
	t.Parallel()
	store := &script{func(func(batch.Finding), func(context.Context) error) error { return batch.ErrStaleEpoch }}
	if err := New(store, Config{}).Run(t.Context()); !errors.Is(err, batch.ErrStaleEpoch) {
		t.Errorf("got %v, want %v", err, batch.ErrStaleEpoch)
	}
}
