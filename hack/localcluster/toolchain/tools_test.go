// SPDX-License-Identifier: Apache-2.0

package toolchain_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/muster-batch/muster/hack/localcluster/toolchain"
)

func TestVersionIsThatOfGoMod(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		gomod string
		want  string
	}{
		"in a block":                       {gomod: "module m\n\nrequire (\n\tk8s.io/kubernetes v1.33.13 // indirect\n)\n", want: "v1.33.13"},
		"in a line of its own":             {gomod: "module m\n\nrequire k8s.io/kubernetes v1.33.13\n", want: "v1.33.13"},
		"a module that only begins so":     {gomod: "require k8s.io/kubernetes-more v9.9.9\nrequire k8s.io/kubernetes v1.2.3\n", want: "v1.2.3"},
		"a replacement is not the version": {gomod: "replace (\n\tk8s.io/kubernetes => k8s.io/kubernetes v9.9.9\n)\nrequire k8s.io/kubernetes v1.2.3\n", want: "v1.2.3"},
		"not required":                     {gomod: "module m\n", want: "unknown"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := t.TempDir()
			module := filepath.Join(source, "hack", "tools", "kubernetes")
			if err := os.MkdirAll(module, 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(module, "go.mod"), []byte(tc.gomod), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := (toolchain.Toolchain{Source: source}).Version(toolchain.Kubernetes); got != tc.want {
				t.Errorf("Version() = %s, want %s", got, tc.want)
			}
		})
	}
}

// TestEveryToolHasAVersion holds the tools to the modules under hack/tools.
func TestEveryToolHasAVersion(t *testing.T) {
	t.Parallel()
	tools := toolchain.Toolchain{Source: filepath.Join("..", "..", "..")}
	version := regexp.MustCompile(`^(v\d+\.\d+\.\d+|[0-9a-f]{12})$`)
	for _, tool := range toolchain.All {
		if got := tools.Version(tool); !version.MatchString(got) {
			t.Errorf("version of %s = %s", tool.Name, got)
		}
	}
}
