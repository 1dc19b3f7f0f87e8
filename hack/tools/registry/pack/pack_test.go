// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	stdlog "log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/muster-batch/muster/hack/tools/registry/image"
	"github.com/muster-batch/muster/hack/tools/registry/sbom"
)

// program builds a small one.
func program(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pause")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", file, "../pause")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

func testOptions(t *testing.T) options {
	t.Helper()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, []byte("certificates"), 0o600); err != nil {
		t.Fatal(err)
	}
	return options{
		origin: image.Origin{Version: "1.2.3", Revision: "abc", Licence: "Apache-2.0", Created: time.Unix(1700000000, 0)},
		roots:  roots, prefix: "muster", tag: "v1", output: t.TempDir(),
	}
}

// The layout has the image by its tag, and the document that refers to it; docker's archive has the same image.
func TestWhatIsWritten(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	if err := run(t.Context(), o, []string{program(t)}); err != nil {
		t.Fatal(err)
	}
	index, err := layout.ImageIndexFromPath(filepath.Join(o.output, "pause"))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil || len(manifest.Manifests) != 2 {
		t.Fatalf("%d manifests, %v", len(manifest.Manifests), err)
	}
	first, second := manifest.Manifests[0], manifest.Manifests[1]
	if first.Annotations["org.opencontainers.image.ref.name"] != "v1" {
		t.Errorf("the image has the annotations %v", first.Annotations)
	}
	holdsDocument(t, index, second, first.Digest)

	archived, err := tarball.ImageFromPath(filepath.Join(o.output, "pause.tar"), nil)
	if err != nil {
		t.Fatal(err)
	}
	img, err := index.Image(first.Digest)
	if err != nil {
		t.Fatal(err)
	}
	want, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := archived.ConfigName(); err != nil || got != want {
		t.Errorf("docker's archive has the image %s, want %s: %v", got, want, err)
	}
	if document, err := os.ReadFile(filepath.Join(o.output, "pause.cdx.json")); err != nil || !strings.Contains(string(document), `"name": "stdlib"`) {
		t.Errorf("document: %v", err)
	}
}

func holdsDocument(t *testing.T, index v1.ImageIndex, at v1.Descriptor, about v1.Hash) {
	t.Helper()
	artifact, err := index.Image(at.Digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := artifact.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if manifest.Subject == nil || manifest.Subject.Digest != about || manifest.Config.MediaType != sbom.MediaType {
		t.Errorf("manifest = %+v", manifest)
	}
	layers, err := artifact.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	if text, err := io.ReadAll(content); err != nil || !strings.Contains(string(text), "CycloneDX") {
		t.Errorf("document %.100s, %v", text, err)
	}
}

// A registry tells what refers to an image that was pushed, whether it knows of such references or not.
func TestPush(t *testing.T) {
	t.Parallel()
	for _, refers := range []bool{true, false} {
		server := httptest.NewServer(registry.New(registry.Logger(stdlog.New(io.Discard, "", 0)), registry.WithReferrersSupport(refers)))
		defer server.Close()
		o := testOptions(t)
		o.push = strings.TrimPrefix(server.URL, "http://") + "/team"
		if err := run(t.Context(), o, []string{program(t)}); err != nil {
			t.Fatal(err)
		}
		tag, err := name.NewTag(o.push + "/pause:v1")
		if err != nil {
			t.Fatal(err)
		}
		pushed, err := remote.Get(tag)
		if err != nil {
			t.Fatal(err)
		}
		about, err := remote.Referrers(tag.Context().Digest(pushed.Digest.String()))
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := about.IndexManifest()
		if err != nil || len(manifest.Manifests) != 1 || manifest.Manifests[0].ArtifactType != sbom.MediaType {
			t.Errorf("referrers = %+v, %v", manifest, err)
		}
	}
}

// Two builds give the same image and the same document.
func TestReproducible(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	var digests [2][2]v1.Hash
	for i := range digests {
		p, err := o.pack(program(t))
		if err != nil {
			t.Fatal(err)
		}
		for j, img := range []v1.Image{p.image, p.reference} {
			if digests[i][j], err = img.Digest(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if digests[0] != digests[1] {
		t.Errorf("digests %v and %v differ", digests[0], digests[1])
	}
}
