// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const small = `{
  "type": "object",
  "properties": {
    "global": {"type": "object"},
    "program": {
      "description": "A program.",
      "type": "object",
      "properties": {
        "replicas": {"type": "integer", "description": "How many.", "default": 1, "minimum": 1, "maximum": 9},
        "level": {"type": "string", "description": "A level.", "default": "", "enum": ["", "low", "high"]},
        "resources": {"type": "object", "description": "What it needs, a | b.", "default": {"requests": {"cpu": "1"}}}
      }
    }
  }
}`

func TestValuesAndTable(t *testing.T) {
	t.Parallel()
	schema, err := parseSchema([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	values, err := schema.values()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(values), "\n")
	wantValues := `# A program.
program:
  # How many. (1 to 9)
  replicas: 1
  # A level. (one of low, high)
  level: ""
  # What it needs, a | b.
  resources:
    requests:
      cpu: "1"
`
	if diff := cmp.Diff(wantValues, rest); diff != "" {
		t.Errorf("values (-want +got)\n%s", diff)
	}
	wantTable := "| value | default | |\n|---|---|---|\n" +
		"| `program.replicas` | `1` | How many. (1 to 9) |\n" +
		"| `program.level` |  | A level. (one of low, high) |\n" +
		"| `program.resources` | `{\"requests\":{\"cpu\":\"1\"}}` | What it needs, a \\| b. |\n"
	if diff := cmp.Diff(wantTable, schema.table()); diff != "" {
		t.Errorf("table (-want +got)\n%s", diff)
	}
}

func TestValueWithoutDescriptionIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"properties": {"a": {"default": 1}}}`, `{"properties": {"a": {"description": "It is."}}}`, ``} {
		if _, err := parseSchema([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
