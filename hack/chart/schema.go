// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// value is one of the chart's values: as the schema has it, in the schema's order.
type value struct {
	path        string // by dots; empty for the whole
	description string
	rule        string // what the schema says of it beyond its type, in words
	def         *yaml.Node
	members     []value // of one that has no default of its own
}

// notDocumented are values that are not the user's to give.
var notDocumented = map[string]bool{"global": true}

// parseSchema reads a schema. JSON is YAML, whose nodes keep their order.
func parseSchema(text []byte) (*value, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if len(document.Content) != 1 {
		return nil, errors.New("it is empty")
	}
	return parseValue("", document.Content[0])
}

func parseValue(path string, node *yaml.Node) (*value, error) {
	v := &value{path: path, description: scalar(node, "description"), rule: ruleOf(node), def: member(node, "default")}
	properties := member(node, "properties")
	if properties == nil {
		if v.def == nil || v.description == "" {
			return nil, fmt.Errorf("%s needs a description and a default", path)
		}
		return v, nil
	}
	for i := 0; i+1 < len(properties.Content); i += 2 {
		name := properties.Content[i].Value
		if notDocumented[name] {
			continue
		}
		sub, err := parseValue(strings.TrimPrefix(path+"."+name, "."), properties.Content[i+1])
		if err != nil {
			return nil, err
		}
		v.members = append(v.members, *sub)
	}
	return v, nil
}

// member is what a mapping has under a key; nil if it has nothing.
func member(node *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

func scalar(node *yaml.Node, key string) string {
	if found := member(node, key); found != nil {
		return found.Value
	}
	return ""
}

// ruleOf puts an enumeration or bounds into words.
func ruleOf(node *yaml.Node) string {
	if enum := member(node, "enum"); enum != nil {
		var words []string
		for _, one := range enum.Content {
			if one.Value != "" {
				words = append(words, one.Value)
			}
		}
		return "one of " + strings.Join(words, ", ")
	}
	if least, most := scalar(node, "minimum"), scalar(node, "maximum"); least != "" && most != "" {
		return least + " to " + most
	}
	return ""
}

// values is values.yaml: every default below what it is for.
func (v *value) values() ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("# What may be given to the chart, with its defaults. Written from values.schema.json, by which helm checks what it is given.\n")
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(v.node()); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

func (v *value) node() *yaml.Node {
	if len(v.members) == 0 {
		return plain(v.def)
	}
	node := &yaml.Node{Kind: yaml.MappingNode}
	for i := range v.members {
		m := &v.members[i]
		comment := m.description
		if m.rule != "" {
			comment += " (" + m.rule + ")"
		}
		node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: m.name(), HeadComment: wrap(comment)}, m.node())
	}
	return node
}

func (v *value) name() string { return v.path[strings.LastIndexByte(v.path, '.')+1:] }

// plain is a node as one writes YAML by hand: JSON's quotes and braces go where they are not needed.
func plain(node *yaml.Node) *yaml.Node {
	out := *node
	out.Style = 0
	if out.Kind == yaml.ScalarNode && out.Tag == "!!str" && out.Value == "" {
		out.Style = yaml.DoubleQuotedStyle
	}
	out.Content = nil
	for _, sub := range node.Content {
		out.Content = append(out.Content, plain(sub))
	}
	return &out
}

// wrap breaks a comment into lines.
func wrap(text string) string {
	const width = 110
	var lines []string
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width && line != "#" {
			lines, line = append(lines, line), "#"
		}
		line += " " + word
	}
	return strings.Join(append(lines, line), "\n")
}

// table is the table of all values for docs.
func (v *value) table() string {
	var out strings.Builder
	out.WriteString("| value | default | |\n|---|---|---|\n")
	v.rows(&out)
	return out.String()
}

func (v *value) rows(out *strings.Builder) {
	for i := range v.members {
		m := &v.members[i]
		if len(m.members) > 0 {
			m.rows(out)
			continue
		}
		text := m.description
		if m.rule != "" {
			text += " (" + m.rule + ")"
		}
		fmt.Fprintf(out, "| `%s` | %s | %s |\n", m.path, code(m.def), strings.ReplaceAll(text, "|", `\|`))
	}
}

// code is a default on one line; nothing, if it is empty.
func code(node *yaml.Node) string {
	var any any
	if err := node.Decode(&any); err != nil {
		return ""
	}
	text, err := json.Marshal(any)
	if s := string(text); err != nil || s == `""` || s == "[]" || s == "{}" {
		return ""
	}
	if node.Kind == yaml.ScalarNode {
		return "`" + node.Value + "`"
	}
	return "`" + string(text) + "`"
}

// The table stands between these lines.
const (
	tableBegins = "<!-- values: written by make generate -->\n"
	tableEnds   = "<!-- end of values -->\n"
)

// replaceTable puts the table in its place in a page.
func replaceTable(page, table string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(text), tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return fmt.Errorf("%s has no place for the table of values", page)
	}
	return os.WriteFile(page, []byte(before+tableBegins+table+tableEnds+after), 0o644)
}
