// SPDX-License-Identifier: Apache-2.0

package referee

import (
	"flag"
	"fmt"
	"os"
	"testing"

	benchmark "k8s.io/kubernetes/test/integration/scheduler_perf"
	_ "sigs.k8s.io/scheduler-plugins/apis/config/scheme" // so that coscheduling's arguments decode
	"sigs.k8s.io/scheduler-plugins/pkg/coscheduling"

	"github.com/muster-batch/muster/plugins/plugintest"
)

var workloads = flag.String("workloads", "", "A scheduler_perf configuration file with one workload.")

func TestMain(m *testing.M) {
	if err := benchmark.InitTests(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func BenchmarkWorkload(b *testing.B) {
	plugins := plugintest.Registry()
	if err := plugins.Register(coscheduling.Name, coscheduling.New); err != nil {
		b.Fatal(err)
	}
	benchmark.RunBenchmarkPerfScheduling(b, *workloads, "referee", plugins)
}
