// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func TestValidateTags(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		key, value string
		wantErr    bool
	}{
		"a tag of the user's own":      {"team", "blue", false},
		"restart":                      {batchmeta.GangOnMemberLoss, "restart", false},
		"replace":                      {batchmeta.GangOnMemberLoss, "replace", false},
		"something else":               {batchmeta.GangOnMemberLoss, "cry", true},
		"a topology key":               {batchmeta.GangTopologyRequired, "topology.kubernetes.io/zone", false},
		"a topology key that is none":  {batchmeta.GangTopologyRequired, "zone of mine", true},
		"a preferred key that is none": {batchmeta.GangTopologyPreferred, "/", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := ValidateTags(map[string]string{tc.key: tc.value}); (err != nil) != tc.wantErr {
				t.Errorf("error %v, want one: %v", err, tc.wantErr)
			}
		})
	}
}

// TestTagsOfAGangAreItsAnnotations: a topology is for the scheduler; what a loss entails is for podwatch alone.
func TestTagsOfAGangAreItsAnnotations(t *testing.T) {
	t.Parallel()
	in := readDocument(t, "testdata/nodes-eks/input.json").input()
	in.Job.Tags = map[string]string{
		batchmeta.GangTopologyRequired:  "topology.kubernetes.io/zone",
		batchmeta.GangTopologyPreferred: "not a key",
		batchmeta.GangOnMemberLoss:      "replace",
		"team":                          "blue",
	}
	pods, err := Pods(in, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range pods {
		got := map[string]string{}
		for key := range in.Job.Tags {
			if value, ok := pod.Annotations[key]; ok {
				got[key] = value
			}
		}
		if diff := cmp.Diff(map[string]string{batchmeta.GangTopologyRequired: "topology.kubernetes.io/zone"}, got); diff != "" {
			t.Errorf("annotations mismatch (-want +got):\n%s", diff)
		}
	}
}
