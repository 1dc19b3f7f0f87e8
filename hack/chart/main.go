// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

const (
	chart = "chart"
	page  = "../docs/install.md"
)

// copies are the chart's files by what they are copies of, below manifests/.
var copies = map[string]string{
	"base/roles.yaml":                                    "roles.yaml",
	"base/autoscaler/rbac.yaml":                          "autoscaler-rbac.yaml",
	"base/policies/lock.yaml":                            "lock.yaml",
	"base/policies/network.yaml":                         "network.yaml",
	"base/policies/pods.yaml":                            "pods.yaml",
	"base/queue-api/rbac.yaml":                           "queue-api-rbac.yaml",
	"base/scheduler/rbac.yaml":                           "scheduler-rbac.yaml",
	"base/scheduler/scheduler.yaml":                      "scheduler.yaml",
	"components/member/token.yaml":                       "token.yaml",
	"components/monitoring/prometheusrule.yaml":          "prometheusrule.yaml",
	"components/no-instance-metadata/networkpolicy.yaml": "no-instance-metadata.yaml",
	"components/node-notices/daemonset.yaml":             "node-notices-daemonset.yaml",
	"components/node-notices/policy.yaml":                "node-notices-policy.yaml",
	"components/node-notices/rbac.yaml":                  "node-notices-rbac.yaml",
	"components/podgroups/crd.yaml":                      "podgroups.yaml",
	"overlays/restricted/egress.yaml":                    "egress.yaml",
	"overlays/restricted/enabled.yaml":                   "enabled.yaml",
	"overlays/restricted/jobs.yaml":                      "jobs.yaml",
	"uninstall/job.yaml":                                 "uninstall-job.yaml",
	"uninstall/network.yaml":                             "uninstall-network.yaml",
	"uninstall/rbac.yaml":                                "uninstall-rbac.yaml",
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func run() error {
	if err := copyFiles(); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(chart, "values.schema.json"))
	if err != nil {
		return err
	}
	schema, err := parseSchema(text)
	if err != nil {
		return fmt.Errorf("values.schema.json: %w", err)
	}
	values, err := schema.values()
	if err != nil {
		return fmt.Errorf("values.schema.json: %w", err)
	}
	if err := os.WriteFile(filepath.Join(chart, "values.yaml"), values, 0o644); err != nil {
		return err
	}
	return replaceTable(page, schema.table())
}

// copyFiles makes the chart's files anew: what is no copy of anything goes.
func copyFiles() error {
	files := filepath.Join(chart, "files")
	if err := os.RemoveAll(files); err != nil {
		return err
	}
	if err := os.MkdirAll(files, 0o755); err != nil {
		return err
	}
	for _, from := range slices.Sorted(maps.Keys(copies)) {
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(files, copies[from]), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
