// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
)

// reading is how far a container's log has been read.
type reading struct {
	w     *writer // nil before the first look, and after one that failed
	rest  *Line   // at the end, without an end of its own
	quiet int     // how often in a row there was nothing new

	following  chan struct{}      // closed once nobody follows; nil if nobody did
	cancel     context.CancelFunc // of who follows
	isFollowed bool               // the log was followed to its end
}

// isFree reports whether nobody follows.
func (r *reading) isFree() bool {
	if r.following == nil {
		return true
	}
	select {
	case <-r.following:
		return true
	default:
		return false
	}
}

// stop ends who follows.
func (r *reading) stop() {
	if r.following != nil {
		r.cancel()
		<-r.following
		r.following = nil
	}
}

// reading is that of a pod's container.
func (c *Collector) reading(one *collection, container string) *reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := one.readings[container]
	if r == nil {
		r = &reading{}
		one.readings[container] = r
	}
	return r
}

const (
	// quietEnough is how often in a row a log must have nothing new, retryDelay apart, until it counts as read: what writes it
	// for the container may be behind when the kubelet says that the container ended. Of an empty one less is known.
	quietEnough      = 2
	quietEnoughEmpty = 5
)

// read brings what the kubelet has to the reading, and tells whether that is all.
func (c *Collector) read(ctx context.Context, one *collection, r *reading, container string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	last := r.w.last
	err := c.pass(ctx, one.origin(container), r, false)
	if err != nil {
		// A kubelet removes the logs of deleted pods. Who followed one until it ended has it all.
		if !r.isFollowed || errors.Is(err, errArchive) {
			return false, err
		}
		return true, r.addRest(ctx)
	}
	if r.quiet++; r.w.last != last {
		r.quiet = 0
	}
	isEmpty := r.w.last == 0 && r.rest == nil
	if r.quiet < quietEnough || isEmpty && r.quiet < quietEnoughEmpty {
		return false, nil
	}
	return true, r.addRest(ctx)
}

func (r *reading) addRest(ctx context.Context) error {
	if r.rest == nil {
		return nil
	}
	return r.w.add(ctx, *r.rest)
}

func (one *collection) origin(container string) Origin {
	return Origin{Namespace: one.pod.Namespace, Pod: one.pod.Name, Container: container}
}

// errKubelet is in what a kubelet says in place of a log.
var errKubelet = errors.New("kubelet")

// pass reads a log once, or follows it to its end.
func (c *Collector) pass(ctx context.Context, origin Origin, r *reading, follow bool) error {
	body, err := c.source.Read(ctx, origin, sinceOf(r.w.last), follow)
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	defer body.Close()
	r.rest = nil
	scanner := NewScanner(body, 0)
	for {
		line, err := scanner.Next()
		switch {
		case (err == nil || errors.Is(err, errUnfinished)) && scanner.isSpoken:
			return fmt.Errorf("%w: %.300s", errKubelet, line.Text)
		case err == nil:
			if err := r.w.add(ctx, line); err != nil {
				return err
			}
		case errors.Is(err, errUnfinished):
			r.rest = &line
			return nil
		case errors.Is(err, io.EOF):
			return nil
		default:
			return fmt.Errorf("read log: %w", err)
		}
	}
}

// followed is a container whose log is to be followed.
type followed struct {
	uid       types.UID
	container string
}

// Follow implements podwatch.Logs.
func (c *Collector) Follow(job batch.Job, pod *corev1.Pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.known(job, pod)
	if !known.since.IsZero() {
		return
	}
	known.pod = pod // it may have been known before its containers started
	for _, s := range started(pod) {
		if known.readings[s.Name] == nil {
			c.follow.Add(followed{pod.UID, s.Name})
		}
	}
}

// followNext follows one container; it returns false when there will be no more.
func (c *Collector) followNext(ctx context.Context) bool {
	next, shutdown := c.follow.Get()
	if shutdown {
		return false
	}
	defer c.follow.Done(next)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	one := c.pods[next.uid]
	if one == nil || !one.tried.IsZero() || one.readings[next.container] != nil { // too late
		c.mu.Unlock()
		return true
	}
	r := &reading{following: make(chan struct{}), cancel: cancel}
	one.readings[next.container] = r
	pod, job := one.pod, one.job
	c.mu.Unlock()
	defer close(r.following)
	if err := c.followOne(ctx, pod, &job, next.container, r); err != nil && ctx.Err() == nil {
		klog.FromContext(ctx).V(4).Info("Log was not followed to its end", "pod", klog.KObj(pod), "job", job.ID, "err", err)
	}
	return true
}

func (c *Collector) followOne(ctx context.Context, pod *corev1.Pod, job *batch.Job, container string, r *reading) (err error) {
	limit := c.cfg.MaxBytes / int64(max(len(started(pod)), 1))
	r.w, err = c.archive.resume(ctx, batch.LogStream(job.Definition.Name, container, pod.Name), job.ID, limit)
	if err != nil || r.w.isEnded {
		return err
	}
	one := &collection{pod: pod}
	if err := c.pass(ctx, one.origin(container), r, true); err != nil {
		if errors.Is(err, errArchive) {
			r.w = nil
		}
		return err
	}
	r.isFollowed = true
	return nil
}
