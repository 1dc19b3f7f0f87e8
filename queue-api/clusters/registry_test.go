// SPDX-License-Identifier: Apache-2.0

package clusters

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"
)

const westARN = "arn:aws:eks:us-west-2:123456789012:cluster/west"

// kubeconfig is one of a cluster that it calls by a name.
func kubeconfig(cluster, server string) string {
	return strings.NewReplacer("CLUSTER", cluster, "SERVER", server).Replace(`apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: "CLUSTER", user: u}}, {name: other, context: {cluster: other, user: u}}]
clusters: [{name: "CLUSTER", cluster: {server: "SERVER"}}, {name: other, cluster: {server: "https://other"}}]
users: [{name: u, user: {tokenFile: .token}}]
`)
}

// folder is a directory of files and the registry over it.
type folder struct {
	t   *testing.T
	dir string
	*Registry
}

func newFolder(t *testing.T, files map[string]string) *folder {
	t.Helper()
	f := &folder{t: t, dir: t.TempDir()}
	f.write(".token", "secret")
	for name, content := range files {
		f.write(name, content)
	}
	var err error
	if f.Registry, err = Open(t.Context(), f.dir, clock.RealClock{}); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *folder) write(name, content string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(content), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// servers are the API servers that an ARN means: those of one registration at most.
func (f *folder) servers(arn string) (out []string) {
	for _, r := range f.All() {
		if r.Is(arn) {
			out = append(out, r.Config.Host)
		}
	}
	return out
}

func (f *folder) want(what string, changed bool, byARN map[string]string) {
	f.t.Helper()
	got, err := f.reread(f.t.Context())
	if err != nil || got != changed {
		f.t.Errorf("%s: changed %v, error %v; want %v", what, got, err, changed)
	}
	for arn, server := range byARN {
		var want []string
		if server != "" {
			want = []string{server}
		}
		if diff := cmp.Diff(want, f.servers(arn)); diff != "" {
			f.t.Errorf("%s: %s mismatch (-want +got):\n%s", what, arn, diff)
		}
	}
}

func TestRegistrationsAreFoundByARN(t *testing.T) {
	t.Parallel()
	f := newFolder(t, map[string]string{
		"a.yaml":          kubeconfig(westARN, "https://west"),
		"east.kubeconfig": kubeconfig("kubernetes", "https://east"),
		"north":           kubeconfig("kubernetes", "https://north"),
		"..data":          kubeconfig("hidden", "https://hidden"),
	})
	for arn, want := range map[string][]string{
		westARN: {"https://west"},
		"arn:aws:eks:us-east-1:123456789012:cluster/west":  nil, // of another region
		"arn:aws:eks:us-east-1:123456789012:cluster/east":  {"https://east"},
		"arn:aws-cn:eks:cn-north-1:1:cluster/east":         {"https://east"},
		"arn:aws:eks:us-east-1:123456789012:cluster/north": {"https://north"},
		"arn:aws:eks:us-east-1:123456789012:cluster/a":     nil,
		"": nil,
	} {
		if diff := cmp.Diff(want, f.servers(arn)); diff != "" {
			t.Errorf("%q mismatch (-want +got):\n%s", arn, diff)
		}
	}
	if r := f.All()[0]; r.Config.BearerTokenFile != filepath.Join(f.dir, ".token") {
		t.Errorf("token file %s", r.Config.BearerTokenFile)
	}
}

func TestRegistryFollowsItsFiles(t *testing.T) {
	t.Parallel()
	east := "arn:aws:eks:us-east-1:123456789012:cluster/east"
	f := newFolder(t, nil)
	f.want("empty", false, map[string]string{westARN: ""})
	f.write("west.yaml", kubeconfig(westARN, "https://west"))
	f.want("a file came", true, map[string]string{westARN: "https://west"})
	f.want("nothing changed", false, map[string]string{westARN: "https://west"})
	f.write("west.yaml", kubeconfig(westARN, "https://west2"))
	f.want("a file changed", true, map[string]string{westARN: "https://west2"})
	f.write("west.yaml", "{")
	f.want("what it last held counts", false, map[string]string{westARN: "https://west2"})
	f.write("broken.yaml", "{}")
	f.write("east.yaml", kubeconfig("east", "https://east"))
	f.want("a file that never worked", true, map[string]string{westARN: "https://west2", east: "https://east"})
	f.write("zzz.yaml", kubeconfig(east, "https://other"))
	f.want("a second one for a cluster", false, map[string]string{east: "https://east"})
	for _, name := range []string{"west.yaml", "east.yaml"} {
		if err := os.Remove(filepath.Join(f.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	f.want("files went", true, map[string]string{westARN: "", east: "https://other"})
	if err := os.RemoveAll(f.dir); err != nil {
		t.Fatal(err)
	}
	if _, err := f.reread(t.Context()); err == nil || len(f.All()) != 1 {
		t.Errorf("the directory is gone: %v, %d known", err, len(f.All()))
	}
}

func TestDirectoryMustExist(t *testing.T) {
	t.Parallel()
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "none"), clock.RealClock{}); err == nil {
		t.Error("it need not")
	}
}
