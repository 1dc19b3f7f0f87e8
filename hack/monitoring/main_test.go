// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/muster-batch/muster/hack/metricsdoc"
)

// elsewhere are metrics that others make, which are not told of in docs/metrics.md by a table.
var elsewhere = []string{}

// What is in the checkout is what is generated.
func TestFilesAreGenerated(t *testing.T) {
	t.Parallel()
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not as it is generated, run make generate: %v", name, err)
		}
	}
	books, err := filepath.Glob("../../docs/runbooks/*.md")
	if err != nil || len(books) != len(alerts)+1 {
		t.Errorf("%d pages for %d alerts, %v", len(books), len(alerts), err)
	}
}

var (
	name    = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
	strs    = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	matcher = regexp.MustCompile(`\{[^{}]*\}`)
	window  = regexp.MustCompile(`\[[^\[\]]*\]`)
	labels  = regexp.MustCompile(`\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^()]*)\)`)
	number  = regexp.MustCompile(`\b[0-9][0-9.eE]*\b`)
)

// words of PromQL that are no metrics: functions, operators and aggregations that expressions here use.
var words = []string{
	"sum", "max", "min", "count", "rate", "increase", "histogram_quantile", "topk", "and", "or", "unless", "vector",
}

// metricsOf are the names of metrics in an expression.
func metricsOf(t *testing.T, expr string) []string {
	t.Helper()
	depth := 0
	plain := strs.ReplaceAllString(expr, "")
	for _, c := range plain {
		switch c {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		}
		if depth < 0 {
			break
		}
	}
	if depth != 0 || strings.ContainsAny(plain, `"'`) {
		t.Errorf("%s: brackets or quotes do not match", expr)
	}
	for _, p := range []*regexp.Regexp{matcher, window, labels, number} {
		plain = p.ReplaceAllString(plain, " ")
	}
	return slices.DeleteFunc(name.FindAllString(plain, -1), func(s string) bool { return slices.Contains(words, s) })
}

// known gives the metric that a name is of: a histogram has three names, and none of its own.
func known(kinds map[string]metricsdoc.Metric, name string) (string, bool) {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && kinds[base].Kind == "histogram" {
			return base, true
		}
	}
	return name, kinds[name].Name != "" && kinds[name].Kind != "histogram" || slices.Contains(elsewhere, name)
}

// Every metric that a dashboard or an alert names is there, and every metric that there is is in one of them.
func TestMetricsAreThereAndUsed(t *testing.T) {
	t.Parallel()
	kinds, err := metricsdoc.Read("../../docs/metrics.md")
	if err != nil || len(kinds) < 70 {
		t.Fatalf("%d metrics, %v", len(kinds), err)
	}
	used := map[string]bool{}
	check := func(where, expr string) {
		for _, n := range metricsOf(t, expr) {
			metric, ok := known(kinds, n)
			if !ok {
				t.Errorf("%s: there is no %s", where, n)
			}
			if isRated := regexp.MustCompile(`(?:rate|increase)\(` + n + `\b`).MatchString(expr); kinds[metric].Kind == "gauge" && isRated {
				t.Errorf("%s: %s is a gauge, of which there is no rate", where, n)
			}
			used[metric] = true
		}
	}
	for _, a := range alerts {
		check(a.Name, a.Expr)
	}
	for _, b := range boards {
		for _, r := range b.rows {
			for _, p := range r.panels {
				for _, q := range p.queries {
					check(b.file+", "+p.title, q.expr)
				}
			}
		}
	}
	for metric := range kinds {
		if !used[metric] {
			t.Errorf("%s is in no dashboard and no alert", metric)
		}
	}
}

func TestAlertsAreWhole(t *testing.T) {
	t.Parallel()
	if len(alerts) < 12 {
		t.Errorf("%d alerts", len(alerts))
	}
	seen := map[string]bool{}
	for _, a := range alerts {
		if seen[a.Name] || !regexp.MustCompile(`^Muster[A-Z][A-Za-z]+$`).MatchString(a.Name) {
			t.Errorf("%s is no name for an alert", a.Name)
		}
		seen[a.Name] = true
		if !slices.Contains([]string{page, ticket}, a.Severity) || a.Summary == "" || a.Means == "" || len(a.Look) == 0 || a.Do == "" || !regexp.MustCompile(`^[0-9]+[mh]$`).MatchString(a.For) {
			t.Errorf("%s is not whole", a.Name)
		}
	}
}

// Four dashboards, each a JSON object whose panels do not lie on one another.
func TestDashboards(t *testing.T) {
	t.Parallel()
	if len(boards) != 4 {
		t.Errorf("%d dashboards", len(boards))
	}
	for i := range boards {
		text, err := dashboard(&boards[i])
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			UID    string
			Panels []struct {
				ID      int
				GridPos struct{ X, Y, W, H int }
			}
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		taken, ids := map[[2]int]bool{}, map[int]bool{}
		for _, p := range got.Panels {
			if ids[p.ID] || p.GridPos.X+p.GridPos.W > gridWidth {
				t.Errorf("%s: panel %d is wrong", got.UID, p.ID)
			}
			ids[p.ID] = true
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if taken[[2]int{x, y}] {
						t.Errorf("%s: panel %d lies on another one", got.UID, p.ID)
					}
					taken[[2]int{x, y}] = true
				}
			}
		}
	}
}
