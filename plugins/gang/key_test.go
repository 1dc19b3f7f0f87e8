// SPDX-License-Identifier: Apache-2.0

package gang_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func TestSpecOf(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		size, least string
		want        gang.Spec
		wantErr     string
	}{
		"min defaults to the size":    {size: "4", want: gang.Spec{Size: 4, Min: 4}},
		"min below the size":          {size: "4", least: "2", want: gang.Spec{Size: 4, Min: 2}},
		"min equal to the size":       {size: "4", least: "4", want: gang.Spec{Size: 4, Min: 4}},
		"no size":                     {wantErr: "annotation muster.sh/gang-size is missing"},
		"size of zero":                {size: "0", wantErr: `"0" is not a whole number above 0`},
		"negative size":               {size: "-1", wantErr: `"-1" is not a whole number above 0`},
		"size with a fraction":        {size: "2.5", wantErr: `"2.5" is not a whole number above 0`},
		"size that overflows":         {size: "99999999999999999999", wantErr: "is not a whole number above 0"},
		"min of zero":                 {size: "4", least: "0", wantErr: "muster.sh/gang-min"},
		"min above the size":          {size: "4", least: "5", wantErr: "annotation muster.sh/gang-min: 5 is more than the size, 4"},
		"size that is a whole novel":  {size: strings.Repeat("x", 1<<16), wantErr: `"xxxxxxxxxxxxxxxxxxxx" is not`},
		"size with a control letter":  {size: "4\n", wantErr: `"4\n" is not`},
		"size with surrounding blank": {size: " 4", wantErr: `" 4" is not`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := gang.SpecOf(member("m", tc.size, tc.least))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
			if tc.wantErr == "" && err != nil {
				t.Errorf("error %v, want none", err)
			}
			if tc.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tc.wantErr)) {
				t.Errorf("error %v, want one with %q", err, tc.wantErr)
			}
		})
	}
}

func TestKeyOf(t *testing.T) {
	pod := member("m", "2", "")
	if key, ok := gang.KeyOf(pod); !ok || key.String() != "ns/g" {
		t.Errorf("key of a member: %v, %v", key, ok)
	}
	delete(pod.Labels, batchmeta.Gang)
	if _, ok := gang.KeyOf(pod); ok {
		t.Error("a pod without the label is in a gang")
	}
	pod.Labels[batchmeta.Gang] = ""
	if _, err := gang.SpecOf(pod); err == nil {
		t.Error("a gang without a name has a spec")
	}
}

func TestKeyNamed(t *testing.T) {
	t.Parallel()
	for _, key := range []gang.Key{
		{Namespace: "default", Name: "g"}, {Namespace: "default", Name: "g", PodGroup: true}, {Namespace: "podgroup", Name: "g"},
	} {
		if got := gang.KeyNamed(key.String()); got != key {
			t.Errorf("KeyNamed(%q) = %+v, want %+v", key, got, key)
		}
	}
}
