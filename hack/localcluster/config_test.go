// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConfigFor(t *testing.T) {
	before := config{
		Source: "/src", Nodes: nodesReal, Fleet: fleetLocal, Slots: 3, Listen: "127.0.0.1:8080", Flags: map[string][]string{"queue-api": {"-v=2"}},
	}
	cases := map[string]struct {
		isNew   bool
		listen  string
		base    string
		args    []string
		want    config
		wantErr string
	}{
		"a new cluster listens where MUSTER_LISTEN says": {
			isNew: true, listen: "127.0.0.1:9000", args: []string{"--source=/src"},
			want: config{Source: "/src", Nodes: nodesAuto, Fleet: fleetLocal, Slots: 8, Listen: "127.0.0.1:9000"},
		},
		"a flag wins over MUSTER_LISTEN": {
			isNew: true, listen: "127.0.0.1:9000", args: []string{"--source=/src", "--listen=127.0.0.1:1"},
			want: config{Source: "/src", Nodes: nodesAuto, Fleet: fleetLocal, Slots: 8, Listen: "127.0.0.1:1"},
		},
		"a new cluster has the ports that MUSTER_PORT_BASE says": {
			isNew: true, listen: "127.0.0.1:9000", base: "18000", args: []string{"--source=/src"},
			want: config{Source: "/src", Nodes: nodesAuto, Fleet: fleetLocal, Slots: 8, Listen: "127.0.0.1:9000", PortBase: 18000},
		},
		"MUSTER_PORT_BASE is a number": {isNew: true, base: "x", wantErr: "MUSTER_PORT_BASE"},
		"a cluster that is there keeps what is not asked to be otherwise": {
			args: []string{"--slots=4"},
			want: config{
				Source: "/src", Nodes: nodesReal, Fleet: fleetLocal, Slots: 4, Listen: "127.0.0.1:8080", Flags: map[string][]string{"queue-api": {"-v=2"}},
			},
		},
		"further flags of a program replace those of an earlier up": {
			args: []string{"--set", "queue-api=--finished-pod-ttl=5s", "--set", "queue-api=-v=4"},
			want: config{
				Source: "/src", Nodes: nodesReal, Fleet: fleetLocal, Slots: 3, Listen: "127.0.0.1:8080",
				Flags: map[string][]string{"queue-api": {"--finished-pod-ttl=5s", "-v=4"}},
			},
		},
		"an unknown kind of nodes is refused":              {args: []string{"--nodes=virtual"}, wantErr: "--nodes=virtual"},
		"no nodes for programs that want some are refused": {args: []string{"--nodes=none"}, wantErr: "--nodes=none needs --without-programs"},
		"an unknown kind of fleet is refused":              {args: []string{"--fleet=cloud"}, wantErr: "--fleet=cloud"},
		"more slots than there are ports are refused":      {args: []string{"--slots=41"}, wantErr: "--slots=41: 1 to 40"},
		"a port base beyond the last port is refused":      {args: []string{"--port-base=65500"}, wantErr: "--port-base=65500"},
		"a flag for no program is refused":                 {args: []string{"--set", "--v=4"}, wantErr: "want NAME=--flag=value"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Setenv("MUSTER_LISTEN", tc.listen)
			t.Setenv("MUSTER_PORT_BASE", tc.base)
			c := before
			if tc.isNew {
				c = config{}
			}
			got, err := configFor(c, tc.isNew, tc.args)
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Fatalf("configFor() error = %v, want one with %q", err, tc.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("config mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPortsOfTwoClustersDiffer(t *testing.T) {
	t.Parallel()
	taken := map[string]string{}
	for _, c := range []config{{PortBase: 0}, {PortBase: 17000}, {PortBase: 17000 + portCount}} {
		c.Nodes, c.Slots, c.Source = nodesReal, maxSlots, "/src"
		if err := c.complete(); err != nil {
			t.Fatal(err)
		}
		for _, part := range newCluster(paths{dir: t.TempDir()}, c).components() {
			if other, clash := taken[part.address]; clash {
				t.Errorf("%s and %s both listen at %s", part.Name, other, part.address)
			}
			taken[part.address] = part.Name
		}
	}
}

func TestOnlyRealMachinesOfEC2AreFew(t *testing.T) {
	t.Parallel()
	for nodes, want := range map[string]bool{nodesReal: true, nodesKwok: false} {
		c := config{Source: "/src", Nodes: nodes, Fleet: fleetEC2, Slots: 3}
		args := newCluster(paths{dir: t.TempDir()}, c).ec2().Args
		if got := slices.Contains(args, "--machines=3"); got != want {
			t.Errorf("%s nodes: limited = %v, want %v: %v", nodes, got, want, args)
		}
	}
}

func TestEndpointIsWhereClientsHereFindIt(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080",
		"0.0.0.0:80":     "http://127.0.0.1:80",
		":8080":          "http://127.0.0.1:8080",
		"192.0.2.7:8080": "http://192.0.2.7:8080",
	}
	for listen, want := range cases {
		if got := (config{Listen: listen}).endpoint(); got != want {
			t.Errorf("endpoint of %s = %s, want %s", listen, got, want)
		}
	}
}
