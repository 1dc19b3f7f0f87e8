// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// shared is the group of structures that several groups use.
const shared = "shared"

// groups gives each operation the file of the first noun in its name.
var groups = []struct{ noun, file string }{
	{"QuotaShare", "quota_share"},
	{"ServiceEnvironment", "service_job"},
	{"ServiceJob", "service_job"},
	{"ConsumableResource", "consumable_resource"},
	{"SchedulingPolic", "scheduling_policy"},
	{"ComputeEnvironment", "compute_environment"},
	{"JobQueue", "job_queue"},
	{"JobDefinition", "job_definition"},
	{"Tag", "tag"},
	{"tag", "tag"},
	{"Job", "job"},
}

// plan is what is to be written, in order.
type plan struct {
	Operations []operationPlan
	Files      map[string][]structPlan // by group
	Enums      []enumPlan
}

type operationPlan struct{ Name, Method, Path, Input string }

type enumPlan struct {
	Name   string
	Var    string // array of the values; empty when no rule needs it
	Values []valuePlan
}

type valuePlan struct{ Name, Value string }

type structPlan struct {
	Name      string
	Doc       string
	Fields    []fieldPlan
	Validated bool     // has a Validate method
	Rules     []string // its checks, as Go expressions
}

type fieldPlan struct{ Name, Type, Tag, Note string }

// planner walks the model from the operations down.
type planner struct {
	*model
	roots   map[string]string              // request or response → its doc sentence
	inputs  map[string]bool                // structures that a request can hold
	groups  map[string]map[string]bool     // structure → groups that reach it
	parents map[string]map[string]struct{} // structure → structures that hold it
	enums   map[string]bool                // enum → whether a request can hold it, so that a rule names it
}

func newPlan(m *model) (*plan, error) {
	p := &planner{
		model: m, roots: map[string]string{}, inputs: map[string]bool{}, groups: map[string]map[string]bool{},
		parents: map[string]map[string]struct{}{}, enums: map[string]bool{},
	}
	out := &plan{Files: map[string][]structPlan{}}
	for _, name := range slices.Sorted(maps.Keys(m.Operations)) {
		op := m.Operations[name]
		group, err := groupOf(name)
		if err != nil {
			return nil, err
		}
		out.Operations = append(out.Operations, operationPlan{Name: name, Method: op.Method, Path: op.Path, Input: op.Input})
		p.roots[op.Input] = fmt.Sprintf("%s is the input of %s.", op.Input, name)
		p.roots[op.Output] = fmt.Sprintf("%s is the output of %s.", op.Output, name)
		p.visit(op.Input, group, true)
		p.visit(op.Output, group, false)
	}
	for _, name := range p.order() {
		s, err := p.structure(name)
		if err != nil {
			return nil, err
		}
		file := p.file(name)
		out.Files[file] = append(out.Files[file], s)
	}
	for _, name := range slices.Sorted(maps.Keys(p.enums)) {
		out.Enums = append(out.Enums, p.enum(name))
	}
	return out, nil
}

func groupOf(operation string) (string, error) {
	for _, g := range groups {
		if strings.Contains(operation, g.noun) {
			return g.file, nil
		}
	}
	return "", fmt.Errorf("operation %s: no group for its name", operation)
}

// visit notes who reaches the named shape and all below it.
func (p *planner) visit(name, group string, input bool) {
	s := p.Shapes[name]
	if s.Type == "structure" {
		if p.groups[name][group] && (p.inputs[name] || !input) {
			return
		}
		if p.groups[name] == nil {
			p.groups[name] = map[string]bool{}
			p.parents[name] = map[string]struct{}{}
		}
		p.groups[name][group] = true
		p.inputs[name] = p.inputs[name] || input
	}
	if len(s.Enum) > 0 {
		p.enums[name] = p.enums[name] || input
	}
	for _, ref := range s.references() {
		p.visit(ref, group, input)
		if s.Type == "structure" {
			if child := p.structureWithin(ref); child != "" {
				p.parents[child][name] = struct{}{}
			}
		}
	}
}

// structureWithin finds the structure that the named list or map holds, or that it is.
func (p *planner) structureWithin(name string) string {
	switch s := p.Shapes[name]; s.Type {
	case "structure":
		return name
	case "list":
		return p.structureWithin(s.Member)
	case "map":
		return p.structureWithin(s.Value)
	}
	return ""
}

// order lists the requests and responses by operation, then the structures that they hold by name.
func (p *planner) order() []string {
	return slices.SortedFunc(maps.Keys(p.groups), func(a, b string) int {
		_, aRoot := p.roots[a]
		_, bRoot := p.roots[b]
		if aRoot != bRoot {
			if aRoot {
				return -1
			}
			return 1
		}
		return cmp.Compare(a, b)
	})
}

func (p *planner) file(name string) string {
	if len(p.groups[name]) > 1 {
		return shared
	}
	for g := range p.groups[name] {
		return g
	}
	return shared
}

func (p *planner) structure(name string) (structPlan, error) {
	out := structPlan{Name: name, Doc: p.doc(name), Validated: p.validated(name)}
	for _, m := range p.Shapes[name].Members {
		t, err := p.fieldType(m.Shape)
		if err != nil {
			return out, fmt.Errorf("member %s.%s: %w", name, m.Name, err)
		}
		tag := m.Name + ",omitzero"
		if m.Location != "" {
			tag = "-" // set from the URL, never from the body
		}
		out.Fields = append(out.Fields, fieldPlan{Name: goName(m.Name), Type: t, Tag: tag, Note: p.note(m)})
		if out.Validated {
			out.Rules = append(out.Rules, p.rules(m)...)
		}
	}
	return out, nil
}

// enum names each value by its shape and its own spelling, so that either finds it.
func (p *planner) enum(name string) enumPlan {
	out := enumPlan{Name: name}
	if p.enums[name] {
		out.Var = enumVar(name)
	}
	for _, v := range p.Shapes[name].Enum {
		out.Values = append(out.Values, valuePlan{Name: name + goName(strings.ReplaceAll(v, "-", "_")), Value: v})
	}
	return out
}

// doc says what a structure is: whose input or output, or which structures hold it.
func (p *planner) doc(name string) string {
	if doc, ok := p.roots[name]; ok {
		return doc
	}
	parents := slices.Sorted(maps.Keys(p.parents[name]))
	last := len(parents) - 1
	switch {
	case last == 0:
		return name + " is part of " + parents[0] + "."
	case last < 4:
		return name + " is part of " + strings.Join(parents[:last], ", ") + " and " + parents[last] + "."
	}
	return fmt.Sprintf("%s is part of %d structures.", name, len(parents))
}
