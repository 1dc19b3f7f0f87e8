// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func TestArchiveHasEachFolderOnceAndFirst(t *testing.T) {
	t.Parallel()
	content, err := archive([]node{
		{name: "/bin/busybox", mode: 0o755, data: []byte("program")},
		{name: "/bin/sh", mode: 0o755, link: "/bin/busybox"},
		{name: "/var/tmp/", mode: 0o1777},
		{name: "/var/tmp/file", mode: 0o644},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for reader := tar.NewReader(bytes.NewReader(content)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		line := string(header.Typeflag) + " " + header.Name
		if header.Linkname != "" {
			line += " -> " + header.Linkname
		}
		got = append(got, line)
	}
	want := []string{"5 bin/", "0 bin/busybox", "1 bin/sh -> bin/busybox", "5 var/", "5 var/tmp/", "0 var/tmp/file"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("entries = %q, want %q", got, want)
	}
}

func TestTheSameNodesGiveTheSameDigest(t *testing.T) {
	t.Parallel()
	var digests [2]v1.Hash
	for i := range digests {
		img, err := build([]node{{name: "/pause", mode: 0o755, data: []byte("program")}}, v1.Config{Entrypoint: []string{"/pause"}}, "amd64", time.Unix(1, 0))
		if err != nil {
			t.Fatal(err)
		}
		if digests[i], err = img.Digest(); err != nil {
			t.Fatal(err)
		}
	}
	if digests[0] != digests[1] {
		t.Errorf("digests %v and %v differ", digests[0], digests[1])
	}
}

func TestWhatIsNoProgramIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Program(file, "", Origin{}); err == nil {
		t.Error("a script became an image that holds nothing to run it")
	}
}

// staticProgram is the header of one without any segment, for a machine by its number in ELF.
func staticProgram(machine byte) []byte {
	header := make([]byte, 64)
	copy(header, "\x7fELF\x02\x01\x01")
	header[16], header[18], header[20], header[52] = 2, machine, 1, 64
	return header
}

// An image says what it is, of what, from when, for which machine, and who runs in it.
func TestProgramSaysWhatItIs(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(file, staticProgram(183), 0o600); err != nil { // of arm64
		t.Fatal(err)
	}
	img, err := Program(file, "", Origin{Version: "1.2.3", Revision: "abc", Source: "https://example.com", Licence: "Apache-2.0", Created: time.Unix(1700000000, 0)})
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Architecture != "arm64" || config.OS != "linux" || !config.Created.Equal(time.Unix(1700000000, 0)) || config.Config.User != "65534:65534" {
		t.Errorf("configuration = %+v", config)
	}
	want := map[string]string{
		"org.opencontainers.image.title": "tool", "org.opencontainers.image.version": "1.2.3", "org.opencontainers.image.revision": "abc",
		"org.opencontainers.image.source": "https://example.com", "org.opencontainers.image.licenses": "Apache-2.0",
		"org.opencontainers.image.created": "2023-11-14T22:13:20Z",
	}
	if !reflect.DeepEqual(config.Config.Labels, want) {
		t.Errorf("labels = %v", config.Config.Labels)
	}
	if manifest, err := img.Manifest(); err != nil || manifest.MediaType != types.OCIManifestSchema1 || manifest.Layers[0].MediaType != types.OCILayer {
		t.Errorf("manifest = %+v, %v", manifest, err)
	}
}

func TestProgramHasTheCertificatesAndNamesItIsGiven(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	program, roots := filepath.Join(folder, "program"), filepath.Join(folder, "roots.pem")
	for file, content := range map[string][]byte{program: staticProgram(62), roots: []byte("certificates")} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	img, err := Program(program, roots, Origin{}, "other")
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	links := map[string]string{}
	for reader := tar.NewReader(content); ; {
		header, err := reader.Next()
		if err != nil {
			t.Fatalf("find the certificates: %v", err)
		}
		links[header.Name] = header.Linkname
		if header.Name == "etc/ssl/certs/ca-certificates.crt" {
			break
		}
	}
	if links["other"] != "program" {
		t.Errorf("links = %v", links)
	}
}
