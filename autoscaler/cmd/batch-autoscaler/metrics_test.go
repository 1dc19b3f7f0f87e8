// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"k8s.io/component-base/metrics"

	"github.com/muster-batch/muster/hack/metricsdoc"
)

//go:generate go test -tags kwok -run ^TestMetricsReference$ -update .

func TestMetricsReference(t *testing.T) {
	t.Parallel()
	r := metricsdoc.NewRecorder()
	newMetricSet().registerOurs(r.Kubernetes)
	metricsdoc.Hold(t, "../../../docs/metrics.md", "batch-autoscaler", r.Metrics)
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
