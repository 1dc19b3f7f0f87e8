// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/muster-batch/muster/plugins/config"
	"github.com/muster-batch/muster/plugins/plugintest"
)

func TestGangFitArgsHaveDefaults(t *testing.T) {
	for name, obj := range map[string]runtime.Object{"none": nil, "empty": &runtime.Unknown{Raw: []byte("{}")}} {
		args, err := config.DecodeGangFit(obj)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(args.TopologyKeys) != 5 || args.MemberLossTimeout.Duration != 5*time.Minute || args.RoomTimeout.Duration != 10*time.Minute {
			t.Errorf("%s: %+v", name, args)
		}
	}
}

func TestGangFitArgsAreRead(t *testing.T) {
	args, err := config.DecodeGangFit(&runtime.Unknown{Raw: []byte(`{"topologyKeys":["rack"],"memberLossTimeout":"1m","roomTimeout":"0s"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if len(args.TopologyKeys) != 1 || args.TopologyKeys[0] != "rack" || args.MemberLossTimeout.Duration != time.Minute || args.RoomTimeout.Duration != 0 {
		t.Errorf("%+v", args)
	}
}

func TestGangFitArgsRefuse(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ raw, want string }{
		"a field that is not known":            {`{"topology":[]}`, "topology"},
		"a key that is no label":               {`{"topologyKeys":["a b"]}`, `topologyKeys[0]: "a b"`},
		"a key that is there twice":            {`{"topologyKeys":["a","a"]}`, "twice"},
		"more keys than a plan can tell apart": {`{"topologyKeys":["a","b","c","d","e","f","g","h"]}`, "at most 7"},
		"a negative timeout":                   {`{"memberLossTimeout":"-1s"}`, "memberLossTimeout"},
		"a negative room timeout":              {`{"roomTimeout":"-1s"}`, "roomTimeout"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.DecodeGangFit(&runtime.Unknown{Raw: []byte(tc.raw)})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

// TestBuiltInArgumentsAreTheDefaults holds what scheduler.yaml shows to what applies when it says nothing.
func TestBuiltInArgumentsAreTheDefaults(t *testing.T) {
	cfg, err := plugintest.Configuration()
	if err != nil {
		t.Fatal(err)
	}
	for _, plugin := range cfg.Profiles[0].PluginConfig {
		if plugin.Name != "GangFit" {
			continue
		}
		got, err := config.DecodeGangFit(plugin.Args)
		if err != nil {
			t.Fatal(err)
		}
		want, err := config.DecodeGangFit(nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("arguments (-defaults +scheduler.yaml):\n%s", diff)
		}
		return
	}
	t.Error("scheduler.yaml has no arguments of GangFit")
}
