// SPDX-License-Identifier: Apache-2.0

package podevents

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// board takes Events.
type board struct {
	corev1client.EventInterface

	mu     sync.Mutex
	events []*corev1.Event
	err    error
}

func (b *board) Events(string) corev1client.EventInterface { return b }

func (b *board) Create(_ context.Context, e *corev1.Event, _ metav1.CreateOptions) (*corev1.Event, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.events = append(b.events, e)
	}
	return e, b.err
}

func (b *board) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.events)
}

func newRecorder(t *testing.T, b *board, cfg Config) (*Recorder, Metrics) {
	t.Helper()
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return New(b, metrics, cfg), metrics
}

func pod() *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "jobs", UID: "u", Labels: map[string]string{
		batchmeta.JobID: "id", batchmeta.JobQueue: "q", batchmeta.Attempt: "2",
	}}}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &board{}
		r, metrics := newRecorder(t, b, Config{Host: "h"})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		r.Admitted(pod())
		r.Record(pod(), batchmeta.EventFailed, strings.Repeat("\xff…", 2000))
		synctest.Wait()
		b.mu.Lock()
		for _, e := range b.events {
			want := map[string]string{"Admitted": corev1.EventTypeNormal, "Failed": corev1.EventTypeWarning}[e.Reason]
			if e.Type != want || e.Namespace != "jobs" || e.InvolvedObject.UID != "u" || e.InvolvedObject.Kind != "Pod" || e.Source.Host != "h" || e.Labels[batchmeta.JobID] != "id" ||
				!strings.HasPrefix(e.Name, "p.") || len(e.Message) > 1024 || len(e.Message) < 20 {
				t.Errorf("%+v", e)
			}
		}
		if len(b.events) != 2 || b.events[0].Name == b.events[1].Name && b.events[0].Reason == b.events[1].Reason {
			t.Errorf("%d events", len(b.events))
		}
		b.err = errors.New("forbidden")
		b.mu.Unlock()
		r.Record(pod(), batchmeta.EventRunning, "")
		synctest.Wait()
		for result, want := range map[string]float64{resultWritten: 2, resultFailed: 1, resultDropped: 0} {
			if got := testutil.ToFloat64(metrics.events.WithLabelValues(result)); got != want {
				t.Errorf("%v events were %s, want %v", got, result, want)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Ten thousand pods that end at once get no more Events than the bound lets through, nobody waits, and what warns is not held
// up by what does not.
func TestABurstIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &board{}
		r, metrics := newRecorder(t, b, Config{Rate: 10})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		for range 10_000 {
			r.Record(pod(), batchmeta.EventSucceeded, "m")
		}
		r.Record(pod(), batchmeta.EventReclaimed, "m")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		warned := 0
		b.mu.Lock()
		for _, e := range b.events {
			if e.Reason == string(batchmeta.EventReclaimed) {
				warned++
			}
		}
		b.mu.Unlock()
		if n := b.count(); n < 100 || n > 10*10+4*10+2 || warned != 1 {
			t.Errorf("%d events in 10 s, %d of them warn", n, warned)
		}
		if dropped := testutil.ToFloat64(metrics.events.WithLabelValues(resultDropped)); dropped < 8_900 {
			t.Errorf("%v were dropped", dropped)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Of a gang one pod tells.
func TestOneOfAGangTells(t *testing.T) {
	t.Parallel()
	r, _ := newRecorder(t, &board{}, Config{})
	for _, node := range []string{"0", "1", "2"} {
		p := pod()
		p.Labels[batchmeta.NodeIndex] = node
		r.Admitted(p)
	}
	if n := len(r.normal); n != 1 {
		t.Errorf("%d events", n)
	}
}

// The reasons are CamelCase, each is told of in docs/kubernetes-events.md, and no others are.
func TestReasonsAreTold(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/kubernetes-events.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\| (Normal|Warning) \\| queue-api \\| (.*) \\|$").FindAllStringSubmatch(string(text), -1) {
		rows[row[1]] = row[2] + " " + row[3]
	}
	for _, e := range batchmeta.Events() {
		kind := map[bool]string{true: "Warning", false: "Normal"}[e.IsWarning]
		if !regexp.MustCompile("^[A-Z][A-Za-z]+$").MatchString(string(e.Reason)) {
			t.Errorf("%s is no reason", e.Reason)
		}
		if want := kind + " " + e.Help; rows[string(e.Reason)] != want {
			t.Errorf("docs/kubernetes-events.md says of %s %q, want %q", e.Reason, rows[string(e.Reason)], want)
		}
		delete(rows, string(e.Reason))
	}
	for reason := range rows {
		t.Errorf("docs/kubernetes-events.md tells of %s, which there is not", reason)
	}
}
