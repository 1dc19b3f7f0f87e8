// SPDX-License-Identifier: Apache-2.0

// Package metricsdoc holds docs/metrics.md to the metrics that programs have: each program's test gives what it registers, and
// the program's table on the page is to be just that. Run the test with -update to write the table. Start with Hold.
package metricsdoc

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/component-base/metrics"
)

var update = flag.Bool("update", false, "write the table of docs/metrics.md")

// Metric is one as it is documented.
type Metric struct {
	Name, Kind, Help string
	Labels           []string
}

// Kinds of metrics.
const (
	counter   = "counter"
	gauge     = "gauge"
	histogram = "histogram"
)

// Recorder notes what is registered.
type Recorder struct {
	*prometheus.Registry

	Metrics []Metric
}

var _ prometheus.Registerer = (*Recorder)(nil)

// NewRecorder makes a Recorder.
func NewRecorder() *Recorder { return &Recorder{Registry: prometheus.NewRegistry()} }

// Register implements prometheus.Registerer.
func (r *Recorder) Register(c prometheus.Collector) error {
	kind := ""
	switch c.(type) {
	case *prometheus.CounterVec, prometheus.Counter:
		kind = counter
	case *prometheus.HistogramVec:
		kind = histogram
	}
	if _, ok := c.(prometheus.Gauge); ok {
		kind = gauge
	} else if _, ok := c.(prometheus.Histogram); ok {
		kind = histogram
	}
	r.Metrics = append(r.Metrics, describe(c, kind)...)
	return r.Registry.Register(c)
}

// MustRegister implements prometheus.Registerer.
func (r *Recorder) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

// Kubernetes notes metrics that are Kubernetes' kind. It is what legacyregistry.MustRegister is elsewhere.
func (r *Recorder) Kubernetes(all ...metrics.Registerable) {
	registry := metrics.NewKubeRegistry()
	registry.MustRegister(all...)
	for _, m := range all {
		kind := gauge
		switch m.(type) {
		case *metrics.Counter, *metrics.CounterVec:
			kind = counter
		case *metrics.Histogram, *metrics.HistogramVec:
			kind = histogram
		}
		r.Metrics = append(r.Metrics, describe(m, kind)...)
	}
}

// Stable notes a collector of Kubernetes' kind.
func (r *Recorder) Stable(c metrics.StableCollector) {
	metrics.NewKubeRegistry().CustomMustRegister(c)
	r.Metrics = append(r.Metrics, describe(c, "")...)
}

var descText = regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), constLabels: \{.*\}, variableLabels: \{(.*)\}\}$`)

// describe reads what a collector says of itself. Where its kind is not known, it is told by the name.
func describe(c prometheus.Collector, kind string) []Metric {
	ch := make(chan *prometheus.Desc)
	go func() {
		defer close(ch)
		c.Describe(ch)
	}()
	var out []Metric
	for d := range ch {
		parts := descText.FindStringSubmatch(d.String())
		if parts == nil {
			out = append(out, Metric{Name: d.String()})
			continue
		}
		m := Metric{Kind: kind}
		m.Name, _ = strconv.Unquote(parts[1])
		m.Help, _ = strconv.Unquote(parts[2])
		m.Help = strings.TrimPrefix(m.Help, "[ALPHA] ")
		if parts[3] != "" {
			m.Labels = strings.Split(parts[3], ",")
		}
		if kind == "" && strings.HasSuffix(m.Name, "_total") {
			m.Kind = counter
		}
		m.Kind = cmp.Or(m.Kind, gauge)
		out = append(out, m)
	}
	return out
}

// Table is the Markdown of metrics, sorted by name. Those that every Go program has are left out.
func Table(all []Metric) string {
	all = slices.DeleteFunc(slices.Clone(all), func(m Metric) bool {
		return strings.HasPrefix(m.Name, "go_") || strings.HasPrefix(m.Name, "process_")
	})
	slices.SortFunc(all, func(a, b Metric) int { return cmp.Compare(a.Name, b.Name) })
	var b strings.Builder
	b.WriteString("| metric | kind | labels | what it says |\n|---|---|---|---|\n")
	for _, m := range all {
		labels := ""
		if len(m.Labels) > 0 {
			labels = "`" + strings.Join(m.Labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Kind, labels, strings.ReplaceAll(m.Help, "|", "\\|"))
	}
	return b.String()
}

// Hold compares a program's table in a page with its metrics, or writes it.
func Hold(t *testing.T, page, program string, all []Metric) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	begin, end, err := section(string(text), program)
	if err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	want := Table(all)
	if string(text)[begin:end] == want {
		return
	}
	if !*update {
		t.Fatalf("%s does not have the metrics of %s as they are: go test -run %s -update\n%s", page, program, t.Name(), want)
	}
	if err := os.WriteFile(page, []byte(string(text)[:begin]+want+string(text)[end:]), 0o644); err != nil { //nolint:gosec // a page of the documentation
		t.Fatal(err)
	}
}

var errNoSection = errors.New("no section of that program")

// section finds a table between its marks.
func section(text, program string) (begin, end int, err error) {
	open, shut := "<!-- metrics of "+program+" -->\n", "<!-- end of "+program+" -->"
	begin = strings.Index(text, open)
	end = strings.Index(text, shut)
	if begin < 0 || end < begin {
		return 0, 0, fmt.Errorf("%s: %w", program, errNoSection)
	}
	return begin + len(open), end, nil
}

var row = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (counter|gauge|histogram) \\| ([`a-z_, ]*) \\|")

// Read gives all metrics of a page by their names, without what they say.
func Read(page string) (map[string]Metric, error) {
	text, err := os.ReadFile(page)
	if err != nil {
		return nil, err
	}
	out := map[string]Metric{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		labels := strings.FieldsFunc(m[3], func(r rune) bool { return strings.ContainsRune("`, ", r) })
		out[m[1]] = Metric{Name: m[1], Kind: m[2], Labels: labels}
	}
	return out, nil
}
