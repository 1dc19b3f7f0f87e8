// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

func testPod() *corev1.Pod {
	state := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: metav1.NewTime(began)}}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "aws-batch.01234567-89ab-cdef-0123-456789abcdef", Namespace: "n", UID: "u"},
		Status: corev1.PodStatus{
			Phase: corev1.PodSucceeded,
			ContainerStatuses: []corev1.ContainerStatus{
				{Name: "default", ContainerID: "c", State: state},
				{Name: "never-started", State: state},
			},
		},
	}
}

func newCollection() *collection {
	return &collection{pod: testPod(), job: batch.Job{ID: testJob, Definition: batch.DefinitionRef{Name: "d"}}, readings: map[string]*reading{}}
}

// rig is a Collector that runs.
type rig struct {
	*Collector

	store *memory
	clock *clocktesting.FakeClock
	done  chan struct{} // told when a pod's logs are kept
}

func newRig(t *testing.T, source Source, cfg CollectorConfig) *rig {
	t.Helper()
	r := &rig{store: newMemory(), clock: clocktesting.NewFakeClock(began), done: make(chan struct{}, 1)}
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Clock, cfg.Workers = r.clock, 2
	r.Collector = NewCollector(newArchive(t, r.store, 1000), source, metrics, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) keepPod(isLost bool) bool {
	one := newCollection()
	return r.Keep(one.job, one.pod, isLost, func() { r.done <- struct{}{} })
}

// await steps the clock until the pod's logs are kept.
func (r *rig) await(t *testing.T) {
	t.Helper()
	for range 100_000 {
		select {
		case <-r.done:
			return
		case <-time.After(time.Millisecond):
			r.clock.Step(time.Second)
		}
	}
	t.Fatal("logs are not kept")
}

// wantEnd opens the log, of which all is read, and compares how it ended.
func (r *rig) wantEnd(t *testing.T, want End) {
	t.Helper()
	log, err := NewView(r.archive, &container{gone: true}).Open(t.Context(), testStream)
	if err != nil {
		t.Fatal(err)
	}
	if end, isEnded, err := log.End(t.Context()); err != nil || !isEnded || end != want {
		t.Errorf("the end is %+v, %v, %v, want %+v", end, isEnded, err, want)
	}
}

func (r *rig) lines(t *testing.T) []string {
	t.Helper()
	log, err := NewView(r.archive, &container{gone: true}).Open(t.Context(), testStream)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := all(t.Context(), log, 0)
	if err != nil {
		t.Fatal(err)
	}
	return texts(lines)
}

func TestCollectorKeepsAndIsDone(t *testing.T) {
	t.Parallel()
	kubelet := &container{lines: numbered(500, time.Millisecond)}
	r := newRig(t, kubelet, CollectorConfig{})
	if r.keepPod(false) {
		t.Fatal("kept before it was read")
	}
	r.await(t)
	if !r.keepPod(false) || len(r.done) > 0 {
		t.Error("what is kept is kept again")
	}
	if got := r.lines(t); len(got) != 500 || got[499] != "line 499" {
		t.Errorf("%d lines, the last is %q", len(got), got[len(got)-1])
	}
	r.wantEnd(t, End{State: EndComplete})
	if got := testutil.ToFloat64(r.metrics.streams.WithLabelValues(resultComplete)); got != 1 {
		t.Errorf("%v complete logs: a container that never started has none", got)
	}
	r.Forget(testPod())
	reads := kubelet.reads
	if r.keepPod(false) { // another leader, or this one begun again
		t.Error("a pod that was forgotten is known")
	}
	r.await(t)
	if kubelet.reads != reads {
		t.Error("a log that is complete is read again")
	}
}

// deaf is a kubelet that never answers.
type deaf struct{}

func (deaf) Read(ctx context.Context, _ Origin, _ time.Time, _ bool) (io.ReadCloser, error) {
	return nil, errors.New("dial tcp: no route to host")
}

func TestCollectorGivesUpOnAKubelet(t *testing.T) {
	t.Parallel()
	r := newRig(t, deaf{}, CollectorConfig{Timeout: 20 * time.Second})
	r.keepPod(false)
	r.await(t)
	got := r.lines(t)
	if len(got) != 1 || !strings.Contains(got[0], "did not give the rest within 20s") || !strings.Contains(got[0], "no route to host") {
		t.Errorf("the log says %q", got)
	}
	if got := testutil.ToFloat64(r.metrics.streams.WithLabelValues(resultIncomplete)); got != 1 {
		t.Errorf("%v incomplete logs", got)
	}
	r.wantEnd(t, End{State: EndIncomplete, Reason: "its kubelet did not give the rest within 20s: read log: dial tcp: no route to host"})
}

func TestCollectorOfALostMachine(t *testing.T) {
	t.Parallel()
	r := newRig(t, deaf{}, CollectorConfig{})
	r.keepPod(true)
	r.await(t)
	if got := r.lines(t); len(got) != 1 || !strings.Contains(got[0], "machine was lost") {
		t.Errorf("the log says %q", got)
	}
	r.wantEnd(t, End{State: EndIncomplete, Reason: "the machine was lost before the rest was read"})
}

func TestCollectorWaitsForTheArchive(t *testing.T) {
	t.Parallel()
	r := newRig(t, &container{lines: numbered(3, 1)}, CollectorConfig{StoreTimeout: 100 * time.Hour})
	r.store.fail(1)
	r.keepPod(false)
	for r.clock.Since(began) < 30*time.Minute {
		time.Sleep(time.Millisecond)
		r.clock.Step(time.Minute)
	}
	if len(r.done) > 0 {
		t.Fatal("the pod was let go while the archive was down")
	}
	r.store.fail(0)
	r.await(t)
	if got := r.lines(t); len(got) != 3 {
		t.Errorf("%d lines", len(got))
	}
}

// TestCollectorLetsGoOfAPodWithoutAnArchive counts what is lost then, and says it in the archive as soon as there is one again.
func TestCollectorLetsGoOfAPodWithoutAnArchive(t *testing.T) {
	t.Parallel()
	kept := numbered(3, time.Second)
	r := newRig(t, &container{lines: kept}, CollectorConfig{StoreTimeout: time.Minute})
	r.store.fail(1)
	r.keepPod(false)
	r.await(t)
	if got := testutil.ToFloat64(r.metrics.streams.WithLabelValues(resultLost)); got != 1 {
		t.Errorf("%v lost logs", got)
	}
	if got := testutil.ToFloat64(r.metrics.dropped); got != 3*float64(kept[0].size()) {
		t.Errorf("%v bytes were dropped", got)
	}
	if _, err := NewView(r.archive, &container{gone: true}).Open(t.Context(), testStream); !errors.Is(err, ErrNotFound) {
		t.Errorf("a log of which nothing is kept: %v", err)
	}
	r.store.fail(0)
	for r.store.count() == 0 {
		time.Sleep(time.Millisecond)
		r.clock.Step(time.Second)
	}
	const reason = "the archive took nothing for 1m0s; 21 bytes are lost"
	r.wantEnd(t, End{State: EndLost, Reason: reason, Dropped: 21})
	if got := r.lines(t); len(got) != 1 || got[0] != "[the log ends here: "+reason+"]" {
		t.Errorf("the log says %q", got)
	}
}

// TestLogThatStopsInTheArchive is one whose collector gave up, and was gone before it could say so.
func TestLogThatStopsInTheArchive(t *testing.T) {
	t.Parallel()
	archive := newArchive(t, newMemory(), 100)
	w, err := archive.resume(t.Context(), testStream, testJob, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range numbered(50, time.Second) {
		if err := w.add(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	kubelet := &container{lines: numbered(50, time.Second)}
	log, err := NewView(archive, kubelet).Open(t.Context(), testStream)
	if err != nil {
		t.Fatal(err)
	}
	if end, isEnded, err := log.End(t.Context()); err != nil || isEnded {
		t.Errorf("while its pod is there it has ended as %+v, %v", end, err)
	}
	kubelet.gone = true
	want := End{State: EndLost, Reason: "the archive did not take the rest"}
	if end, isEnded, err := log.End(t.Context()); err != nil || !isEnded || end != want {
		t.Errorf("it ended as %+v, %v, %v", end, isEnded, err)
	}
}

// TestTooLongALog keeps the beginning and the end, and says how much is not there.
func TestTooLongALog(t *testing.T) {
	t.Parallel()
	const n, limit = 10_000, 20_000
	r := newRig(t, &container{lines: numbered(n, time.Microsecond)}, CollectorConfig{MaxBytes: limit})
	r.keepPod(false)
	r.await(t)
	got := r.lines(t)
	if got[0] != "line 0" || got[len(got)-1] != fmt.Sprintf("line %d", n-1) {
		t.Errorf("from %q to %q", got[0], got[len(got)-1])
	}
	kept, dropped := 0, 0
	for i, text := range got {
		if strings.HasPrefix(text, "[") {
			if _, err := fmt.Sscanf(text, "[%d bytes of this log were dropped here", &dropped); err != nil || i == 0 {
				t.Errorf("line %d: %q: %v", i, text, err)
			}
			continue
		}
		kept += len(text) + 1
	}
	written := 0
	for _, l := range numbered(n, 1) {
		written += l.size()
	}
	if kept+dropped != written || kept > limit || kept < limit/2 {
		t.Errorf("%d bytes kept and %d dropped of %d, at most %d to keep", kept, dropped, written, limit)
	}
	if got := testutil.ToFloat64(r.metrics.dropped); got != float64(dropped) {
		t.Errorf("the metric says %v, the log %d", got, dropped)
	}
	r.wantEnd(t, End{State: EndTruncated, Reason: "it is longer than 20000 bytes", Dropped: int64(dropped)})
}

// laggard is a kubelet whose log grows after the container's end, at every read.
type laggard struct {
	container

	whole []Line
}

func (l *laggard) Read(ctx context.Context, o Origin, since time.Time, follow bool) (io.ReadCloser, error) {
	l.lines = l.whole[:min(len(l.whole), max(0, l.reads-2)*10)]
	return l.container.Read(ctx, o, since, follow)
}

// TestLogThatIsLate is read until nothing more comes.
func TestLogThatIsLate(t *testing.T) {
	t.Parallel()
	r := newRig(t, &laggard{whole: numbered(100, time.Second)}, CollectorConfig{})
	r.keepPod(false)
	r.await(t)
	if got := r.lines(t); len(got) != 100 {
		t.Errorf("%d lines", len(got))
	}
}

// forgetful is a kubelet that shows a log to who follows it, and has none any more once the container has ended.
type forgetful struct {
	lines []Line
	ended chan struct{}
}

func (f *forgetful) Read(ctx context.Context, _ Origin, _ time.Time, follow bool) (io.ReadCloser, error) {
	if !follow {
		return io.NopCloser(strings.NewReader("unable to retrieve container logs for containerd://c")), nil
	}
	c := container{lines: f.lines}
	r, w := io.Pipe()
	stop := context.AfterFunc(ctx, func() { _ = w.CloseWithError(ctx.Err()) }) // has no error
	go func() {
		defer stop()
		<-f.ended
		_, err := io.WriteString(w, c.text(time.Time{}))
		_ = w.CloseWithError(err) // has no error
	}()
	return r, nil
}

func TestLogOfAPodThatIsDeletedWhileItRuns(t *testing.T) {
	t.Parallel()
	for name, isFollowed := range map[string]bool{"followed": true, "not followed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kubelet := &forgetful{lines: numbered(100, time.Millisecond), ended: make(chan struct{})}
			var cfg CollectorConfig
			if isFollowed {
				cfg.Timeout = time.Hour // await's clock runs a thousand times as fast as who follows
			}
			r := newRig(t, kubelet, cfg)
			if isFollowed {
				one := newCollection()
				early := one.pod.DeepCopy()
				early.Status = corev1.PodStatus{}
				r.Follow(one.job, early) // nothing of it runs yet
				r.Follow(one.job, one.pod)
				r.Follow(one.job, one.pod)
				for !r.isFollowing() {
					time.Sleep(time.Millisecond)
				}
			}
			close(kubelet.ended)
			r.keepPod(false)
			r.await(t)
			got := r.lines(t)
			switch {
			case isFollowed && (len(got) != 100 || got[99] != "line 99"):
				t.Errorf("%d lines", len(got))
			case !isFollowed && (len(got) != 1 || !strings.Contains(got[0], "unable to retrieve container logs")):
				t.Errorf("the log says %q", got)
			}
			if complete := testutil.ToFloat64(r.metrics.streams.WithLabelValues(resultComplete)); complete == 1 != isFollowed {
				t.Errorf("%v complete logs", complete)
			}
		})
	}
}

// isFollowing reports whether the pod's log is being read.
func (r *rig) isFollowing() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.pods["u"]
	return one != nil && len(one.readings) > 0
}
