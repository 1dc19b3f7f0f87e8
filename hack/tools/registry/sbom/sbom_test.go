// SPDX-License-Identifier: Apache-2.0

package sbom

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// self is this test, which is a Go program, too.
func self(t *testing.T) []byte {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

func TestDocument(t *testing.T) {
	t.Parallel()
	subject := Subject{
		Name: "tool", Version: "1.2.3", Licence: "Apache-2.0", Created: time.Unix(1700000000, 0),
		Files: map[string][]byte{"/etc/b": []byte("b"), "/etc/a": []byte("a")},
	}
	binary := self(t)
	text, err := Write(binary, subject)
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if d.Format != "CycloneDX" || d.SpecVersion != "1.6" || d.Metadata.Timestamp != "2023-11-14T22:13:20Z" {
		t.Errorf("document = %+v", d)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(d.SerialNumber) {
		t.Errorf("serial number %s", d.SerialNumber)
	}
	main := d.Metadata.Component
	if main.Name != "tool" || main.Version != "1.2.3" || main.Licences[0].Licence.ID != "Apache-2.0" || len(main.Hashes[0].Content) != 64 {
		t.Errorf("component = %+v", main)
	}
	var refs, files []string
	for _, c := range d.Components {
		if slices.Contains(refs, c.Ref) || c.Ref == "" {
			t.Errorf("%q is there twice, or is empty", c.Ref)
		}
		refs = append(refs, c.Ref)
		if c.Type == "file" {
			files = append(files, c.Name)
		}
	}
	if !strings.HasPrefix(refs[0], "pkg:golang/stdlib@1.") {
		t.Errorf("the standard library is %s", refs[0])
	}
	if !slices.Equal(files, []string{"/etc/a", "/etc/b"}) {
		t.Errorf("files = %v", files)
	}
	if !slices.Equal(d.Dependencies[0].DependsOn, refs) || d.Dependencies[0].Ref != main.Ref {
		t.Errorf("dependencies = %+v", d.Dependencies)
	}
	if again, err := Write(binary, subject); err != nil || !bytes.Equal(again, text) {
		t.Errorf("the same program gives another document: %v", err)
	}
}

func TestWhatIsNoGoProgramIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := Write([]byte("#!/bin/sh\n"), Subject{Name: "script"}); err == nil || !strings.Contains(err.Error(), "script") {
		t.Errorf("err = %v", err)
	}
}

func TestPackageURL(t *testing.T) {
	t.Parallel()
	cases := map[[2]string]string{
		{"example.com/m", "v1.2.3"}:               "pkg:golang/example.com/m@v1.2.3",
		{"example.com/m", "v2.0.0+incompatible"}:  "pkg:golang/example.com/m@v2.0.0%2Bincompatible",
		{"example.com/m", ""}:                     "pkg:golang/example.com/m",
		{"example.com/m/v3", "v3.0.0-2024-abcde"}: "pkg:golang/example.com/m/v3@v3.0.0-2024-abcde",
	}
	for in, want := range cases {
		if got := purl(in[0], in[1]); got != want {
			t.Errorf("purl(%v) = %s, want %s", in, got, want)
		}
	}
}
