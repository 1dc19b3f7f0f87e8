// SPDX-License-Identifier: Apache-2.0

package kwok

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/muster-batch/muster/autoscaler/fleet/fleettest"
)

func TestFleet(t *testing.T) {
	t.Parallel()
	fleettest.Run(t, func(*testing.T) fleettest.Harness {
		return fleettest.Harness{
			Fleet: New(fake.NewClientset().CoreV1().Nodes()),
			Types: []string{"c5.large", "m5.xlarge"},
		}
	})
}

func TestNodeIsWhatTheRequestSays(t *testing.T) {
	t.Parallel()
	nodes := fake.NewClientset().CoreV1().Nodes()
	h := fleettest.Harness{Fleet: New(nodes), Types: []string{"c5.large"}}
	r := fleettest.Request(t, h, "token-a", 1)
	got, err := h.Fleet.Launch(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	node, err := nodes.Get(t.Context(), got[0].ID, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"batch.amazonaws.com/compute-environment-uuid": r.Environment.UUID,
		"muster.sh/instance-id":                        got[0].ID,
		"muster.sh/capacity-type":                      "on-demand",
		"muster.sh/node-group":                         "env.c5.large.on-demand",
		"muster.sh/generation":                         "1",
		"node.kubernetes.io/instance-type":             "c5.large",
		"kubernetes.io/hostname":                       got[0].ID,
		"kubernetes.io/os":                             "linux",
		"kubernetes.io/arch":                           "amd64",
	}
	if diff := cmp.Diff(want, node.Labels); diff != "" {
		t.Errorf("labels mismatch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(r.Taints, node.Spec.Taints); diff != "" {
		t.Errorf("taints mismatch (-want +got):\n%s", diff)
	}
	if node.Annotations["kwok.x-k8s.io/node"] != "fake" || node.Spec.ProviderID != got[0].ProviderID {
		t.Errorf("annotations %v, providerID %s", node.Annotations, node.Spec.ProviderID)
	}
	if cpu := node.Status.Allocatable.Cpu().MilliValue(); cpu != 1930 {
		t.Errorf("allocatable CPU = %dm, want 1930m", cpu)
	}
}
