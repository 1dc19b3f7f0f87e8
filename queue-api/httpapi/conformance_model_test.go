// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// apiModel is the model of the API that package awsapi is generated from.
type apiModel struct {
	Operations map[string]apiOperation `json:"operations"`
	Shapes     map[string]*apiShape    `json:"shapes"`
}

type apiOperation struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Input  string `json:"input"`
	Output string `json:"output"`
}

type apiShape struct {
	Type    string               `json:"type"`
	Members map[string]apiMember `json:"members"` // structure
	Member  string               `json:"member"`  // list
	Key     string               `json:"key"`     // map
	Value   string               `json:"value"`
	Enum    []string             `json:"enum"`
	Min     *int                 `json:"min"`
	Max     *int                 `json:"max"`
}

type apiMember struct {
	Shape    string `json:"shape"`
	Required bool   `json:"required"`
	Location string `json:"location"` // empty: in the body
}

func loadModel(tb testing.TB) *apiModel {
	tb.Helper()
	data, err := os.ReadFile("../../hack/generate/aws-batch-model.json")
	if err != nil {
		tb.Fatal(err)
	}
	m := &apiModel{}
	if err := json.Unmarshal(data, m); err != nil {
		tb.Fatal(err)
	}
	return m
}

// object is a JSON object.
type object = map[string]any

// least is the smallest value of a shape that the model allows.
func (m *apiModel) least(name string) any {
	switch s := m.Shapes[name]; s.Type {
	case "structure":
		out := object{}
		for member, of := range s.Members {
			if of.Required && of.Location == "" {
				out[member] = m.least(of.Shape)
			}
		}
		return out
	case "string":
		if len(s.Enum) > 0 {
			return s.Enum[0]
		}
		return "x"
	case "boolean":
		return true
	case "list":
		return []any{}
	case "map":
		return object{}
	}
	return 1
}

// fault is a request that breaks one rule of the model, and what its refusal says.
type fault struct {
	name string
	body any
	want string
}

// faults are all the ways to break one rule of an operation's input, and edges the requests that just do not: each value of
// each enum, each bound; what they want must not be said.
func (m *apiModel) faults(input string) (faults, edges []fault) {
	f := &faultFinder{model: m}
	f.structure(input, place{with: func(v any) any { return v }})
	return f.found, f.edges
}

// place is somewhere in a request.
type place struct {
	path   string // as messages say it
	member string // of a structure, that it is or is in
	// with puts a value there and gives the whole request, which is valid otherwise.
	with func(v any) any
}

// absent stands for a member that is not there.
type absent struct{}

type faultFinder struct {
	model *apiModel
	found []fault
	edges []fault
}

func (f *faultFinder) add(p place, what string, value any, rule string) {
	f.found = append(f.found, fault{name: p.path + " " + what, body: p.with(value), want: rule})
}

// broken adds a value that breaks a rule of the model.
func (f *faultFinder) broken(p place, what string, value any, rule string) {
	f.add(p, what, value, "Exception : "+p.path+": "+rule)
}

// allowed adds a value that only just follows the rules of the model.
func (f *faultFinder) allowed(p place, what string, value any) {
	f.edges = append(f.edges, fault{name: p.path + " " + what, body: p.with(value), want: "Exception : " + p.path + ": must "})
}

// mistyped adds values of the wrong JSON types.
func (f *faultFinder) mistyped(p place, wanted string, values ...any) {
	for _, v := range values {
		text, _ := json.Marshal(v) // what was made by hand encodes
		f.add(p, "is "+string(text), v, p.member+" must be "+wanted)
	}
}

func (f *faultFinder) structure(name string, p place) {
	members := f.model.Shapes[name].Members
	for _, member := range slices.Sorted(maps.Keys(members)) {
		of := members[member]
		if of.Location != "" {
			continue
		}
		child := place{path: strings.TrimPrefix(p.path+"."+member, "."), member: member, with: func(v any) any {
			out, _ := f.model.least(name).(object)
			out[member] = v
			if v == (absent{}) {
				delete(out, member)
			}
			return p.with(out)
		}}
		if of.Required {
			f.broken(child, "is absent", absent{}, "is required")
			f.broken(child, "is null", nil, "is required")
		}
		f.value(of.Shape, child)
	}
}

func (f *faultFinder) value(name string, p place) {
	switch s := f.model.Shapes[name]; s.Type {
	case "structure":
		f.mistyped(p, "an object", "x", 1, true, []any{})
		f.structure(name, p)
	case "string":
		f.text(name, s, p)
	case "integer", "long":
		f.mistyped(p, "an integer", "1", 1.5, true, object{}, json.Number("9223372036854775808"))
		if s.Min != nil {
			f.broken(p, "is too small", *s.Min-1, "must be ")
			f.broken(p, "is too large", *s.Max+1, "must be ")
			f.allowed(p, "is just small enough", *s.Max)
			f.allowed(p, "is just large enough", *s.Min)
		}
	case "float", "double":
		f.mistyped(p, "a number", "1", true, []any{})
	case "boolean":
		f.mistyped(p, "true or false", "true", 1, object{})
	case "list":
		f.mistyped(p, "a list", "x", 1, object{})
		f.value(s.Member, place{path: p.path + "[0]", member: p.member, with: func(v any) any { return p.with([]any{v}) }})
	case "map":
		f.entries(s, p)
	}
}

