// SPDX-License-Identifier: Apache-2.0

// Command peers is what batch-scheduler is compared with: kube-scheduler as it is, and with scheduler-plugins' coscheduling
// when the configuration that it is given names it.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	_ "sigs.k8s.io/scheduler-plugins/apis/config/scheme" // so that coscheduling's arguments decode
	"sigs.k8s.io/scheduler-plugins/pkg/coscheduling"
)

func main() {
	os.Exit(cli.Run(app.NewSchedulerCommand(app.WithPlugin(coscheduling.Name, coscheduling.New))))
}
