// SPDX-License-Identifier: Apache-2.0

package nodetemplate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/autoscaler/instancetype"
)

func TestNodeHasExactlyTheContractsLabelsAndTaints(t *testing.T) {
	t.Parallel()
	spec := &Spec{
		Group: "ce.c5.large.spot", EnvironmentUUID: "u-1", CapacityType: "spot", Generation: 7,
		Type: instancetype.Type{Name: "c5.large", VCPUs: 2, MemoryMiB: 4096},
	}
	node := Node("n", spec)
	want := map[string]string{
		"batch.amazonaws.com/compute-environment-uuid": "u-1",
		"muster.sh/capacity-type":                      "spot",
		"muster.sh/node-group":                         "ce.c5.large.spot",
		"muster.sh/generation":                         "7",
		"node.kubernetes.io/instance-type":             "c5.large",
		"kubernetes.io/hostname":                       "n",
		"kubernetes.io/os":                             "linux",
		"kubernetes.io/arch":                           "amd64",
	}
	if diff := cmp.Diff(want, node.Labels); diff != "" {
		t.Errorf("labels mismatch (-want +got):\n%s", diff)
	}
	wantTaints := []corev1.Taint{
		{Key: "batch.amazonaws.com/batch-node", Value: "u-1", Effect: "NoSchedule"},
		{Key: "batch.amazonaws.com/batch-node", Value: "u-1", Effect: "NoExecute"},
	}
	if diff := cmp.Diff(wantTaints, node.Spec.Taints); diff != "" {
		t.Errorf("taints mismatch (-want +got):\n%s", diff)
	}
}

func TestAllocatable(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		give                  instancetype.Type
		wantCPU, wantMemoryMi int64
		wantPods, wantGPUs    int64
	}{
		"what the fleet says is taken as it is": {
			give:    instancetype.Type{VCPUs: 2, MemoryMiB: 3840, MaxPods: 110, Allocatable: &instancetype.Allocatable{CPUMillis: 2000, MemoryMiB: 3800}},
			wantCPU: 2000, wantMemoryMi: 3800, wantPods: 110,
		},
		"else the system's share is taken off": {
			give:    instancetype.Type{VCPUs: 2, MemoryMiB: 4096, MaxPods: 29},
			wantCPU: 1930, wantMemoryMi: 4096 - 307 - 574 - 100, wantPods: 29,
		},
		"a large machine keeps nearly all of it": {
			give:    instancetype.Type{VCPUs: 64, MemoryMiB: 262144, MaxPods: 737, GPUs: 8},
			wantCPU: 63770, wantMemoryMi: 262144 - 19660 - 8362 - 100, wantPods: 737, wantGPUs: 8,
		},
		"a tiny one is never negative": {
			give:    instancetype.Type{VCPUs: 1, MemoryMiB: 512},
			wantCPU: 940, wantMemoryMi: 0, wantPods: 110,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Node("n", &Spec{Type: tc.give}).Status.Allocatable
			gpu := got[GPU]
			have := []int64{got.Cpu().MilliValue(), got.Memory().Value() >> 20, got.Pods().Value(), gpu.Value()}
			want := []int64{tc.wantCPU, tc.wantMemoryMi, tc.wantPods, tc.wantGPUs}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("cpu, memory, pods, gpus mismatch (-want +got):\n%s", diff)
			}
		})
	}
}
