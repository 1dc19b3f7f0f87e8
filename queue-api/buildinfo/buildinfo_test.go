// SPDX-License-Identifier: Apache-2.0

package buildinfo

import (
	"runtime/debug"
	"slices"
	"testing"
)

func TestInfo(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		build debug.BuildInfo
		want  Info
	}{
		"a build from a checkout with changes names its revision": {
			build: debug.BuildInfo{GoVersion: "go1", Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}},
			want:  Info{Version: "(devel)", Revision: "abc+dirty", GoVersion: "go1"},
		},
		"a build of a version needs no revision": {
			build: debug.BuildInfo{GoVersion: "go1", Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{{Key: "vcs.modified", Value: "true"}}},
			want:  Info{Version: "v1.2.3", GoVersion: "go1"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := from(&tc.build); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

// There is a value for every label, and each program has a Go version.
func TestLabels(t *testing.T) {
	t.Parallel()
	values := Get().Values("queue-api")
	if len(values) != len(Labels()) || values[0] != "queue-api" || slices.Contains(values[3:], "") {
		t.Errorf("values %q of labels %q", values, Labels())
	}
}

func TestString(t *testing.T) {
	t.Parallel()
	cases := map[string]Info{
		"1.2.3":        {Version: "1.2.3", Revision: "0123456789abcdef"},
		"0123456789ab": {Version: "(devel)", Revision: "0123456789abcdef+dirty"},
		"devel":        {Version: "(devel)"},
	}
	for want, info := range cases {
		if got := info.String(); got != want {
			t.Errorf("%+v is %s, want %s", info, got, want)
		}
	}
}
