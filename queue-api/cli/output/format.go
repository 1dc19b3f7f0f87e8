// SPDX-License-Identifier: Apache-2.0

package output

import (
	"fmt"
	"os"
	"strings"
)

// Kind is one of the forms that an answer may have.
type Kind string

// The kinds; the last two come with a template.
const (
	TableKind  Kind = "table"
	Wide       Kind = "wide"
	JSON       Kind = "json"
	YAML       Kind = "yaml"
	Name       Kind = "name"
	JSONPath   Kind = "jsonpath"
	GoTemplate Kind = "go-template"
)

// Kinds are all of them, as they are written after -o.
var Kinds = []string{"table", "wide", "json", "yaml", "name", "jsonpath=", "go-template=", "jsonpath-file=", "go-template-file="}

// Format is what -o asks for.
type Format struct {
	Kind     Kind
	Template string
}

// ParseFormat reads what follows -o; nothing is a table.
func ParseFormat(text string) (Format, error) {
	name, template, hasTemplate := strings.Cut(text, "=")
	kind, isFile := Kind(name), false
	if rest, ok := strings.CutSuffix(name, "-file"); ok {
		kind, isFile = Kind(rest), true
	}
	switch kind {
	case "":
		return Format{Kind: TableKind}, nil
	case TableKind, Wide, JSON, YAML, Name:
		if hasTemplate || isFile {
			break
		}
		return Format{Kind: kind}, nil
	case JSONPath, GoTemplate:
		if template == "" {
			return Format{}, fmt.Errorf("-o %s: a template must follow, as in -o %s=…", name, name)
		}
		if isFile {
			content, err := os.ReadFile(template)
			if err != nil {
				return Format{}, fmt.Errorf("-o %s: %w", name, err)
			}
			template = string(content)
		}
		return Format{Kind: kind, Template: template}, nil
	}
	return Format{}, fmt.Errorf("-o %.64q: must be one of %s", text, strings.Join(Kinds, ", "))
}

// IsForPeople reports whether the format is a table, and not for programs.
func (f Format) IsForPeople() bool { return f.Kind == TableKind || f.Kind == Wide }
