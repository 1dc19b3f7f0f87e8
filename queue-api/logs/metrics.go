// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are those of a process's Collectors.
type Metrics struct {
	streams *prometheus.CounterVec // by result
	bytes   prometheus.Counter
	dropped prometheus.Counter
	seconds prometheus.Histogram
}

// Results of collecting a log.
const (
	resultComplete   = "complete"
	resultIncomplete = "incomplete" // its kubelet could not be asked any more; the log says so
	resultLost       = "lost"       // it could not be kept
)

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) (Metrics, error) {
	m := Metrics{
		streams: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_log_streams_total",
			Help: "Logs of containers that ended, by result: complete, incomplete (the kubelet did not answer) or lost (the archive did not).",
		}, []string{"result"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "muster_log_bytes_total",
			Help: "Bytes of logs that were kept, before compression.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "muster_log_dropped_bytes_total",
			Help: "Bytes of logs that were not kept: an attempt had too many, or the archive did not take them.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "muster_log_collect_duration_seconds",
			Help:    "Time from the news that a pod ended until its logs were kept.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2.5, 12), // 10 ms to 4 min
		}),
	}
	for _, c := range []prometheus.Collector{m.streams, m.bytes, m.dropped, m.seconds} {
		if err := registry.Register(c); err != nil {
			return m, fmt.Errorf("register metrics: %w", err)
		}
	}
	for _, result := range []string{resultComplete, resultIncomplete, resultLost} {
		m.streams.WithLabelValues(result)
	}
	return m, nil
}
