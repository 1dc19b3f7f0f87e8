// SPDX-License-Identifier: Apache-2.0

package events

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Headers of a webhook's request.
const (
	// HeaderEvent is the event's id; a repeat has the same.
	HeaderEvent = "X-Muster-Event"
	// HeaderSignature is "t=SECONDS,v1=HEX": HEX is the HMAC-SHA256, with the webhook's secret, of SECONDS, a full stop
	// and the body. See Verify.
	HeaderSignature = "X-Muster-Signature"
)

// WebhooksConfig tunes Webhooks; zero values mean the defaults.
type WebhooksConfig struct {
	// Poll is the time between two looks at the outbox. Default 1 s; Wake starts one at once.
	Poll time.Duration
	// Timeout bounds one request. Default 10 s.
	Timeout time.Duration
	// Allow lists who may be called although its address is internal.
	Allow AllowList
	// Clock times retries and signs. Default the real one.
	Clock clock.WithTicker
}

// Webhooks posts events: each webhook gets those of each queue one after the other, and the next only once it answered
// 2xx to the one before, so that the events of a job keep their order. Run it in one process at a time.
type Webhooks struct {
	hooks    []Webhook
	outbox   Outbox
	cursors  Cursors
	composer Composer
	client   *http.Client
	cfg      WebhooksConfig
	wake     chan struct{}
	sent     *prometheus.CounterVec
	lag      *prometheus.GaugeVec
}

// NewWebhooks makes Webhooks and registers their metrics.
func NewWebhooks(hooks []Webhook, outbox Outbox, cursors Cursors, composer Composer, registry prometheus.Registerer, cfg WebhooksConfig) (*Webhooks, error) {
	cfg.Poll = cmp.Or(cfg.Poll, time.Second)
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	w := &Webhooks{
		hooks: hooks, outbox: outbox, cursors: cursors, composer: composer, cfg: cfg, client: newClient(cfg.Allow, cfg.Timeout),
		wake: make(chan struct{}, 1),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_webhook_requests_total", Help: "Requests to webhooks by webhook and result: delivered or failed.",
		}, []string{"webhook", "result"}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "muster_webhook_lag_seconds", Help: "Age of the oldest event that a webhook has not got, of the queue that is furthest behind; 0 if it has all.",
		}, []string{"webhook"}),
	}
	for _, c := range []prometheus.Collector{w.sent, w.lag} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return w, nil
}

// Wake has the outbox looked at soon. It does not block.
func (w *Webhooks) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends.
func (w *Webhooks) Run(ctx context.Context) error {
	var group errgroup.Group
	for _, hook := range w.hooks {
		group.Go(func() error { w.serve(ctx, hook); return nil })
	}
	return group.Wait()
}

// serve delivers to one webhook; failures slow it down, up to a minute between two tries.
func (w *Webhooks) serve(ctx context.Context, hook Webhook) {
	logger := klog.FromContext(ctx).WithValues("webhook", hook.Name)
	backoff := newBackoff()
	for {
		delay := w.cfg.Poll
		switch err := w.round(ctx, hook); {
		case ctx.Err() != nil:
			return
		case err != nil:
			delay = backoff.Step()
			logger.Error(err, "Events are delivered again", "in", delay)
		default:
			backoff = newBackoff()
		}
		timer := w.cfg.Clock.NewTimer(delay)
		select {
		case <-ctx.Done():
		case <-timer.C():
		case <-w.wakeUnless(delay > w.cfg.Poll):
		}
		timer.Stop()
	}
}

// wakeUnless is the wake channel, or none while a webhook is left in peace.
func (w *Webhooks) wakeUnless(resting bool) <-chan struct{} {
	if resting {
		return nil
	}
	return w.wake
}

func newBackoff() *wait.Backoff {
	return &wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 20, Cap: time.Minute}
}