func (f *faultFinder) text(name string, s *apiShape, p place) {
	f.mistyped(p, "a string", 1, true, object{}, []any{})
	for _, v := range s.Enum {
		f.allowed(p, "is "+v, v)
	}
	if len(s.Enum) > 0 {
		f.broken(p, "is no value", "NO_SUCH_VALUE", "must be one of ")
		f.broken(p, "is empty", "", "must be one of ")
		if name != "RetryAction" { // clients send it in lower case
			f.broken(p, "is in the other case", swapCase(s.Enum[0]), "must be one of ")
		}
	}
	if s.Min != nil && *s.Min > 0 {
		f.broken(p, "is too short", "", "must have ")
	}
	if s.Max != nil {
		f.broken(p, "is too long", strings.Repeat("x", *s.Max+1), "must have ")
		f.allowed(p, "is just short enough", strings.Repeat("é", *s.Max))
	}
}

func (f *faultFinder) entries(s *apiShape, p place) {
	f.mistyped(p, "an object", "x", 1, []any{})
	if s.Max != nil {
		many := object{}
		for i := range *s.Max + 1 {
			many[strconv.Itoa(i)] = f.model.least(s.Value)
		}
		f.broken(p, "has too many entries", many, "must have ")
		f.allowed(p, "has no entries", object{})
	}
	if key := f.model.Shapes[s.Key]; key.Max != nil {
		f.broken(p, "has an empty key", object{"": f.model.least(s.Value)}, "every key must have ")
		f.broken(p, "has a long key", object{strings.Repeat("k", *key.Max+1): f.model.least(s.Value)}, "every key must have ")
	}
	f.value(s.Value, place{path: p.path + `["k"]`, member: p.member, with: func(v any) any { return p.with(object{"k": v}) }})
}

func swapCase(s string) string {
	if up := strings.ToUpper(s); up != s {
		return up
	}
	return strings.ToLower(s)
}

// variants are valid requests made from one, each with something more that must be ignored: a member that the model does
// not know in one of its structures, or a null for a member that it does not have.
func (m *apiModel) variants(input string, body object) []fault {
	var out []fault
	m.eachStructure(input, body, func(name string, o object, path string) {
		vary := func(what, member string, v any) {
			o[member] = v
			out = append(out, fault{name: path + " " + what + " " + member, body: deepCopy(body)})
			delete(o, member)
		}
		vary("has an unknown", "zzUnknown", object{"a": []any{1}})
		for _, member := range slices.Sorted(maps.Keys(m.Shapes[name].Members)) {
			if _, given := o[member]; !given && m.Shapes[name].Members[member].Location == "" {
				vary("has a null", member, nil)
			}
		}
	})
	return out
}

// eachStructure visits every structure of a value.
func (m *apiModel) eachStructure(name string, v any, visit func(name string, o object, path string)) {
	var walk func(name string, v any, path string)
	walk = func(name string, v any, path string) {
		s := m.Shapes[name]
		switch v := v.(type) {
		case object:
			if s.Type == "structure" {
				visit(name, v, path)
			}
			for _, key := range slices.Sorted(maps.Keys(v)) {
				of := s.Value
				if s.Type == "structure" {
					of = s.Members[key].Shape
				}
				walk(of, v[key], path+"."+key)
			}
		case []any:
			for i := range v {
				walk(s.Member, v[i], fmt.Sprintf("%s[%d]", path, i))
			}
		}
	}
	walk(name, v, name)
}

func deepCopy(o object) object {
	data, _ := json.Marshal(o) // what came from JSON encodes
	var out object
	_ = json.Unmarshal(data, &out)
	return out
}

// lateMembers are required by the model, yet AWS Batch leaves them out until they are known.
var lateMembers = map[string]bool{"JobDetail.startedAt": true}

// mismatch says how a reply differs from its shape; empty if it does not.
func (m *apiModel) mismatch(name string, v any, path string) string {
	s := m.Shapes[name]
	switch v := v.(type) {
	case object:
		if s.Type != "structure" && s.Type != "map" {
			break
		}
		return m.memberMismatch(name, s, v, path)
	case []any:
		if s.Type != "list" {
			break
		}
		for i := range v {
			if wrong := m.mismatch(s.Member, v[i], fmt.Sprintf("%s[%d]", path, i)); wrong != "" {
				return wrong
			}
		}
		return ""
	case string:
		switch {
		case s.Type != "string":
		case len(s.Enum) > 0 && !slices.ContainsFunc(s.Enum, func(e string) bool { return strings.EqualFold(e, v) }):
			return path + " has the unknown value " + v
		default:
			return ""
		}
	case bool:
		if s.Type == "boolean" {
			return ""
		}
	case json.Number:
		_, err := v.Int64()
		if isWhole := s.Type == "integer" || s.Type == "long"; isWhole && err == nil || s.Type == "float" || s.Type == "double" {
			return ""
		}
	}
	return fmt.Sprintf("%s is %v, not of type %s", path, v, s.Type)
}

func (m *apiModel) memberMismatch(name string, s *apiShape, v object, path string) string {
	for member, of := range s.Members {
		if _, given := v[member]; of.Required && !given && !lateMembers[name+"."+member] {
			return path + " has no " + member
		}
	}
	for key, value := range v {
		of := s.Value
		if s.Type == "structure" {
			member, known := s.Members[key]
			if !known {
				return path + " has the unknown member " + key
			}
			of = member.Shape
		}
		if wrong := m.mismatch(of, value, path+"."+key); wrong != "" {
			return wrong
		}
	}
	return ""
}
