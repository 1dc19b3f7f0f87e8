// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/muster-batch/muster/hack/metricsdoc"
)

// promtool runs Prometheus' own tool, which make test-tools installs.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatalf("%v: make test-tools installs Debian's prometheus", err)
	}
	if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func writeYAML(t *testing.T, name string, content any) string {
	t.Helper()
	text, err := yaml.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func rulesPath(t *testing.T) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("..", "..", filepath.FromSlash(rulesFile)))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRulesAreRules(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "rules", "--lint-fatal", rulesPath(t))
}

// The object of the Prometheus operator has the very rules of the file.
func TestObjectHasTheRules(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(objectFile)))
	if err != nil {
		t.Fatal(err)
	}
	var object struct{ Spec any }
	if err := yaml.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", "--lint-fatal", writeYAML(t, "rules.yaml", object.Spec))
}

// dashboardVariables are what Grafana puts into expressions.
var dashboardVariables = strings.NewReplacer("$__rate_interval", "5m", "$job_queue", ".*")

// Every expression of a dashboard is PromQL: each is made a recording rule.
func TestDashboardsArePromQL(t *testing.T) {
	t.Parallel()
	var recorded []any
	for _, b := range boards {
		for _, r := range b.rows {
			for _, p := range r.panels {
				for _, q := range p.queries {
					expr := dashboardVariables.Replace(q.expr)
					if strings.Contains(expr, "$") {
						t.Errorf("%s, %s: a variable that nobody sets in %s", b.file, p.title, expr)
					}
					recorded = append(recorded, map[string]string{"record": fmt.Sprintf("dashboard:%s:%d", b.file, len(recorded)), "expr": expr})
				}
			}
		}
	}
	if len(recorded) < 80 {
		t.Errorf("%d expressions", len(recorded))
	}
	promtool(t, "check", "rules", writeYAML(t, "dashboards.yaml", map[string]any{
		"groups": []any{map[string]any{"name": "dashboards", "rules": recorded}},
	}))
}

// TestAlertsFire has promtool play each alert's trouble: nothing fires while all is well, each alert fires once its time is
// over, and not before.
func TestAlertsFire(t *testing.T) {
	t.Parallel()
	metrics, err := metricsdoc.Read("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var none []any
	for _, a := range alerts {
		none = append(none, expect(a.Name, 25*time.Hour)) // longer than any alert waits
	}
	hours := []any{map[string]any{"name": "all is well", "interval": "1m", "input_series": input(t, metrics, well), "alert_rule_test": none}}
	var minutes []any
	names := map[string]bool{}
	for i := range alerts {
		a := &alerts[i]
		if len(troubles[a.Name]) == 0 {
			t.Errorf("no trouble has %s fire", a.Name)
		}
		names[a.Name] = true
		for _, tr := range troubles[a.Name] {
			if test := tr.test(t, metrics, a); strings.HasSuffix(a.For, "h") {
				hours = append(hours, test)
			} else {
				minutes = append(minutes, test)
			}
		}
	}
	for name := range troubles {
		if !names[name] {
			t.Errorf("there is no alert %s", name)
		}
	}
	for interval, tests := range map[string][]any{"10m": hours, "1m": minutes} {
		promtool(t, "test", "rules", writeYAML(t, "tests.yaml", map[string]any{
			"rule_files": []string{rulesPath(t)}, "evaluation_interval": interval, "tests": tests,
		}))
	}
}

// trouble is a change to what is well.
type trouble struct {
	// series are what is another; those of no value are not there.
	series map[string]string
	// labels are those of the alert, beside its severity.
	labels map[string]string
}

// settled is after how long a trouble shows in the rates: the longest of their windows that counts how much there is.
const settled = 30 * time.Minute

// test is promtool's of a trouble.
func (tr trouble) test(t *testing.T, metrics map[string]metricsdoc.Metric, a *alert) map[string]any {
	t.Helper()
	series := maps.Clone(well)
	for name, values := range tr.series {
		if values == "" {
			if _, ok := series[name]; !ok {
				t.Errorf("%s: %s is not there anyway", a.Name, name)
			}
			delete(series, name)
			continue
		}
		series[name] = values
	}
	wait, err := time.ParseDuration(a.For)
	if err != nil {
		t.Fatal(err)
	}
	var times []any
	if wait > 0 {
		times = append(times, expect(a.Name, wait-time.Minute))
	}
	labels := map[string]string{"severity": a.Severity}
	maps.Copy(labels, tr.labels)
	fires := expect(a.Name, wait+settled)
	fires["exp_alerts"] = []any{map[string]any{"exp_labels": labels, "exp_annotations": map[string]string{
		"summary": summary(a.Summary, tr.labels), "runbook_url": fmt.Sprintf(bookURL, a.Name),
	}}}
	return map[string]any{"name": a.Name, "interval": "1m", "input_series": input(t, metrics, series), "alert_rule_test": append(times, fires)}
}

func expect(alert string, at time.Duration) map[string]any {
	return map[string]any{"alertname": alert, "eval_time": at.String()}
}

// summary is what Prometheus makes of a template.
func summary(text string, labels map[string]string) string {
	for name, value := range labels {
		text = strings.ReplaceAll(text, "{{ $labels."+name+" }}", value)
	}
	return text
}

var (
	seriesText = regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})?$`)
	labelName  = regexp.MustCompile(`([a-z_]+)="`)
)

// input is promtool's form of series. They are such as programs have: a series with another label, or without one, would have an
// alert fire that never does.
func input(t *testing.T, metrics map[string]metricsdoc.Metric, series map[string]string) []any {
	t.Helper()
	var out []any
	for _, name := range slices.Sorted(maps.Keys(series)) {
		parts := seriesText.FindStringSubmatch(name)
		if parts == nil {
			t.Fatalf("%s is no series", name)
		}
		metric, _ := known(metrics, parts[1])
		var labels []string
		for _, l := range labelName.FindAllStringSubmatch(parts[2], -1) {
			if l[1] != "instance" && l[1] != "le" { // of Prometheus, and of every histogram
				labels = append(labels, l[1])
			}
		}
		slices.Sort(labels)
		if want := slices.Sorted(slices.Values(metrics[metric].Labels)); !slices.Equal(labels, want) {
			t.Errorf("%s has the labels %v, programs have it with %v", name, labels, want)
		}
		out = append(out, map[string]string{"series": name, "values": series[name]})
	}
	return out
}
