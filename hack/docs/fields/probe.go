// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// key names a member of a structure.
type key struct{ Structure, Member string }

// finding is what was found out of a member.
type finding struct {
	// Pods are the parts of pods that are different without the member, or with another value of it.
	Pods map[string]bool
	// IsTold reports whether the API's answers are.
	IsTold bool
	// IsNeeded reports whether the request is refused without it.
	IsNeeded bool
	// Refused is what the API says to a request that has it, if it takes none.
	Refused string
}

// prober tries members, one after the other.
type prober struct {
	model    *model
	examples []example
	found    map[key]*finding
}

func (p *prober) finding(k key) *finding {
	if p.found[k] == nil {
		p.found[k] = &finding{Pods: map[string]bool{}}
	}
	return p.found[k]
}

// bare are the examples' definitions with submissions that change nothing of them: what an override hides is seen there.
func bare(examples []example) []example {
	var out []example
	for _, e := range examples {
		if e.Define == nil {
			continue
		}
		submit := object{}
		for _, m := range []string{"jobName", "jobQueue", "jobDefinition", "shareIdentifier"} {
			if value, ok := e.Submit[m]; ok {
				submit[m] = value
			}
		}
		define, _ := copied(e.Define).(object)
		out = append(out, example{Name: e.Name + ", as it is defined", Define: define, Submit: submit})
	}
	return out
}

// copied shares nothing with the value.
func copied(value any) any {
	switch v := value.(type) {
	case object:
		out := object{}
		for k := range v {
			out[k] = copied(v[k])
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = copied(v[i])
		}
		return out
	}
	return value
}

// probe tries every member of every example, and then every member that no example has.
func (p *prober) probe() error {
	for i := range p.examples {
		before, err := play(p.model, p.examples[i])
		if err != nil {
			return fmt.Errorf("example %q is refused: %w", p.examples[i].Name, err)
		}
		err = p.each(i, func(k key, parent object) error { return p.try(i, before, k, parent) })
		if err != nil {
			return fmt.Errorf("example %q: %w", p.examples[i].Name, err)
		}
	}
	for i := range p.examples {
		if err := p.eachStructure(i, func(name string, parent object) error { return p.tryAbsent(i, name, parent) }); err != nil {
			return fmt.Errorf("example %q: %w", p.examples[i].Name, err)
		}
	}
	return nil
}

// try leaves a member out, and gives it another value.
func (p *prober) try(i int, before outcome, k key, parent object) error {
	f := p.finding(k)
	value := parent[k.Member]
	defer func() { parent[k.Member] = value }()
	delete(parent, k.Member)
	after, err := play(p.model, p.examples[i])
	if err := p.compare(f, before, after, err); err != nil {
		return fmt.Errorf("without %s of %s: %w", k.Member, k.Structure, err)
	}
	f.IsNeeded = f.IsNeeded || err != nil
	for _, other := range p.others(k, value) {
		parent[k.Member] = other
		after, err := play(p.model, p.examples[i])
		if err := p.compare(f, before, after, err); err != nil {
			return fmt.Errorf("with %s of %s = %v: %w", k.Member, k.Structure, other, err)
		}
	}
	return nil
}

func (p *prober) compare(f *finding, before, after outcome, err error) error {
	if _, ok := errors.AsType[refusal](err); ok {
		return nil
	}
	if err != nil {
		return err
	}
	differences(before.pods, after.pods, "", f.Pods)
	f.IsTold = f.IsTold || !reflect.DeepEqual(before.told, after.told)
	return nil
}

// tryAbsent puts a member in that no example has.
func (p *prober) tryAbsent(i int, name string, parent object) error {
	for _, m := range slices.Sorted(maps.Keys(p.model.Shapes[name].Members)) {
		k := key{name, m}
		if p.found[k] != nil {
			continue
		}
		parent[m] = p.model.least(p.model.Shapes[name].Members[m].Shape)
		_, err := play(p.model, p.examples[i])
		delete(parent, m)
		refused, ok := errors.AsType[refusal](err)
		switch {
		case err == nil:
			return fmt.Errorf("%s of %s is taken: an example must have it", m, name)
		case !ok:
			return err
		}
		p.finding(k).Refused = string(refused)
	}
	return nil
}

// others are values near to a member's, of its kind.
func (p *prober) others(k key, value any) []any {
	var values []any
	for _, enum := range p.model.Shapes[p.model.Shapes[k.Structure].Members[k.Member].Shape].Enum {
		if enum != value {
			values = append(values, enum)
		}
	}
	if len(values) > 0 {
		return values
	}
	switch v := value.(type) {
	case string:
		if n, err := strconv.ParseFloat(v, 64); err == nil {
			return []any{strconv.FormatFloat(n+1, 'f', -1, 64)}
		}
		return []any{v + "x"}
	case float64:
		return []any{v + 1}
	case bool:
		return []any{!v}
	}
	return nil
}

// each visits every member of an example's requests.
func (p *prober) each(i int, visit func(key, object) error) error {
	return p.eachStructure(i, func(name string, parent object) error {
		for _, m := range slices.Sorted(maps.Keys(parent)) {
			if _, known := p.model.Shapes[name].Members[m]; !known {
				return fmt.Errorf("%s has no member %s", name, m)
			}
			if err := visit(key{name, m}, parent); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachStructure visits every structure in an example's requests.
func (p *prober) eachStructure(i int, visit func(string, object) error) error {
	for _, op := range operations {
		if input := *op.of(&p.examples[i]); input != nil {
			if err := p.walk(p.model.Operations[op.name].Input, input, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *prober) walk(name string, value any, visit func(string, object) error) error {
	s := p.model.Shapes[name]
	switch v := value.(type) {
	case object:
		if s.Type == "structure" {
			if err := visit(name, v); err != nil {
				return err
			}
		}
		for _, m := range slices.Sorted(maps.Keys(v)) {
			next := s.Value
			if s.Type == "structure" {
				next = s.Members[m].Shape
			}
			if err := p.walk(next, v[m], visit); err != nil {
				return err
			}
		}
	case []any:
		for _, element := range v {
			if err := p.walk(s.Member, element, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// differences notes where two documents differ, without the indexes of lists and no deeper than a field of a container.
func differences(a, b any, at string, into map[string]bool) {
	if reflect.DeepEqual(a, b) {
		return
	}
	x, isObject := a.(object)
	y, isAlso := b.(object)
	if isObject && isAlso {
		for _, k := range slices.Sorted(maps.Keys(merged(x, y))) {
			differences(x[k], y[k], join(at, k), into)
		}
		return
	}
	l, isList := a.([]any)
	r, isAlso := b.([]any)
	if isList && isAlso && len(l) == len(r) && isStructures(l) && isStructures(r) {
		for i := range l {
			differences(l[i], r[i], at+"[]", into)
		}
		return
	}
	if at == "" {
		at = everyPod
	}
	into[strings.TrimPrefix(at, "[].")] = true
}

// everyPod stands for what there is of pods: how many.
const everyPod = "how many there are"

func isStructures(list []any) bool {
	return !slices.ContainsFunc(list, func(v any) bool { _, ok := v.(object); return !ok })
}

func merged(a, b object) object {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

func join(at, k string) string {
	if strings.ContainsAny(k, "./") {
		return at + "[" + k + "]"
	}
	return at + "." + k
}
