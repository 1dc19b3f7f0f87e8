// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	_ "embed" // for the template
	"fmt"
	"go/format"
	"text/template"
)

//go:embed awsapi.tmpl
var templateText string

// render turns the plan into files by name.
func render(p *plan) (map[string][]byte, error) {
	t, err := template.New("awsapi").Parse(templateText)
	if err != nil {
		return nil, fmt.Errorf("parse template: %w", err)
	}
	out := map[string][]byte{}
	add := func(name, section string, data any) error {
		var b bytes.Buffer
		if err := t.ExecuteTemplate(&b, section, data); err != nil {
			return fmt.Errorf("render %s: %w", name, err)
		}
		source, err := format.Source(b.Bytes())
		if err != nil {
			return fmt.Errorf("format %s: %w", name, err)
		}
		out["zz_generated."+name+".go"] = source
		return nil
	}
	if err := add("operations", "operations", p.Operations); err != nil {
		return nil, err
	}
	if err := add("requests_test", "requests_test", p.Operations); err != nil {
		return nil, err
	}
	if err := add("enums", "enums", p.Enums); err != nil {
		return nil, err
	}
	for group, structs := range p.Files {
		if err := add(group, "structs", structs); err != nil {
			return nil, err
		}
	}
	return out, nil
}
