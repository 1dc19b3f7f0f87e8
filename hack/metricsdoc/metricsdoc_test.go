// SPDX-License-Identifier: Apache-2.0

package metricsdoc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/component-base/metrics"
)

func TestKindsAndLabels(t *testing.T) {
	t.Parallel()
	r := NewRecorder()
	r.MustRegister(
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "a", Help: `with "quotes", {braces} and | bars`}),
		prometheus.NewCounterVec(prometheus.CounterOpts{Name: "b_total", Help: "h"}, []string{"x", "y"}),
		prometheus.NewHistogram(prometheus.HistogramOpts{Name: "c_seconds", Help: "h"}),
		prometheus.NewCounter(prometheus.CounterOpts{Name: "d_total", Help: "h"}),
		prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "e", Help: "h"}, []string{"x"}),
	)
	r.Kubernetes(metrics.NewCounterVec(&metrics.CounterOpts{Subsystem: "k", Name: "f_total", Help: "h", StabilityLevel: metrics.ALPHA}, []string{"x"}),
		metrics.NewHistogram(&metrics.HistogramOpts{Name: "g", Help: "h", StabilityLevel: metrics.ALPHA}))
	want := "| metric | kind | labels | what it says |\n|---|---|---|---|\n" +
		"| `a` | gauge |  | with \"quotes\", {braces} and \\| bars |\n" +
		"| `b_total` | counter | `x`, `y` | h |\n" +
		"| `c_seconds` | histogram |  | h |\n" +
		"| `d_total` | counter |  | h |\n" +
		"| `e` | gauge | `x` | h |\n" +
		"| `g` | histogram |  | h |\n" +
		"| `k_f_total` | counter | `x` | h |\n"
	if diff := cmp.Diff(want, Table(r.Metrics)); diff != "" {
		t.Errorf("table mismatch (-want +got):\n%s", diff)
	}
}
