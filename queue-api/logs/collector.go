// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Source reads the logs of pods that are there.
type Source interface {
	// Read gives what a container wrote since a time. It returns ErrNotFound if the pod is gone.
	Read(ctx context.Context, origin Origin, since time.Time) (io.ReadCloser, error)
}

// CollectorConfig tunes a Collector; zero values mean the defaults.
type CollectorConfig struct {
	// MaxBytes is how much of an attempt's logs is kept: each of its containers has an equal part. Of a longer log the beginning
	// and the end are kept. Default 64 MiB.
	MaxBytes int64
	// Timeout is how long a pod waits for a kubelet that does not give its log. Default 30 s.
	Timeout time.Duration
	// StoreTimeout is how long a pod waits for an archive that takes nothing. Default 10 minutes.
	StoreTimeout time.Duration
	// Workers collect at once. Default 32.
	Workers int
	// Clock times what fails. Default the real one.
	Clock clock.WithTicker
}

// Collector puts the logs of pods that ended into the archive. It has no memory: what a crash interrupts is begun again where
// the archive's part ends.
type Collector struct {
	archive *Archive
	source  Source
	metrics Metrics
	cfg     CollectorConfig
	work    workqueue.TypedDelayingInterface[types.UID]

	mu   sync.Mutex // guards pods
	pods map[types.UID]*collection
}

// collection is a pod whose logs are to be kept.
type collection struct {
	pod    *corev1.Pod
	job    batch.Job
	isLost bool
	kept   func()
	since  time.Time // when it was asked for
	tried  time.Time // when it was first tried
	isDone bool
}

// NewCollector makes a Collector of the logs of one cluster.
func NewCollector(archive *Archive, source Source, metrics Metrics, cfg CollectorConfig) *Collector {
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, 64<<20)
	cfg.Timeout = cmp.Or(cfg.Timeout, 30*time.Second)
	cfg.StoreTimeout = cmp.Or(cfg.StoreTimeout, 10*time.Minute)
	cfg.Workers = cmp.Or(cfg.Workers, 32)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	return &Collector{
		archive: archive, source: source, metrics: metrics, cfg: cfg, pods: map[types.UID]*collection{},
		work: workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[types.UID]{Clock: cfg.Clock}),
	}
}

// Keep implements podwatch.Logs.
func (c *Collector) Keep(job batch.Job, pod *corev1.Pod, isLost bool, kept func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.pods[pod.UID]
	if known == nil {
		c.pods[pod.UID] = &collection{pod: pod, job: job, isLost: isLost, kept: kept, since: c.cfg.Clock.Now()}
		c.work.Add(pod.UID)
		return false
	}
	known.isLost = known.isLost || isLost
	return known.isDone
}

// Forget implements podwatch.Logs.
func (c *Collector) Forget(pod *corev1.Pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pods, pod.UID)
}

// Run collects until ctx ends.
func (c *Collector) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, c.work.ShutDown)
	defer stop()
	var workers sync.WaitGroup
	for range c.cfg.Workers {
		workers.Go(func() {
			for c.collectNext(ctx) {
			}
		})
	}
	workers.Wait()
	return nil
}

// retryDelay lies between two tries of a pod.
const retryDelay = time.Second

// collectNext handles one pod; it returns false when there will be no more.
func (c *Collector) collectNext(ctx context.Context) bool {
	uid, shutdown := c.work.Get()
	if shutdown {
		return false
	}
	defer c.work.Done(uid)
	one, ok := c.begin(uid)
	if !ok {
		return true
	}
	if err := c.collect(ctx, &one); err != nil {
		if ctx.Err() == nil {
			klog.FromContext(ctx).V(4).Info("Log is collected again", "pod", klog.KObj(one.pod), "job", one.job.ID, "err", err)
			c.work.AddAfter(uid, retryDelay)
		}
		return true
	}
	c.metrics.seconds.Observe(c.cfg.Clock.Since(one.since).Seconds())
	c.mu.Lock()
	if known := c.pods[uid]; known != nil {
		known.isDone = true
	}
	c.mu.Unlock()
	one.kept()
	return true
}

// begin gives what there is to do for a pod.
func (c *Collector) begin(uid types.UID) (collection, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.pods[uid]
	if known == nil || known.isDone {
		return collection{}, false
	}
	if known.tried.IsZero() {
		known.tried = c.cfg.Clock.Now()
	}
	return *known, true
}

