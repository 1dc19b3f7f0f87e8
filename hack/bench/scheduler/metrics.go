// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// metrics are samples of Prometheus' text format, by everything that stands before the value.
type metrics map[string]float64

func parseMetrics(r io.Reader) (metrics, error) {
	m := metrics{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		if at < 0 {
			return nil, fmt.Errorf("read metrics: no value in %q", line)
		}
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("read metrics: %w", err)
		}
		m[line[:at]] = value
	}
	return m, lines.Err()
}

// gauge is the value of a metric with exactly these labels.
func (m metrics) gauge(name, labels string) float64 { return m[series(name, labels)] }

// histogram is how often and with what results a duration was measured.
type histogram struct {
	count, sum float64
	buckets    []bucket // cumulative, the smallest first
}

type bucket struct{ upTo, count float64 }

// histogram is what was measured between an earlier look at the metrics and this one.
func (m metrics) histogram(earlier metrics, name, labels string) histogram {
	since := func(key string) float64 { return m[key] - earlier[key] }
	h := histogram{count: since(series(name+"_count", labels)), sum: since(series(name+"_sum", labels))}
	prefix := name + "_bucket{"
	if labels != "" {
		prefix += labels + ","
	}
	for key := range m {
		limit, ok := strings.CutPrefix(key, prefix+`le="`)
		if !ok {
			continue
		}
		if upTo, err := strconv.ParseFloat(strings.TrimSuffix(limit, `"}`), 64); err == nil {
			h.buckets = append(h.buckets, bucket{upTo, since(key)})
		}
	}
	slices.SortFunc(h.buckets, func(a, b bucket) int {
		if a.upTo < b.upTo {
			return -1
		}
		return 1
	})
	return h
}

func (h histogram) mean() float64 {
	if h.count == 0 {
		return 0
	}
	return h.sum / h.count
}

// quantile is the end of the bucket that holds it: not above the true value by more than the bucket is wide.
func (h histogram) quantile(q float64) float64 {
	for _, b := range h.buckets {
		if b.count >= q*h.count {
			return b.upTo
		}
	}
	return math.Inf(1)
}

func series(name, labels string) string {
	if labels == "" {
		return name
	}
	return name + "{" + labels + "}"
}
