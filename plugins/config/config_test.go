// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/validation"
	"sigs.k8s.io/yaml"

	"github.com/muster-batch/muster/plugins/config"
	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func TestDefaultIsValid(t *testing.T) {
	cfg, err := plugintest.Configuration()
	if err != nil {
		t.Fatal(err)
	}
	if err := validation.ValidateKubeSchedulerConfiguration(cfg); err != nil {
		t.Error(err)
	}
	if got := cfg.Profiles[0].SchedulerName; got != batchmeta.SchedulerName || len(cfg.Profiles) != 1 {
		t.Errorf("%d profiles, the first is %s", len(cfg.Profiles), got)
	}
	if e := cfg.LeaderElection; e.ResourceNamespace != "muster-system" || e.ResourceName != "batch-scheduler" || e.ResourceLock != "leases" {
		t.Errorf("leader election: %+v", e)
	}
}

func TestWithKubeconfig(t *testing.T) {
	document, err := config.WithKubeconfig(config.Default(), "/some/kubeconfig")
	if err != nil {
		t.Fatal(err)
	}
	var want, got schedulerv1.KubeSchedulerConfiguration
	if err := yaml.UnmarshalStrict(config.Default(), &want); err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(document, &got); err != nil {
		t.Fatal(err)
	}
	want.ClientConnection.Kubeconfig = "/some/kubeconfig"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestWithKubeconfigRefusesWhatItDoesNotKnow(t *testing.T) {
	_, err := config.WithKubeconfig([]byte("kind: KubeSchedulerConfiguration\nprofile: []\n"), "x")
	if err == nil || !strings.Contains(err.Error(), "profile") {
		t.Errorf("error %v", err)
	}
}
