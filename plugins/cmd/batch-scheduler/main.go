// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register" // --logging-format=json
	basemetrics "k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client and workqueue metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // build_info

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/plugins/gangfit"
	"github.com/muster-batch/muster/plugins/gangpack"
	"github.com/muster-batch/muster/plugins/gangsort"
	"github.com/muster-batch/muster/plugins/soletenant"
	"github.com/muster-batch/muster/queue-api/buildinfo"
	"github.com/muster-batch/muster/queue-api/jobtrace"
)

func main() {
	ledger := gang.NewLedger()
	metrics := gangfit.NewMetrics(ledger)
	utilruntime.Must(metrics.Register())
	utilruntime.Must(registerBuildInfo())
	tracer, err := jobtrace.Start(context.Background(), "batch-scheduler", buildinfo.Get().Version)
	if err != nil {
		fmt.Fprintln(os.Stderr, "batch-scheduler:", err)
		os.Exit(1)
	}
	a := newAPI()
	code := cli.Run(newCommand(a,
		a.withPlugin(gangsort.Name, gangsort.Factory(ledger)),
		a.withPlugin(gangfit.Name, gangfit.Factory(ledger, metrics)),
		a.withPlugin(gangfit.GateName, gangfit.GateFactory(ledger)),
		a.withPlugin(gangpack.Name, gangpack.Factory(tracer)),
		a.withPlugin(soletenant.Name, soletenant.New),
	))
	flush(tracer)
	os.Exit(code)
}

// flushTimeout bounds how long the program's end waits for the last spans to be sent.
const flushTimeout = 5 * time.Second

func flush(tracer *jobtrace.Tracer) {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := tracer.Shutdown(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "batch-scheduler:", err)
	}
}

// registerBuildInfo adds what the program was built from to its metrics.
func registerBuildInfo() error {
	info := newBuildInfo()
	if err := legacyregistry.Register(info); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	info.WithLabelValues(buildinfo.Get().Values("batch-scheduler")...).Set(1)
	return nil
}

func newBuildInfo() *basemetrics.GaugeVec {
	return basemetrics.NewGaugeVec(&basemetrics.GaugeOpts{
		Name: buildinfo.MetricName, Help: buildinfo.MetricHelp, StabilityLevel: basemetrics.ALPHA,
	}, buildinfo.Labels())
}
