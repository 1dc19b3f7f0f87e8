// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// model is the API model as the JSON file holds it.
type model struct {
	Operations map[string]*operation `json:"operations"`
	Shapes     map[string]*shape     `json:"shapes"`
}

type operation struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Input  string `json:"input"`
	Output string `json:"output"`
}

// shape is a type of the model. Which of its fields count depends on Type.
type shape struct {
	Type      string   `json:"type"`
	Members   members  `json:"members"` // structure
	Exception bool     `json:"exception"`
	Member    string   `json:"member"` // list
	Key       string   `json:"key"`    // map
	Value     string   `json:"value"`
	Enum      []string `json:"enum"` // string
	Min       *int     `json:"min"`  // of a number, or of the length of anything else
	Max       *int     `json:"max"`
}

type member struct {
	Name     string `json:"-"`
	Shape    string `json:"shape"`
	Required bool   `json:"required"`
	Location string `json:"location"` // "uri", "querystring", or empty for the body
}

// members keeps the model's order, which reads better than the alphabet.
type members []member

var errNotObject = errors.New("members are not an object")

// UnmarshalJSON decodes an object member by member.
func (m *members) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(errNotObject, err)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var one member
		if err := dec.Decode(&one); err != nil {
			return err
		}
		one.Name, _ = name.(string)
		*m = append(*m, one)
	}
	return nil
}

// loadModel decodes the model and checks that every reference in it leads somewhere.
func loadModel(data []byte) (*model, error) {
	m := &model{}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("decode model: %w", err)
	}
	for name, op := range m.Operations {
		for _, ref := range []string{op.Input, op.Output} {
			if s := m.Shapes[ref]; s == nil || s.Type != "structure" {
				return nil, fmt.Errorf("operation %s: no structure %q", name, ref)
			}
		}
	}
	for name, s := range m.Shapes {
		if s.isNumber() && (s.Min == nil) != (s.Max == nil) {
			return nil, fmt.Errorf("shape %s: a number with one bound, which no rule checks", name)
		}
		for _, ref := range s.references() {
			if m.Shapes[ref] == nil {
				return nil, fmt.Errorf("shape %s: no shape %q", name, ref)
			}
		}
	}
	return m, nil
}

func (s *shape) isNumber() bool {
	return s.Type == "integer" || s.Type == "long" || s.Type == "float" || s.Type == "double"
}

// references names the shapes that s is made of.
func (s *shape) references() []string {
	switch s.Type {
	case "structure":
		refs := make([]string, 0, len(s.Members))
		for _, m := range s.Members {
			refs = append(refs, m.Shape)
		}
		return refs
	case "list":
		return []string{s.Member}
	case "map":
		return []string{s.Key, s.Value}
	}
	return nil
}

// goType is the Go type of a value of the named shape: scalars as values, structures as values.
func (m *model) goType(name string) (string, error) {
	s := m.Shapes[name]
	switch s.Type {
	case "structure":
		return name, nil
	case "string":
		return "string", nil
	case "integer":
		return "int", nil
	case "long":
		return "int64", nil
	case "float", "double":
		return "float64", nil
	case "boolean":
		return "bool", nil
	case "list":
		elem, err := m.goType(s.Member)
		return "[]" + elem, err
	case "map":
		elem, err := m.goType(s.Value)
		return "map[string]" + elem, err
	}
	return "", fmt.Errorf("shape %s: unknown type %q", name, s.Type)
}

// fieldType is the Go type of a structure's field: nil stands for absent in all of them.
func (m *model) fieldType(name string) (string, error) {
	t, err := m.goType(name)
	if err != nil || m.Shapes[name].Type == "list" || m.Shapes[name].Type == "map" {
		return t, err
	}
	return "*" + t, nil
}

func goName(member string) string { return strings.ToUpper(member[:1]) + member[1:] }
