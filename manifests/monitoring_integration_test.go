// SPDX-License-Identifier: Apache-2.0

//go:build integration

package manifests

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/hack/kubetest"
)

// monitored is a kustomization of an overlay that is watched.
func monitored(t *testing.T, overlay string) string {
	t.Helper()
	return kustomization(t, fmt.Sprintf("resources: [OVERLAYS/%s]\ncomponents: [OVERLAYS/../components/monitoring]\n", overlay))
}

// The component adds its rules to any overlay, and changes nothing else.
func TestMonitoringAddsItsRules(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("overlays/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no overlays: %v", err)
	}
	const rules = "PrometheusRule/" + system + "/muster"
	for _, dir := range dirs {
		got := kustomized(t, monitored(t, filepath.Base(dir)))
		if got[rules] == nil {
			t.Errorf("%s: there is no %s", dir, rules)
		}
		delete(got, rules)
		if diff := cmp.Diff(kustomized(t, dir), got); diff != "" {
			t.Errorf("%s: (-without +with)\n%s", dir, diff)
		}
	}
}

// takesRules has the server check the rules against what the Prometheus operator's definition has of them.
func takesRules(t *testing.T, cluster *kubetest.ControlPlane) {
	t.Helper()
	kubectl := func(args ...string) {
		t.Helper()
		all := append([]string{"--kubeconfig=" + cluster.Kubeconfig(kubetest.AdminToken)}, args...)
		if out, err := kubetest.Command(kubetest.Binary(t, "kubernetes-v*", "kubectl"), all...).CombinedOutput(); err != nil {
			t.Errorf("kubectl %v: %v\n%s", args, err, out)
		}
	}
	kubectl("apply", "-f", "testdata/prometheusrules.yaml")
	kubectl("wait", "--for=condition=Established", "--timeout=5m", "crd/prometheusrules.monitoring.coreos.com")
	kubectl("apply", "--dry-run=server", "--server-side", "--validate=strict", "-f", "components/monitoring/prometheusrule.yaml")
	kubectl("apply", "--dry-run=server", "--server-side", "--validate=strict", "-k", monitored(t, "ha"))
}
