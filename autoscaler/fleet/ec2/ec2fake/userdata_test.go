// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/autoscaler/nodetemplate"
)

func TestKubeletOfWhatTheFleetWrites(t *testing.T) {
	t.Parallel()
	want := &Kubelet{
		Cluster: "prod", Endpoint: "https://cluster.example", CertificateAuthority: "Y2VydA==",
		Labels: map[string]string{"muster.sh/node-group": "env.c5.large.spot", "muster.sh/capacity-type": "spot"},
		Taints: nodetemplate.Taints("u-1"),
	}
	for _, name := range []string{"nodeadm", "nodeadm-own", "bootstrap", "bottlerocket"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("..", "testdata", "userdata", name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := KubeletOf(string(text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("kubelet mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKubeletOfWhatNoImageTakes(t *testing.T) {
	t.Parallel()
	const archive = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b\"\n\n--b\nContent-Type: "
	cases := map[string]string{
		"nothing":                       "",
		"an archive without a config":   archive + "text/x-shellscript\n\necho hello\n--b--\n",
		"an archive that is cut off":    archive + "text/x-shellscript\n\necho hello\n",
		"a config of another kind":      archive + "application/node.eks.aws\n\nkind: Pod\n--b--\n",
		"a config without the network":  archive + "application/node.eks.aws\n\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {cluster: {name: c}}\n--b--\n",
		"a flag that is not known":      archive + "text/x-shellscript\n\n/etc/eks/bootstrap.sh c --kubelet-extra-args '--fast=true'\n--b--\n",
		"settings without a cluster":    "[settings.motd]\nmotd = \"hello\"\n",
		"settings that are there twice": "[settings.kubernetes]\ncluster-name = \"a\"\n[settings.kubernetes]\ncluster-name = \"b\"\n",
		"a setting outside of tables":   "motd = \"hello\"\n",
		"a setting that is no text":     "[settings.kubernetes]\ncluster-name = 1\n",
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := KubeletOf(text); err == nil {
				t.Errorf("KubeletOf = %+v, want an error", got)
			}
		})
	}
}

func TestWordsAreTheShells(t *testing.T) {
	t.Parallel()
	got := words(`run 'it'\''s here' --empty '' a\ b`)
	if diff := cmp.Diff([]string{"run", "it's here", "--empty", "", "a b"}, got); diff != "" {
		t.Errorf("words mismatch (-want +got):\n%s", diff)
	}
}
