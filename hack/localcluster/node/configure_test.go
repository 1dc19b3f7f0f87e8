// SPDX-License-Identifier: Apache-2.0

package node

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/hack/localcluster/pki"
)

func TestJoinLabels(t *testing.T) {
	t.Parallel()
	got := joinLabels(map[string]string{"b": "2", "a": "", "c.io/d": "3"})
	if want := "a=,b=2,c.io/d=3"; got != want {
		t.Errorf("joinLabels() = %q, want %q", got, want)
	}
}

func TestMirrors(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		config Config
		want   string
	}{
		"an image that the registry lacks is not found": {
			config: Config{Registry: "127.0.0.1:5000"},
			want:   "server = \"http://127.0.0.1:5000\"\n[host.\"http://127.0.0.1:5000\"]\n  capabilities = [\"pull\", \"resolve\"]\n",
		},
		"with upstream images its own host is asked next": {
			config: Config{Registry: "127.0.0.1:5000", UpstreamImages: true},
			want:   "[host.\"http://127.0.0.1:5000\"]\n  capabilities = [\"pull\", \"resolve\"]\n",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, tc.config.mirrors()); diff != "" {
				t.Errorf("hosts.toml mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNodesOfAClusterShareNoPort(t *testing.T) {
	t.Parallel()
	c := Config{FirstPort: 100}
	taken := map[any]string{}
	for slot := range 3 {
		settings := c.kubeletConfig(Node{Slot: slot}, layout{}, "", "", pki.Pair{})
		for _, key := range []string{"port", "healthzPort"} {
			if other, clash := taken[settings[key]]; clash {
				t.Errorf("slot %d has %s %v, which is %s already", slot, key, settings[key], other)
			}
			taken[settings[key]] = key
		}
	}
}
