// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"k8s.io/component-base/metrics"
)

// ours are the names of all metrics that are not cluster-autoscaler's, and their kinds.
func ours(m *metricSet) map[string]bool {
	counters := map[string]bool{}
	m.registerOurs(func(all ...metrics.Registerable) {
		for _, one := range all {
			switch one.(type) {
			case *metrics.Counter, *metrics.CounterVec:
				counters[one.FQName()] = true
			default:
				counters[one.FQName()] = false
			}
		}
	})
	return counters
}

var metricName = regexp.MustCompile(`^batch_autoscaler_[a-z]+(_[a-z]+)*$`)

// Names are as Prometheus wants them, and each is told of in docs/metrics.md.
func TestMetricsAreNamedAndTold(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	told := regexp.MustCompile("`batch_autoscaler_[a-z_]+`").FindAllString(string(docs), -1)
	names := ours(newMetricSet())
	for name, isCounter := range names {
		if !metricName.MatchString(name) || strings.HasSuffix(name, "_total") != isCounter {
			t.Errorf("%s is no name for it", name)
		}
		if !slices.Contains(told, "`"+name+"`") {
			t.Errorf("docs/metrics.md does not tell of %s", name)
		}
	}
	for _, name := range told {
		if _, ok := names[strings.Trim(name, "`")]; !ok {
			t.Errorf("docs/metrics.md tells of %s, which there is not", name)
		}
	}
}

// What is there after a launch that failed and one that did not passes the linter.
func TestMetricsPassTheLinter(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	registry := metrics.NewKubeRegistry()
	r.metrics.registerOurs(registry.MustRegister)
	r.fleet.Fail(errBroken)
	r.pods("a")
	r.expectEvent("MISCONFIGURATION:FLEET_LAUNCH_FAILED")
	r.fleet.Fail(nil)
	r.elapse(r.options.MaxBackoff)
	r.loops("a node", func() bool { return len(r.nodeNames()) == 1 })
	r.provider.Wait() // the launch that brought the node may not have been noted yet
	r.metrics.looked(time.Second, errors.New("a loop"))
	r.reported()
	r.loop(1)
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, family := range all {
		there[family.GetName()] = true
		problems, err := promlint.NewWithMetricFamilies(append(all[:0:0], family)).Lint()
		if err != nil || len(problems) > 0 {
			t.Errorf("%s: %v, %v", family.GetName(), problems, err)
		}
	}
	for _, name := range []string{
		"batch_autoscaler_launched_instances_total", "batch_autoscaler_failed_instances_total", "batch_autoscaler_launch_seconds",
		"batch_autoscaler_join_seconds", "batch_autoscaler_environment_invalid", "batch_autoscaler_loop_seconds",
	} {
		if !there[name] {
			t.Errorf("there is no %s", name)
		}
	}
}
