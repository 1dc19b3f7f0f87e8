// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/muster-batch/muster/hack/bench/ranges"
)

const earlierMetrics = `# TYPE took histogram
took_bucket{outcome="planned",le="0.1"} 1
took_bucket{outcome="planned",le="0.2"} 1
took_bucket{outcome="planned",le="+Inf"} 1
took_sum{outcome="planned"} 0.05
took_count{outcome="planned"} 1
size{type="nodes"} 3
`

const laterMetrics = `took_bucket{outcome="planned",le="0.1"} 2
took_bucket{outcome="planned",le="0.2"} 5
took_bucket{outcome="planned",le="+Inf"} 5
took_bucket{outcome="refused",le="0.1"} 9
took_sum{outcome="planned"} 0.65
took_count{outcome="planned"} 5
size{type="nodes"} 4
`

func TestHistogramIsWhatCameBetween(t *testing.T) {
	earlier, err := parseMetrics(strings.NewReader(earlierMetrics))
	if err != nil {
		t.Fatal(err)
	}
	later, err := parseMetrics(strings.NewReader(laterMetrics))
	if err != nil {
		t.Fatal(err)
	}
	if got := later.gauge("size", `type="nodes"`); got != 4 {
		t.Errorf("gauge is %g", got)
	}
	h := later.histogram(earlier, "took", `outcome="planned"`)
	if h.count != 4 || ranges.Number(h.mean()) != "0.150" || h.quantile(0.2) != 0.1 || h.quantile(0.99) != 0.2 {
		t.Errorf("histogram %+v", h)
	}
}