// round delivers all that one webhook has not got. One queue's trouble is not another's.
func (w *Webhooks) round(ctx context.Context, hook Webhook) error {
	queues, err := w.outbox.Queues(ctx)
	if err != nil {
		return err
	}
	var errs []error
	var behind time.Duration
	for _, q := range queues {
		if hook.wantsQueue(q.Name) {
			oldest, err := w.deliverQueue(ctx, hook, q)
			errs = append(errs, err)
			if !oldest.IsZero() {
				behind = max(behind, w.cfg.Clock.Since(oldest))
			}
		}
	}
	w.lag.WithLabelValues(hook.Name).Set(behind.Seconds())
	return errors.Join(errs...)
}

// deliverQueue delivers what there is of a queue. It tells when the oldest change happened that could not be delivered; zero
// if there is none.
func (w *Webhooks) deliverQueue(ctx context.Context, hook Webhook, q batch.JobQueue) (oldest time.Time, err error) {
	cursor, err := w.cursors.DeliveryCursor(ctx, hook.Name, q.Number)
	if err != nil {
		return oldest, err
	}
	for ctx.Err() == nil {
		changes, err := w.outbox.StatusChanges(ctx, q.Number, cursor, page)
		if err != nil || len(changes) == 0 {
			return oldest, err
		}
		done, err := w.deliver(ctx, hook, q, changes)
		if done != "" {
			cursor = done
			if stored := w.cursors.SetDeliveryCursor(ctx, hook.Name, q.Number, cursor); stored != nil {
				return oldest, errors.Join(err, stored)
			}
		}
		if err != nil {
			return firstAfter(changes, done), err
		}
	}
	return oldest, ctx.Err()
}

// firstAfter is when the first of the changes happened that follow the one with the cursor done, or when the first of all did.
func firstAfter(changes []batch.StatusChange, done string) time.Time {
	for i, c := range changes[:len(changes)-1] {
		if c.Cursor == done {
			return changes[i+1].At
		}
	}
	return changes[0].At
}

// deliver posts a page of changes and returns the cursor of the last one that needs no repeat.
func (w *Webhooks) deliver(ctx context.Context, hook Webhook, q batch.JobQueue, changes []batch.StatusChange) (done string, err error) {
	mine := slices.DeleteFunc(slices.Clone(changes), func(c batch.StatusChange) bool { return !isTold(c) || !hook.wantsStatus(c.To) })
	events, err := w.composer.Compose(ctx, q, mine)
	if err != nil {
		return "", err
	}
	for i, e := range events {
		if err := w.post(ctx, hook, e); err != nil {
			w.sent.WithLabelValues(hook.Name, "failed").Inc()
			return done, fmt.Errorf("event %s: %w", e.ID, err)
		}
		w.sent.WithLabelValues(hook.Name, "delivered").Inc()
		done = mine[i].Cursor
	}
	return changes[len(changes)-1].Cursor, nil
}

func (w *Webhooks) post(ctx context.Context, hook Webhook, e Event) error {
	body, err := encode(e)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("bad url") // the error would hold the URL, which may hold a secret
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "muster")
	r.Header.Set(HeaderEvent, e.ID)
	r.Header.Set(HeaderSignature, Sign(hook.Secret, w.cfg.Clock.Now(), body))
	reply, err := w.client.Do(r)
	if err != nil {
		return withoutURL(err)
	}
	defer reply.Body.Close()
	_, _ = io.CopyN(io.Discard, reply.Body, 4<<10) // so that the connection can be used again
	if reply.StatusCode < 200 || reply.StatusCode > 299 {
		return fmt.Errorf("answered %d", reply.StatusCode)
	}
	return nil
}

// Sign makes the value of HeaderSignature.
func Sign(secret string, now time.Time, body []byte) string {
	at := strconv.FormatInt(now.Unix(), 10)
	return "t=" + at + ",v1=" + hex.EncodeToString(digest(secret, at, body))
}

func digest(secret, at string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(at + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

// Verify reports whether a signature is of this body and at most maxAge old: what a receiver does first.
func Verify(secret, signature string, body []byte, now time.Time, maxAge time.Duration) bool {
	at, sum, ok := parseSignature(signature)
	if !ok {
		return false
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return false
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > maxAge || age < -maxAge {
		return false
	}
	return hmac.Equal(sum, digest(secret, at, body))
}
