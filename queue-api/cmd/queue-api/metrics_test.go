// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/spf13/pflag"

	"github.com/muster-batch/muster/hack/metricsdoc"
	"github.com/muster-batch/muster/queue-api/httpapi"
	"github.com/muster-batch/muster/queue-api/redisstore"
)

//go:generate go test -run ^TestMetricsReference$ -update .

// allMetrics registers all that the program does, without a cluster.
func allMetrics(t *testing.T) *metricsdoc.Recorder {
	t.Helper()
	var o options
	fs := pflag.NewFlagSet("queue-api", pflag.ContinueOnError)
	o.addFlags(fs)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	text := "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\ncontexts: [{name: c, context: {cluster: c}}]\ncurrent-context: c\n"
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := fs.Parse([]string{"--allow-unauthenticated", "--kubeconfig=" + kubeconfig, "--log-dir=" + t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	registry := metricsdoc.NewRecorder()
	count, err := newMeters(registry)
	if err != nil {
		t.Fatal(err)
	}
	client, err := redisstore.Open("redis://" + miniredis.RunT(t).Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	store := redisstore.New(client, redisstore.Config{Durability: redisstore.Volatile, Observer: count.jobs, Metrics: count.store})
	kept, err := o.openLogs(t.Context(), registry)
	if err != nil {
		t.Fatal(err)
	}
	kube, err := kubeClient(o)
	if err != nil {
		t.Fatal(err)
	}
	redis := answering(store, &atomic.Bool{})
	_, composer, err := newAPI(t.Context(), o, kube, store, registry, kept, newPeers(o, kube, nil), newStatusView(o, kube, redis, kept))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newLasting(o, store, composer, registry); err != nil {
		t.Fatal(err)
	}
	return registry
}

func TestMetricsReference(t *testing.T) {
	metricsdoc.Hold(t, "../../../docs/metrics.md", "queue-api", allMetrics(t).Metrics)
}

// What is served passes the linter, and what a program says of itself is there from the beginning.
func TestMetricsPassTheLinter(t *testing.T) {
	registry := allMetrics(t)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	w := httptest.NewRecorder()
	httpapi.NewHealth(registry).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	text, _ := io.ReadAll(w.Body)
	for _, want := range []string{"muster_is_leader 0", `muster_build_info{go_version="go`, `program="queue-api"`, `muster_reconcile_errors_total{loop="settle"} 0`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("there is no %s", want)
		}
	}
}
