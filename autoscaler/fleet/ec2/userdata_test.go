// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"encoding/base64"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/nodetemplate"
)

var update = flag.Bool("update", false, "write the golden files")

func testNode() *nodeSpec {
	return &nodeSpec{
		cluster: Cluster{Name: "prod", Endpoint: "https://cluster.example", CertificateAuthority: "Y2VydA==", ServiceCIDR: "10.100.0.0/16"},
		labels:  map[string]string{"muster.sh/node-group": "env.c5.large.spot", "muster.sh/capacity-type": "spot"},
		taints:  nodetemplate.Taints("u-1"),
	}
}

const ownArchive = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n" +
	"--b\r\nContent-Type: text/cloud-config\r\n\r\npackages: [nfs-utils]\r\n--b--\r\n"

func TestUserData(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		kind bootstrap
		own  string
	}{
		"nodeadm":      {kind: nodeadm},
		"nodeadm-own":  {kind: nodeadm, own: ownArchive},
		"bootstrap":    {kind: bootstrapSh, own: "#!/bin/bash\necho own\n"},
		"bottlerocket": {kind: bottlerocket, own: "[settings.motd]\nmotd = \"hello\"\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			encoded, err := userData(tc.kind, testNode(), tc.own)
			if err != nil {
				t.Fatal(err)
			}
			got, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "userdata", name+".txt")
			text := strings.ReplaceAll(string(got), "\r\n", "\n")
			if *update {
				if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), text); diff != "" {
				t.Errorf("user data mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUserDataThatCannotBeJoined(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		kind bootstrap
		own  string
	}{
		"neither a script nor an archive":       {nodeadm, "\x1f\x8b gzip"},
		"mail of one part":                      {nodeadm, "Content-Type: text/plain\r\n\r\nhello"},
		"an archive that is cut off":            {nodeadm, strings.TrimSuffix(ownArchive, "--b--\r\n")},
		"settings of Kubernetes, twice":         {bottlerocket, "[settings.kubernetes]\nmax-pods = 3\n"},
		"labels of the user's, in Bottlerocket": {bottlerocket, "[settings.kubernetes.node-labels]\na = \"b\"\n"},
		"more than EC2 takes":                   {nodeadm, "#!/bin/bash\n" + strings.Repeat("# long\n", 3000)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := userData(tc.kind, testNode(), tc.own); fleet.ClassOf(err) != fleet.BadRequest {
				t.Errorf("userData = %q, %v; want a bad request", got, err)
			}
		})
	}
}

func TestShellQuotes(t *testing.T) {
	t.Parallel()
	if got, want := shell("it's $(here)"), `'it'\''s $(here)'`; got != want {
		t.Errorf("shell = %s, want %s", got, want)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(ownArchive)
	f.Add("#!/bin/sh\ntrue\n")
	f.Fuzz(func(t *testing.T, own string) {
		joined, err := withPart(own, part{"text/plain", "ours"})
		if err != nil {
			return
		}
		parts, err := split(joined)
		if err != nil || parts[len(parts)-1].content != "ours" {
			t.Errorf("what was joined comes apart as %q, %v", parts, err)
		}
	})
}
