// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"MUSTER_QUEUE_API_HEALTH", "MUSTER_SCHEDULER_HEALTH", "MUSTER_AUTOSCALER_HEALTH"} {
		for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ok", "/metrics": "\n# TYPE "} {
			url := local.env[address] + path
			if status, body := get(t, url); status != 200 || !strings.Contains(body, want) {
				t.Errorf("GET %s answers %d %.300s, want 200 with %q", url, status, body, want)
			}
		}
	}
}

// ours are the lines of /metrics about metrics that this project makes; the rest is of the libraries.
var ours = regexp.MustCompile(`(?m)^(?:# (?:HELP|TYPE) )?(?:muster|batch_autoscaler)_.*\n`)

// Prometheus' own linter finds nothing to say of what the programs serve.
func TestMetricsHaveNothingToLint(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"MUSTER_QUEUE_API_HEALTH", "MUSTER_SCHEDULER_HEALTH", "MUSTER_AUTOSCALER_HEALTH"} {
		_, body := get(t, local.env[address]+"/metrics")
		lines := ours.FindAllString(body, -1)
		if len(lines) < 10 {
			t.Errorf("%s: %d lines of metrics", address, len(lines))
		}
		cmd := exec.CommandContext(t.Context(), "promtool", "check", "metrics")
		cmd.Stdin = strings.NewReader(strings.Join(lines, ""))
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: promtool check metrics: %v\n%s", address, err, out)
		}
	}
}