// collect keeps the logs of a pod's containers. It returns an error if that is to be tried again.
func (c *Collector) collect(ctx context.Context, one *collection) error {
	statuses := slices.Concat(one.pod.Status.InitContainerStatuses, one.pod.Status.ContainerStatuses)
	statuses = slices.DeleteFunc(statuses, func(s corev1.ContainerStatus) bool { return s.ContainerID == "" })
	for i := range statuses {
		if err := c.keep(ctx, one, &statuses[i], c.cfg.MaxBytes/int64(len(statuses))); err != nil {
			return err
		}
	}
	return nil
}

// keep keeps the log of one container, or gives up.
func (c *Collector) keep(ctx context.Context, one *collection, s *corev1.ContainerStatus, limit int64) error {
	stream := batch.LogStream(one.job.Definition.Name, s.Name, one.pod.Name)
	w, err := c.archive.resume(ctx, stream, one.job.ID, limit)
	if err != nil {
		return c.orGiveUp(ctx, one, stream, err)
	}
	if w.isEnded {
		return nil
	}
	before, result, note := w.kept, resultComplete, ""
	if one.isLost {
		result, note = resultIncomplete, "[the log ends here: the machine was lost before the rest was read]"
	} else if err := c.copy(ctx, one, w, s.Name); err != nil {
		if errors.Is(err, errArchive) || c.cfg.Clock.Since(one.tried) < c.cfg.Timeout {
			return c.orGiveUp(ctx, one, stream, err)
		}
		result, note = resultIncomplete, fmt.Sprintf("[the log ends here: its kubelet did not give the rest within %v: %.300s]", c.cfg.Timeout, err.Error())
	}
	if err := w.end(ctx, endOf(s, c.cfg.Clock.Now()), note); err != nil {
		return c.orGiveUp(ctx, one, stream, err)
	}
	c.metrics.streams.WithLabelValues(result).Inc()
	c.metrics.bytes.Add(float64(w.kept - before))
	c.metrics.dropped.Add(float64(w.dropped))
	if result != resultComplete {
		klog.FromContext(ctx).Info("Log is not complete", "stream", stream, "job", one.job.ID, "note", note)
	}
	return nil
}

// orGiveUp returns err unless the archive has been failing for so long that the pod is to wait no longer.
func (c *Collector) orGiveUp(ctx context.Context, one *collection, stream string, err error) error {
	if c.cfg.Clock.Since(one.tried) < c.cfg.StoreTimeout || ctx.Err() != nil {
		return err
	}
	klog.FromContext(ctx).Error(err, "Log is lost: it could not be kept", "stream", stream, "job", one.job.ID)
	c.metrics.streams.WithLabelValues(resultLost).Inc()
	return nil
}

// endOf is when a container ended.
func endOf(s *corev1.ContainerStatus, now time.Time) int64 {
	if t := s.State.Terminated; t != nil && isTime(t.FinishedAt.Time) {
		return t.FinishedAt.UnixNano()
	}
	return now.UnixNano()
}

// sureUpTo is how long a log may be whose end is believed at once: an API server that loses a kubelet in the middle of a log
// ends the answer as if that were all.
const sureUpTo = 32 << 10

// copy brings what the kubelet has to w.
func (c *Collector) copy(ctx context.Context, one *collection, w *writer, container string) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	origin := Origin{Namespace: one.pod.Namespace, Pod: one.pod.Name, Container: container}
	for {
		last := w.last
		n, rest, err := c.pass(ctx, origin, w)
		switch {
		case err != nil:
			return err
		case n >= sureUpTo && w.last != last:
			continue
		case rest == nil:
			return nil
		}
		return w.add(ctx, *rest)
	}
}

// pass reads a log once. It returns how many bytes that were, and a line at the end that has none.
func (c *Collector) pass(ctx context.Context, origin Origin, w *writer) (n int64, rest *Line, err error) {
	body, err := c.source.Read(ctx, origin, sinceOf(w.last))
	if err != nil {
		return 0, nil, fmt.Errorf("read log: %w", err)
	}
	defer body.Close()
	counted := &counter{r: body}
	scanner := NewScanner(counted, 0)
	for {
		line, err := scanner.Next()
		switch {
		case err == nil:
			if err := w.add(ctx, line); err != nil {
				return counted.n, nil, err
			}
		case errors.Is(err, errUnfinished):
			return counted.n, &line, nil
		case errors.Is(err, io.EOF):
			return counted.n, nil, nil
		default:
			return counted.n, nil, fmt.Errorf("read log: %w", err)
		}
	}
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
