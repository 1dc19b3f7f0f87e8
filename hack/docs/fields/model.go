// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
)

// model is the model of the API, as far as requests are concerned.
type model struct {
	Operations map[string]struct {
		Path  string `json:"path"`
		Input string `json:"input"`
	} `json:"operations"`
	Shapes map[string]*shape `json:"shapes"`
}

type shape struct {
	Type    string            `json:"type"`
	Members map[string]member `json:"members"` // of a structure
	Member  string            `json:"member"`  // of a list
	Value   string            `json:"value"`   // of a map
	Enum    []string          `json:"enum"`
	Min     *int              `json:"min"`
}

type member struct {
	Shape    string `json:"shape"`
	Required bool   `json:"required"`
}

func loadModel(file string) (*model, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	m := &model{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return m, nil
}

// structure is the structure that a shape is, or is made of; nil for others.
func (m *model) structure(name string) (string, *shape) {
	for {
		switch s := m.Shapes[name]; s.Type {
		case "structure":
			return name, s
		case "list":
			name = s.Member
		case "map":
			name = s.Value
		default:
			return "", nil
		}
	}
}

// structures are those that an operation's request is made of, the request itself first, each once.
func (m *model) structures(operation string) []string {
	var found []string
	var visit func(string)
	visit = func(name string) {
		name, s := m.structure(name)
		if s == nil || slices.Contains(found, name) {
			return
		}
		found = append(found, name)
		for _, key := range slices.Sorted(maps.Keys(s.Members)) {
			visit(s.Members[key].Shape)
		}
	}
	visit(m.Operations[operation].Input)
	return found
}

// least is a small value of a shape that the model allows.
func (m *model) least(name string) any {
	switch s := m.Shapes[name]; s.Type {
	case "structure":
		out := object{}
		for key, of := range s.Members {
			if of.Required {
				out[key] = m.least(of.Shape)
			}
		}
		if first := slices.Sorted(maps.Keys(s.Members)); len(out) == 0 && len(first) > 0 { // an empty one may say nothing
			out[first[0]] = m.least(s.Members[first[0]].Shape)
		}
		return out
	case "list":
		return []any{m.least(s.Member)}
	case "map":
		return object{"x": m.least(s.Value)}
	case "boolean":
		return true
	case "integer", "long", "float", "double":
		return 1.0
	default:
		if len(s.Enum) > 0 {
			return s.Enum[0]
		}
		return "x"
	}
}

// object is an object of JSON.
type object = map[string]any
