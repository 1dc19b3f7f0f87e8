// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-batch/muster/queue-api/batch"
)

type metrics struct {
	identified *prometheus.CounterVec
	denied     *prometheus.CounterVec
	requests   *prometheus.CounterVec
	duration   *prometheus.HistogramVec
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
	m.identified = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "muster_authn_total",
		Help: "Requests by how the caller said who they are (signature, token, none) and what came of it: known, refused, or error if nobody could be asked.",
	}, []string{"mode", "result"})
	m.denied = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "muster_authz_denied_total",
		Help: "Operations that the caller was not allowed to do.",
	}, []string{"op"})
	gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "muster_api_requests_in_flight",
		Help: "Requests to the Batch API that are being answered.",
	}, inFlight)
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.identified, m.denied, gauge} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// authenticated counts what came of a credential.
func (m *metrics) authenticated(h http.Header, err error) {
	mode, result := "token", "known"
	switch authorization := h.Get("Authorization"); {
	case authorization == "":
		mode = "none"
	case strings.HasPrefix(authorization, "AWS4-"):
		mode = "signature"
	}
	if _, isRefused := errors.AsType[*batch.Error](err); isRefused {
		result = "refused"
	} else if err != nil {
		result = "error"
	}
	m.identified.WithLabelValues(mode, result).Inc()
}

// authorized counts a refusal.
func (m *metrics) authorized(operation string, err error) {
	if refused, ok := errors.AsType[*batch.Error](err); ok && refused.Code == batch.CodeAccessDenied {
		m.denied.WithLabelValues(operation).Inc()
	}
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
