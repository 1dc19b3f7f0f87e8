// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

// Observer is told of what this process's store writes. It must not block, and must not change what it is given.
type Observer interface {
	// Changed is told of a change of a job, an array or a child that was written: of a submission if old's Status is empty. It
	// is told once of each, unless the program or its connection broke off before the answer came.
	Changed(old, next *batch.Job)
}

// Metrics tell how Redis answers.
type Metrics struct {
	seconds *prometheus.HistogramVec
	errors  *prometheus.CounterVec
	retries prometheus.Counter
}

// opRead is all that writes nothing.
const opRead = "read"

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "muster_store_op_duration_seconds",
			Help:    "Time until Redis answered, and until writes were as durable as configured, by what was done: read, or the name of the write.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 7), // 0.5 ms to 2 s
		}, []string{"op"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_store_errors_total",
			Help: "Calls of Redis that failed, by what was to be done.",
		}, []string{"op"}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "muster_store_retries_total",
			Help: "Changes of jobs that were tried again because somebody else changed the job meanwhile.",
		}),
	}
	for _, c := range []prometheus.Collector{m.seconds, m.errors, m.retries} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	m.errors.WithLabelValues(opRead)
	return m, nil
}

// wrote counts a write. It may be called on nil, as the other methods.
func (m *Metrics) wrote(point crashpoint.Point, start time.Time, err error) {
	if m != nil {
		m.count(strings.TrimPrefix(string(point), "redis/"), start, err)
	}
}

func (m *Metrics) retry() {
	if m != nil {
		m.retries.Inc()
	}
}

func (m *Metrics) count(op string, start time.Time, err error) {
	m.seconds.WithLabelValues(op).Observe(time.Since(start).Seconds())
	if wrap(err) != nil {
		m.errors.WithLabelValues(op).Inc()
	}
}

// readTimer times what goes over a connection and writes nothing; writes are timed where they are made durable.
type readTimer struct{ metrics *Metrics }

var _ redis.Hook = readTimer{}

// DialHook implements redis.Hook.
func (readTimer) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return next(ctx, network, address)
	}
}

// ProcessHook implements redis.Hook.
func (r readTimer) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		start := time.Now()
		err := next(ctx, cmd)
		if isRead(cmd) {
			r.metrics.count(opRead, start, err)
		}
		return err
	}
}

// ProcessPipelineHook implements redis.Hook.
func (r readTimer) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		start := time.Now()
		err := next(ctx, cmds)
		if len(cmds) > 0 && isRead(cmds[len(cmds)-1]) {
			r.metrics.count(opRead, start, err)
		}
		return err
	}
}

// isRead tells by the last command of a pipeline what it was for.
func isRead(cmd redis.Cmder) bool {
	switch cmd.Name() {
	case "get", "getrange", "hget", "hmget", "hgetall", "hlen", "hscan", "mget", "scard", "smembers", "sscan", "xrange", "xrevrange", "xlen",
		"zcard", "zrange", "zrangebyscore", "zrevrangebyscore", "zrank", "zscan", "zscore", "exec", "eval":
		return true
	}
	return false
}
