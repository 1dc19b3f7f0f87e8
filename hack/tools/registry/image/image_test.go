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

	v1 "github.com/google/go-containerregistry/pkg/v1"
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
		img, err := build([]node{{name: "/pause", mode: 0o755, data: []byte("program")}}, v1.Config{Entrypoint: []string{"/pause"}})
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
	if _, err := Program(file, ""); err == nil {
		t.Error("a script became an image that holds nothing to run it")
	}
}

func TestProgramHasTheCertificatesItIsGiven(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	program, roots := filepath.Join(folder, "program"), filepath.Join(folder, "roots.pem")
	header := make([]byte, 64) // of a static program without any segment
	copy(header, "\x7fELF\x02\x01\x01")
	header[16], header[18], header[20], header[52] = 2, 62, 1, 64
	for file, content := range map[string][]byte{program: header, roots: []byte("certificates")} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	img, err := Program(program, roots)
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
	for reader := tar.NewReader(content); ; {
		header, err := reader.Next()
		if err != nil {
			t.Fatalf("find the certificates: %v", err)
		}
		if header.Name == "etc/ssl/certs/ca-certificates.crt" {
			return
		}
	}
}
