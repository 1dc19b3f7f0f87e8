// SPDX-License-Identifier: Apache-2.0

package jobspec

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

func TestAmounts(t *testing.T) {
	t.Parallel()
	list := func(pairs ...string) (all []awsapi.ResourceRequirement) {
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, awsapi.ResourceRequirement{Type: &pairs[i], Value: &pairs[i+1]})
		}
		return all
	}
	cases := map[string]struct {
		list          []awsapi.ResourceRequirement
		vcpus, memory *int
		want          map[string]string
		wantOverruled string
	}{
		"nothing is asked":                        {want: map[string]string{}},
		"deprecated members count":                {vcpus: new(4), memory: new(64), want: map[string]string{"VCPU": "4", "MEMORY": "64"}},
		"0 is as if it were not there":            {list: list("VCPU", "1"), vcpus: new(0), memory: new(0), want: map[string]string{"VCPU": "1"}},
		"requirements go before them":             {list("VCPU", "1", "MEMORY", "128", "GPU", "2"), new(4), new(64), map[string]string{"VCPU": "1", "MEMORY": "128", "GPU": "2"}, "vcpus 4, memory 64"},
		"each for itself":                         {list("MEMORY", "128"), new(4), new(64), map[string]string{"VCPU": "4", "MEMORY": "128"}, "memory 64"},
		"what says the same does not contradict":  {list("VCPU", "4", "MEMORY", "64"), new(4), new(64), map[string]string{"VCPU": "4", "MEMORY": "64"}, ""},
		"what is not there contradicts nothing":   {list("VCPU", "4"), nil, nil, map[string]string{"VCPU": "4"}, ""},
		"a requirement without a deprecated twin": {list("GPU", "1"), new(1), nil, map[string]string{"GPU": "1", "VCPU": "1"}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, Amounts(tc.list, tc.vcpus, tc.memory)); diff != "" {
				t.Errorf("amounts mismatch (-want +got):\n%s", diff)
			}
			if got := Overruled(tc.list, tc.vcpus, tc.memory); got != tc.wantOverruled {
				t.Errorf("overruled is %q, want %q", got, tc.wantOverruled)
			}
		})
	}
}
