// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// anyCase holds the enums whose values real clients send in the other case.
var anyCase = map[string]bool{"RetryAction": true}

// bounds are the limits of a shape; max is negative when there is none.
type bounds struct{ min, max int }

// bounds returns the limits of s that are checked, and whether there are any. A map's lower bound is not: clients send
// empty tags.
func (s *shape) bounds() (bounds, bool) {
	b := bounds{max: -1}
	if s.Min != nil && s.Type != "map" {
		b.min = *s.Min
	}
	if s.Max != nil {
		b.max = *s.Max
	}
	return b, b.min > 0 || b.max >= 0
}

func (b bounds) args() string { return fmt.Sprintf("%d, %d", b.min, b.max) }

func (b bounds) String() string {
	switch {
	case b.max < 0:
		return fmt.Sprintf("at least %d", b.min)
	case b.min == 0:
		return fmt.Sprintf("at most %d", b.max)
	}
	return fmt.Sprintf("%d to %d", b.min, b.max)
}

// validated reports whether the structure gets a Validate method: every request, and what requests hold if it has rules.
func (p *planner) validated(name string) bool {
	if !p.inputs[name] {
		return false
	}
	if _, root := p.roots[name]; root {
		return true
	}
	for _, m := range p.Shapes[name].Members {
		if len(p.rules(m)) > 0 {
			return true
		}
	}
	return false
}

// rules are the checks of one member, each a Go expression that gives an error.
func (p *planner) rules(m member) []string {
	var out []string
	field := "v." + goName(m.Name)
	if m.Required {
		out = append(out, fmt.Sprintf("required(%q, %s != nil)", m.Name, field))
	}
	switch s := p.Shapes[m.Shape]; s.Type {
	case "structure":
		if p.validated(m.Shape) {
			out = append(out, fmt.Sprintf("nested(%q, %s)", m.Name, field))
		}
	case "string":
		if len(s.Enum) > 0 {
			out = append(out, enumRule(m, field))
		}
		if b, ok := s.bounds(); ok {
			out = append(out, fmt.Sprintf("length(%q, %s, %s)", m.Name, field, b.args()))
		}
	case "integer", "long":
		if b, ok := s.bounds(); ok {
			out = append(out, fmt.Sprintf("between(%q, %s, %s)", m.Name, field, b.args()))
		}
	case "list":
		out = append(out, p.listRules(m, s, field)...)
	case "map":
		out = append(out, p.mapRules(m, s, field)...)
	}
	return out
}

func enumRule(m member, field string) string {
	check := "oneOf"
	if anyCase[m.Shape] {
		check = "oneOfAnyCase"
	}
	return fmt.Sprintf("%s(%q, %s, %s[:])", check, m.Name, field, enumVar(m.Shape))
}

func (p *planner) listRules(m member, s *shape, field string) []string {
	var out []string
	if b, ok := s.bounds(); ok {
		out = append(out, fmt.Sprintf("count(%q, %s != nil, len(%s), %s)", m.Name, field, field, b.args()))
	}
	switch elem := p.Shapes[s.Member]; {
	case elem.Type == "structure" && p.validated(s.Member):
		out = append(out, fmt.Sprintf("each(%q, %s)", m.Name, field))
	case len(elem.Enum) > 0:
		out = append(out, fmt.Sprintf("eachOneOf(%q, %s, %s[:])", m.Name, field, enumVar(s.Member)))
	case elem.Type == "string":
		if b, ok := elem.bounds(); ok {
			out = append(out, fmt.Sprintf("eachLength(%q, %s, %s)", m.Name, field, b.args()))
		}
	}
	return out
}

func (p *planner) mapRules(m member, s *shape, field string) []string {
	var out []string
	if b, ok := s.bounds(); ok {
		out = append(out, fmt.Sprintf("count(%q, %s != nil, len(%s), %s)", m.Name, field, field, b.args()))
	}
	if b, ok := p.Shapes[s.Key].bounds(); ok {
		out = append(out, fmt.Sprintf("keyLength(%q, %s, %s)", m.Name, field, b.args()))
	}
	if value := p.Shapes[s.Value]; value.Type == "string" {
		if b, ok := value.bounds(); ok {
			out = append(out, fmt.Sprintf("valueLength(%q, %s, %s)", m.Name, field, b.args()))
		}
	}
	return out
}

// note repeats the rules of a member for the reader of the struct.
func (p *planner) note(m member) string {
	var out []string
	if m.Required {
		out = append(out, "required")
	}
	s := p.Shapes[m.Shape]
	if s.Type == "list" && len(p.Shapes[s.Member].Enum) > 0 {
		out = append(out, "each one of "+strings.Join(p.Shapes[s.Member].Enum, ", "))
	}
	if len(s.Enum) > 0 {
		out = append(out, "one of "+strings.Join(s.Enum, ", "))
	}
	if b, ok := s.bounds(); ok {
		unit := map[string]string{"string": " characters", "list": " items", "map": " entries"}[s.Type]
		out = append(out, b.String()+unit)
	}
	return strings.Join(out, "; ")
}

func enumVar(shape string) string { return "values" + shape }
