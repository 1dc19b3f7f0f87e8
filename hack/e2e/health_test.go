// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
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
