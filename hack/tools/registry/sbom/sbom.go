// SPDX-License-Identifier: Apache-2.0

package sbom

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// MediaType is that of the document.
const MediaType = "application/vnd.cyclonedx+json"

// Subject is what the program itself does not say.
type Subject struct {
	Name    string
	Version string
	Licence string // its SPDX identifier
	Created time.Time
	// Files are what is beside the program, by their names.
	Files map[string][]byte
}

type document struct {
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	SerialNumber string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp,omitempty"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Licences   []licence  `json:"licenses,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licence struct {
	Licence struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

// Write describes the program that binary is.
func Write(binary []byte, s Subject) ([]byte, error) {
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return nil, fmt.Errorf("read what %s was built of: %w", s.Name, err)
	}
	sum := sha256.Sum256(binary)
	d := document{Format: "CycloneDX", SpecVersion: "1.6", SerialNumber: serial(sum[:]), Version: 1}
	d.Metadata.Component = program(info, s, sum[:])
	if !s.Created.IsZero() {
		d.Metadata.Timestamp = s.Created.UTC().Format(time.RFC3339)
	}
	d.Components = append(d.Components, standardLibrary(info.GoVersion))
	for _, m := range info.Deps {
		d.Components = append(d.Components, library(m))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		d.Components = append(d.Components, file(name, s.Files[name]))
	}
	main := dependency{Ref: d.Metadata.Component.Ref}
	for i := range d.Components {
		main.DependsOn = append(main.DependsOn, d.Components[i].Ref)
	}
	d.Dependencies = []dependency{main}
	text, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

func program(info *debug.BuildInfo, s Subject, sum []byte) component {
	c := component{
		Type: "application", Name: s.Name, Version: s.Version, PURL: purl(info.Main.Path, s.Version) + subpath(info),
		Hashes: []hash{{"SHA-256", hex.EncodeToString(sum)}},
	}
	c.Ref = c.PURL
	if s.Licence != "" {
		var l licence
		l.Licence.ID = s.Licence
		c.Licences = []licence{l}
	}
	for _, setting := range info.Settings {
		if setting.Value != "" && setting.Key != "-ldflags" {
			c.Properties = append(c.Properties, property{"go:build:" + setting.Key, setting.Value})
		}
	}
	return c
}

// subpath is the package within its module, as in a package URL.
func subpath(info *debug.BuildInfo) string {
	if rest, ok := strings.CutPrefix(info.Path, info.Main.Path+"/"); ok {
		return "#" + rest
	}
	return ""
}

func standardLibrary(version string) component {
	p := purl("stdlib", strings.TrimPrefix(version, "go"))
	return component{Type: "library", Ref: p, Name: "stdlib", Version: version, PURL: p}
}

func library(m *debug.Module) component {
	if m.Replace != nil {
		m = m.Replace
	}
	c := component{Type: "library", Name: m.Path, Version: m.Version, PURL: purl(m.Path, m.Version)}
	c.Ref = c.PURL
	if m.Sum != "" {
		c.Properties = []property{{"go:sum", m.Sum}}
	}
	return c
}

func file(name string, content []byte) component {
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	return component{Type: "file", Ref: "file:" + name, Name: name, Hashes: []hash{{"SHA-256", digest}}}
}

// purl is the package URL of a module.
func purl(path, version string) string {
	if version == "" {
		return "pkg:golang/" + path
	}
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}

// serial is a UUID that follows from the program: one of a name, in the sense of RFC 9562, but for the digest.
func serial(sum []byte) string {
	id := [16]byte(sum)
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	text := hex.EncodeToString(id[:])
	return "urn:uuid:" + strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
}
