// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client and workqueue metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // build_info
	"k8s.io/kubernetes/cmd/kube-scheduler/app"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/plugins/gangfit"
	"github.com/muster-batch/muster/plugins/gangpack"
	"github.com/muster-batch/muster/plugins/gangsort"
	"github.com/muster-batch/muster/plugins/soletenant"
)

func main() {
	ledger := gang.NewLedger()
	metrics := gangfit.NewMetrics(ledger)
	utilruntime.Must(metrics.Register())
	cmd := app.NewSchedulerCommand(
		app.WithPlugin(gangsort.Name, gangsort.Factory(ledger)),
		app.WithPlugin(gangfit.Name, gangfit.Factory(ledger, metrics)),
		app.WithPlugin(gangfit.GateName, gangfit.GateFactory(ledger)),
		app.WithPlugin(gangpack.Name, gangpack.New),
		app.WithPlugin(soletenant.Name, soletenant.New),
	)
	adapt(cmd)
	os.Exit(cli.Run(cmd))
}
