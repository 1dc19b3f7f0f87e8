// SPDX-License-Identifier: Apache-2.0

//go:build integration

package bucket_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/logs"
)

// keptLog is what was kept, and where.
type keptLog struct {
	stream string
	lines  []string
}

// keepLog has a collector put a log of several chunks into a store.
func keepLog(t *testing.T, store logs.Store) keptLog {
	t.Helper()
	const pod = "aws-batch.01234567-89ab-cdef-0123-456789abcdef"
	kept := keptLog{stream: batch.LogStream("d", "default", pod)}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 { // that do not compress
		kept.lines = append(kept.lines, fmt.Sprintf("%d %x%x%x %s", i, random.Uint64(), random.Uint64(), random.Uint64(), strings.Repeat("x", 1000)))
	}
	archive, err := logs.NewArchive(store)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := logs.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	collector := logs.NewCollector(archive, written(kept.lines), metrics, logs.CollectorConfig{Workers: 1, Followers: 1})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = collector.Run(ctx) }) // has no error
	defer running.Wait()
	defer cancel()
	done := make(chan struct{})
	collector.Keep(batch.Job{ID: "job", Definition: batch.DefinitionRef{Name: "d"}}, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: pod, UID: "u"},
		Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "default", ContainerID: "c"}}},
	}, false, func() { close(done) })
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the log is not kept")
	}
	return kept
}

// written is what a kubelet has of a container, a line a second.
type written []string

// Read implements logs.Source.
func (w written) Read(_ context.Context, _ logs.Origin, since time.Time, _ bool) (io.ReadCloser, error) {
	var b strings.Builder
	for i, line := range w {
		if at := time.Unix(1_700_000_000+int64(i), 0); !at.Before(since) {
			b.WriteString(at.UTC().Format(time.RFC3339Nano) + " " + line + "\n")
		}
	}
	return io.NopCloser(strings.NewReader(b.String())), nil
}

// nobody is a cluster without pods.
type nobody struct{}

// Find implements logs.Live.
func (nobody) Find(context.Context, string) (logs.Origin, string, error) {
	return logs.Origin{}, "", logs.ErrNotFound
}

// Open implements logs.Live.
func (nobody) Open(context.Context, logs.Origin, time.Time) (io.ReadCloser, error) {
	return nil, logs.ErrNotFound
}

// Fate implements logs.Live.
func (nobody) Fate(context.Context, string, *logs.Origin, string) (logs.Fate, error) {
	return logs.FateGone, nil
}
