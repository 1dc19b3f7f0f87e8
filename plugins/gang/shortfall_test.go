// SPDX-License-Identifier: Apache-2.0

package gang_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func TestReasonOfARefusal(t *testing.T) {
	t.Parallel()
	lack := func(n int, each, name string) gang.Lack {
		return gang.Lack{Members: n, Each: resource.MustParse(each), Resource: corev1.ResourceName(name)}
	}
	cases := map[string]struct {
		environments []string // one per member of eight, the last one for all the rest
		short        gang.Shortfall
		want         string
	}{
		"a resource": {
			short: gang.Shortfall{Fit: 5, Lacks: []gang.Lack{lack(3, "4", "cpu")}},
			want:  "gang g: 5 of 8 members fit; short of 3 × 4 cpu",
		},
		"in an environment": {
			environments: []string{"ce-a"}, short: gang.Shortfall{Fit: 5, Lacks: []gang.Lack{lack(3, "4", "cpu")}},
			want: "gang g: 5 of 8 members fit; short of 3 × 4 cpu in environment ce-a",
		},
		"whose name is a UUID": {
			environments: []string{"0e8c6f0b-7a57-4c3c-9c54-3b7e6f5d2a10"}, short: gang.Shortfall{Lacks: []gang.Lack{lack(8, "500m", "cpu")}},
			want: "gang g: 0 of 8 members fit; short of 8 × 500m cpu in environment 0e8c6f0b",
		},
		"in more than one environment": {
			environments: []string{"ce-a", "ce-b"}, short: gang.Shortfall{Lacks: []gang.Lack{lack(8, "1", "cpu")}},
			want: "gang g: 0 of 8 members fit; short of 8 × 1 cpu",
		},
		"two resources": {
			short: gang.Shortfall{Fit: 1, Lacks: []gang.Lack{lack(6, "8Gi", "memory"), lack(1, "1", "nvidia.com/gpu")}},
			want:  "gang g: 1 of 8 members fit; short of 6 × 8Gi memory, 1 × 1 nvidia.com/gpu",
		},
		"within one domain": {
			environments: []string{"ce-a"}, short: gang.Shortfall{Fit: 5, Lacks: []gang.Lack{lack(3, "4", "cpu")}, Within: "rack"},
			want: "gang g: 5 of 8 members fit; short of 3 × 4 cpu under one value of rack in environment ce-a",
		},
		"something else": {
			short: gang.Shortfall{Fit: 2, Words: "m2: 3 node(s) had untolerated taint {k: }"},
			want:  "gang g: 2 of 8 members fit; m2: 3 node(s) had untolerated taint {k: }",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := gang.NewLedger()
			pods := members(8, 8)
			for i, pod := range pods {
				if n := len(tc.environments); n > 0 {
					pod.Spec.NodeSelector = map[string]string{batchmeta.ComputeEnvironmentUUID: tc.environments[min(i, n-1)]}
				}
			}
			observe(l, pods...)
			if got := l.Turn(pods[0]).Draft.Refuse(tc.short); got != tc.want {
				t.Errorf("reason %q, want %q", got, tc.want)
			}
		})
	}
}
