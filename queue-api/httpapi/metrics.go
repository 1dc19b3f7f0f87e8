// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// newMetrics registers the metrics of the API; inFlight is read when they are.
func newMetrics(registry prometheus.Registerer, inFlight func() float64) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_api_requests_total",
			Help: "Requests to the Batch API by operation and HTTP status.",
		}, []string{"op", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "muster_api_request_duration_seconds",
			Help:    "Time from a request's headers to the end of its answer, by operation.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15), // 0.5 ms to 8 s
		}, []string{"op"}),
	}
	gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "muster_api_requests_in_flight",
		Help: "Requests to the Batch API that are being answered.",
	}, inFlight)
	for _, c := range []prometheus.Collector{m.requests, m.duration, gauge} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// operationMetrics are the metrics of one operation, looked up once.
type operationMetrics struct {
	requests *prometheus.CounterVec
	ok       prometheus.Counter
	duration prometheus.Observer
}

func (m *metrics) operation(name string) *operationMetrics {
	requests := m.requests.MustCurryWith(prometheus.Labels{"op": name})
	return &operationMetrics{
		requests: requests,
		ok:       requests.WithLabelValues(strconv.Itoa(http.StatusOK)),
		duration: m.duration.WithLabelValues(name),
	}
}

func (m *operationMetrics) observe(status int, elapsed time.Duration) {
	m.duration.Observe(elapsed.Seconds())
	if status == http.StatusOK {
		m.ok.Inc()
		return
	}
	m.requests.WithLabelValues(strconv.Itoa(status)).Inc()
}
