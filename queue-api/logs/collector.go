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
	// Read gives what a container wrote since a time, and goes on until it ends if follow is set. It returns ErrNotFound if the
	// pod is gone.
	Read(ctx context.Context, origin Origin, since time.Time, follow bool) (io.ReadCloser, error)
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
	// Followers follow at once the logs of containers that are about to be ended. Default 256.
	Followers int
	// Kept is told of each pod whose logs are kept, or given up, and since when they were to be. Default nobody is.
	Kept func(job batch.Job, pod *corev1.Pod, since, until time.Time)
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
	follow  workqueue.TypedInterface[followed]
	lost    workqueue.TypedDelayingInterface[lostLog]

	mu     sync.Mutex // guards what follows, and what is said below
	pods   map[types.UID]*collection
	losses int // in lost
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
	// readings are by container. The mutex guards the map; a reading is its follower's and then a worker's.
	readings map[string]*reading
}

// NewCollector makes a Collector of the logs of one cluster.
func NewCollector(archive *Archive, source Source, metrics Metrics, cfg CollectorConfig) *Collector {
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, 64<<20)
	cfg.Timeout = cmp.Or(cfg.Timeout, 30*time.Second)
	cfg.StoreTimeout = cmp.Or(cfg.StoreTimeout, 10*time.Minute)
	cfg.Workers = cmp.Or(cfg.Workers, 32)
	cfg.Followers = cmp.Or(cfg.Followers, 256)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	return &Collector{
		archive: archive, source: source, metrics: metrics, cfg: cfg, pods: map[types.UID]*collection{},
		work:   workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[types.UID]{Clock: cfg.Clock}),
		follow: workqueue.NewTyped[followed](),
		lost:   workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[lostLog]{Clock: cfg.Clock}),
	}
}

// Keep implements podwatch.Logs.
func (c *Collector) Keep(job batch.Job, pod *corev1.Pod, isLost bool, kept func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.known(job, pod)
	if known.since.IsZero() {
		known.pod, known.kept, known.since = pod, kept, c.cfg.Clock.Now()
		c.work.Add(pod.UID)
	}
	known.isLost = known.isLost || isLost
	return known.isDone
}

// known is what there is of a pod. The caller holds the mutex.
func (c *Collector) known(job batch.Job, pod *corev1.Pod) *collection {
	known := c.pods[pod.UID]
	if known == nil {
		known = &collection{pod: pod, job: job, readings: map[string]*reading{}}
		c.pods[pod.UID] = known
	}
	return known
}

// Forget implements podwatch.Logs.
func (c *Collector) Forget(pod *corev1.Pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pods, pod.UID)
}

// Run collects until ctx ends.
func (c *Collector) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		c.work.ShutDown()
		c.follow.ShutDown()
		c.lost.ShutDown()
	})
	defer stop()
	var workers sync.WaitGroup
	workers.Go(func() {
		for c.tellNext(ctx) {
		}
	})
	for range c.cfg.Followers {
		workers.Go(func() {
			for c.followNext(ctx) {
			}
		})
	}
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
	isQuiet, err := c.collect(ctx, &one)
	if err != nil || !isQuiet {
		if err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).V(4).Info("Log is collected again", "pod", klog.KObj(one.pod), "job", one.job.ID, "err", err)
		}
		c.work.AddAfter(uid, retryDelay)
		return true
	}
	c.metrics.seconds.Observe(c.cfg.Clock.Since(one.since).Seconds())
	if c.cfg.Kept != nil {
		c.cfg.Kept(one.job, one.pod, one.since, c.cfg.Clock.Now())
	}
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

// collect keeps the logs of a pod's containers. It returns false if there may be more to come, and an error if that is to be
// tried again.
func (c *Collector) collect(ctx context.Context, one *collection) (bool, error) {
	containers := started(one.pod)
	isQuiet := true
	for i := range containers {
		isKept, err := c.keep(ctx, one, &containers[i], c.cfg.MaxBytes/int64(len(containers)))
		if err != nil {
			return false, err
		}
		isQuiet = isQuiet && isKept
	}
	return isQuiet, nil
}

// started are the containers that ran.
func started(pod *corev1.Pod) []corev1.ContainerStatus {
	statuses := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
	return slices.DeleteFunc(statuses, func(s corev1.ContainerStatus) bool { return s.ContainerID == "" })
}

// keep keeps the log of one container, or gives up. It returns false if there may be more to come.
func (c *Collector) keep(ctx context.Context, one *collection, s *corev1.ContainerStatus, limit int64) (bool, error) {
	stream := batch.LogStream(one.job.Definition.Name, s.Name, one.pod.Name)
	r := c.reading(one, s.Name)
	if !r.isFree() && c.cfg.Clock.Since(one.tried) < c.cfg.Timeout && !one.isLost {
		return false, nil
	}
	r.stop()
	if r.w == nil {
		w, err := c.archive.resume(ctx, stream, one.job.ID, limit)
		if err != nil {
			return c.orGiveUp(ctx, one, s, err)
		}
		r.w = w
	}
	if r.w.isEnded {
		return true, nil
	}
	end := End{State: EndComplete}
	if one.isLost {
		end = End{State: EndIncomplete, Reason: "the machine was lost before the rest was read"}
	} else if isQuiet, err := c.read(ctx, one, r, s.Name); err != nil {
		if errors.Is(err, errArchive) || c.cfg.Clock.Since(one.tried) < c.cfg.Timeout {
			r.w = nil // what of it is in the archive is known there
			return c.orGiveUp(ctx, one, s, err)
		}
		end = End{State: EndIncomplete, Reason: fmt.Sprintf("its kubelet did not give the rest within %v: %.300s", c.cfg.Timeout, err.Error())}
	} else if !isQuiet {
		return false, nil
	}
	if err := r.w.end(ctx, endOf(s, c.cfg.Clock.Now()), end); err != nil {
		r.w = nil
		return c.orGiveUp(ctx, one, s, err)
	}
	c.metrics.bytes.Add(float64(r.w.added))
	c.metrics.dropped.Add(float64(r.w.dropped))
	if end.State == EndComplete {
		c.metrics.streams.WithLabelValues(resultComplete).Inc()
		return true, nil
	}
	c.metrics.streams.WithLabelValues(resultIncomplete).Inc()
	klog.FromContext(ctx).Info("Log is not complete", "stream", stream, "job", one.job.ID, "reason", end.Reason)
	return true, nil
}

// orGiveUp returns err unless the archive has been failing for so long that the pod is to wait no longer.
func (c *Collector) orGiveUp(ctx context.Context, one *collection, s *corev1.ContainerStatus, err error) (bool, error) {
	if c.cfg.Clock.Since(one.tried) < c.cfg.StoreTimeout || ctx.Err() != nil {
		return false, err
	}
	c.giveUp(ctx, one, s, err)
	return true, nil
}

// endOf is when a container ended.
func endOf(s *corev1.ContainerStatus, now time.Time) int64 {
	if t := s.State.Terminated; t != nil && isTime(t.FinishedAt.Time) {
		return t.FinishedAt.UnixNano()
	}
	return now.UnixNano()
}
