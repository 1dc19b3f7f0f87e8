// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadManifests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const text = `# A comment first.
apiVersion: v1
kind: ServiceAccount
metadata: {name: one, namespace: other}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: two
`
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := readManifests(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got [][3]string
	for _, m := range all {
		got = append(got, [3]string{m.Kind, m.Metadata.Namespace, m.Metadata.Name})
	}
	want := [][3]string{{"ServiceAccount", "other", "one"}, {"Role", systemNamespace, "two"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("manifests mismatch (-want +got):\n%s", diff)
	}
}

// TestProgramsRunAsTheManifestsSay holds the local cluster's identities to the service accounts of the manifests.
func TestProgramsRunAsTheManifestsSay(t *testing.T) {
	t.Parallel()
	all, err := readManifests(filepath.Join("..", "..", "manifests", "base"))
	if err != nil {
		t.Fatal(err)
	}
	var accounts []string
	for _, m := range all {
		if m.Kind == "ServiceAccount" {
			accounts = append(accounts, "system:serviceaccount:"+m.Metadata.Namespace+":"+m.Metadata.Name)
		}
	}
	for _, program := range []string{"queue-api", "batch-scheduler", "batch-autoscaler"} {
		if user := credentials[program].user; !slices.Contains(accounts, user) {
			t.Errorf("%s runs as %s, which is none of the manifests' %v", program, user, accounts)
		}
	}
}
