// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/plugins/config"
)

func TestConfigure(t *testing.T) {
	own := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(own, []byte("apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		args       []string
		wantFlags  map[string]string
		wantConfig []string // parts of the configuration
	}{
		"nothing is needed": {
			wantFlags: map[string]string{
				"secure-port":                      "10359",
				"authorization-always-allow-paths": "[/healthz,/readyz,/livez,/metrics]",
				"authentication-skip-lookup":       "true",
			},
			wantConfig: []string{string(config.Default())},
		},
		"a kubeconfig goes into the built-in configuration": {
			args:       []string{"--kubeconfig=/k"},
			wantConfig: []string{"kubeconfig: /k", "resourceName: batch-scheduler"},
		},
		"a kubeconfig goes into a configuration of one's own": {
			args:       []string{"--kubeconfig=/k", "--config=" + own},
			wantConfig: []string{"kubeconfig: /k", "resourceName: \"\""},
		},
		"flags that are given stay": {
			args:      []string{"--secure-port=1", "--authorization-always-allow-paths=/metrics", "--authentication-skip-lookup=false"},
			wantFlags: map[string]string{"secure-port": "1", "authorization-always-allow-paths": "[/metrics]", "authentication-skip-lookup": "false"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cmd := newCommand(newAPI())
			if err := cmd.ParseFlags(tc.args); err != nil {
				t.Fatal(err)
			}
			lent, err := configure(cmd.Flags())
			if err != nil {
				t.Fatal(err)
			}
			for flag, want := range tc.wantFlags {
				if diff := cmp.Diff(want, cmd.Flags().Lookup(flag).Value.String()); diff != "" {
					t.Errorf("--%s (-want +got):\n%s", flag, diff)
				}
			}
			document, err := os.ReadFile(cmd.Flags().Lookup("config").Value.String())
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tc.wantConfig {
				if !strings.Contains(string(document), want) {
					t.Errorf("configuration lacks %q:\n%s", want, document)
				}
			}
			if err := lent.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestConfigureReportsAMissingFile(t *testing.T) {
	cmd := newCommand(newAPI())
	if err := cmd.ParseFlags([]string{"--config=/does/not/exist"}); err != nil {
		t.Fatal(err)
	}
	if _, err := configure(cmd.Flags()); err == nil || !strings.Contains(err.Error(), "read scheduler configuration") {
		t.Errorf("error %v", err)
	}
}
