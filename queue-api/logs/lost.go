// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
)

// lostLog is a log that the archive did not take, and has yet to be told of.
type lostLog struct {
	stream, job string
	at          int64 // when the container ended
	end         End
}

const (
	// maxLosses bounds what is remembered of logs that were lost. Of more the archive is not told why they have no end.
	maxLosses = 10_000
	// tellDelay lies between two tries to tell the archive.
	tellDelay = 15 * time.Second
)

// giveUp lets go of a log that the archive has not taken for too long. What is lost is counted, and the archive told once it
// takes something again.
func (c *Collector) giveUp(ctx context.Context, one *collection, s *corev1.ContainerStatus, cause error) {
	lost := lostLog{stream: batch.LogStream(one.job.Definition.Name, s.Name, one.pod.Name), job: one.job.ID, at: endOf(s, c.cfg.Clock.Now())}
	lost.end = End{State: EndLost, Dropped: c.rest(ctx, lost.stream, one.origin(s.Name))}
	lost.end.Reason = fmt.Sprintf("the archive took nothing for %v; %d bytes are lost", c.cfg.StoreTimeout, lost.end.Dropped)
	klog.FromContext(ctx).Error(cause, "Log is lost: it could not be kept", "stream", lost.stream, "job", lost.job, "bytes", lost.end.Dropped)
	c.metrics.streams.WithLabelValues(resultLost).Inc()
	c.metrics.dropped.Add(float64(lost.end.Dropped))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.losses < maxLosses {
		c.losses++
		c.lost.Add(lost)
	}
}

// rest is how many bytes the kubelet has that the archive has not: as far as that can be found out.
func (c *Collector) rest(ctx context.Context, stream string, origin Origin) (size int64) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	last := int64(0)
	if chunks, err := c.archive.chunks(ctx, stream); err == nil {
		for i := range chunks {
			last = max(last, chunks[i].last)
		}
	}
	body, err := c.source.Read(ctx, origin, sinceOf(last), false)
	if err != nil {
		return 0
	}
	defer body.Close()
	for scanner := NewScanner(body, 0); ; {
		line, err := scanner.Next()
		if err != nil && !errors.Is(err, errUnfinished) || scanner.isSpoken {
			return size
		}
		if line.Time > last {
			size += int64(line.size())
		}
	}
}

// tellNext tells the archive of one lost log; it returns false when there will be no more.
func (c *Collector) tellNext(ctx context.Context) bool {
	lost, shutdown := c.lost.Get()
	if shutdown {
		return false
	}
	defer c.lost.Done(lost)
	w, err := c.archive.resume(ctx, lost.stream, lost.job, c.cfg.MaxBytes)
	if err == nil {
		err = w.end(ctx, lost.at, lost.end)
	}
	if err != nil {
		c.lost.AddAfter(lost, tellDelay)
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.losses--
	return true
}
