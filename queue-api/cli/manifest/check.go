// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// newDocument makes a document of what was read, held to the API's own forms.
func newDocument(value map[string]any, source string) (Document, error) {
	name, _ := value[memberKind].(string)
	if name == "" {
		return Document{}, fmt.Errorf("%s: kind: is required, one of %s", source, kindNames())
	}
	i := slices.IndexFunc(Kinds, func(k *Kind) bool { return k.Name == name })
	if i < 0 {
		return Document{}, fmt.Errorf("%s: kind: %.64q must be one of %s", source, name, kindNames())
	}
	k := Kinds[i]
	if version, ok := value[memberVersion]; ok && version != APIVersion {
		return Document{}, fmt.Errorf("%s: apiVersion: must be %s or absent", source, APIVersion)
	}
	d := Document{Kind: k, Source: source}
	body := maps.Clone(value)
	delete(body, memberVersion)
	delete(body, memberKind)
	var err error
	if d.Body, err = k.settable(body); err != nil {
		return d, fmt.Errorf("%s (%s %s): %w", source, k.Name, k.NameOf(body), err)
	}
	d.Name = k.NameOf(d.Body)
	if d.Name == "" {
		return d, fmt.Errorf("%s (%s): %s: is required", source, k.Name, k.nameMember)
	}
	return d, nil
}

// settable leaves of a body what can be set, having seen that every member is one that the API knows, and of its form.
func (k *Kind) settable(body map[string]any) (map[string]any, error) {
	out := map[string]any{}
	create := typeOf(k.newCreate())
	for _, member := range slices.Sorted(maps.Keys(body)) {
		value := body[member]
		if value == nil {
			continue
		}
		in, settable := k.memberType(member)
		if !settable {
			if _, shown := fieldOf(k.detail, member); shown {
				continue
			}
			return nil, unknown(member, create)
		}
		shape := value
		if tags, ok := value.(map[string]any); ok && member == memberTags {
			value, shape = ownTags(tags), given(tags)
		}
		if err := checkShape(member, shape, in); err != nil {
			return nil, err
		}
		out[member] = value
	}
	return out, k.validate(out)
}

// memberType is that of a member that can be set, at creation or later.
func (k *Kind) memberType(member string) (reflect.Type, bool) {
	if t, ok := fieldOf(typeOf(k.newCreate()), member); ok {
		return t, true
	}
	if k.newUpdate == nil || member == k.named {
		return nil, false
	}
	if k == ConsumableResource { // its update is of another form
		return nil, false
	}
	return fieldOf(typeOf(k.newUpdate()), member)
}

// ownTags leaves out tags that are the service's.
func ownTags(tags map[string]any) map[string]any {
	tags = maps.Clone(tags)
	maps.DeleteFunc(tags, func(key string, _ any) bool { return strings.HasPrefix(key, "aws:") })
	return tags
}

// validate holds a body to the requests that it will be sent in.
func (k *Kind) validate(body map[string]any) error {
	create, update := map[string]any{}, map[string]any{}
	for member, value := range body {
		if tags, ok := value.(map[string]any); ok && member == memberTags {
			value = given(tags)
		}
		if _, ok := fieldOf(typeOf(k.newCreate()), member); ok {
			create[member] = value
		} else {
			update[member] = value
		}
	}
	in := k.newCreate()
	if err := decodeInto(create, in); err != nil {
		return err
	}
	if err := in.Validate(); err != nil {
		return err
	}
	if len(update) == 0 {
		return nil
	}
	return decodeInto(update, k.newUpdate())
}

// given are the tags that are not to be taken away.
func given(tags map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range tags {
		if value != nil {
			out[key] = value
		}
	}
	return out
}

// decodeInto decodes a body, whose form was checked, into a request struct.
func decodeInto(body map[string]any, in any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	err = json.Unmarshal(encoded, in)
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok { // a number with a fraction, or too large
		return fmt.Errorf("%s: must be %s, not %s", mismatch.Field, wanted(mismatch.Type), mismatch.Value)
	}
	return err
}

// wanted says what JSON a Go value is read from.
func wanted(t reflect.Type) string {
	switch t.Kind() { //nolint:exhaustive // awsapi has no others
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}

// mismatch says that a value is not of the form that is wanted.
func mismatch(path string, value any, t reflect.Type) error {
	is := map[reflect.Kind]string{reflect.Bool: "a boolean", reflect.String: "a string", reflect.Map: "an object", reflect.Slice: "a list"}[reflect.TypeOf(value).Kind()]
	if _, ok := value.(json.Number); ok {
		is = "a number"
	}
	if t.Kind() == reflect.String && (is == "a number" || is == "a boolean") {
		is += ": put it in quotes"
	}
	return fmt.Errorf("%s: must be %s, not %s", path, wanted(t), is)
}

// checkShape refuses what is not of the API's form, and members that it does not know, at any depth: the server would ignore them.
func checkShape(path string, value any, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch value := value.(type) {
	case map[string]any:
		switch t.Kind() { //nolint:exhaustive // others are not of its form
		case reflect.Map:
			return checkMap(path, value, t.Elem())
		case reflect.Struct:
			return checkMembers(path, value, t)
		}
	case []any:
		if t.Kind() == reflect.Slice {
			return checkItems(path, value, t.Elem())
		}
	case string:
		if t.Kind() == reflect.String {
			return nil
		}
	case bool:
		if t.Kind() == reflect.Bool {
			return nil
		}
	case json.Number:
		if slices.Contains([]reflect.Kind{reflect.Int, reflect.Int64, reflect.Float64}, t.Kind()) {
			return nil
		}
	}
	return mismatch(path, value, t)
}

func checkItems(path string, items []any, t reflect.Type) error {
	for i, item := range items {
		if item == nil {
			return fmt.Errorf("%s[%d]: is empty", path, i)
		}
		if err := checkShape(fmt.Sprintf("%s[%d]", path, i), item, t); err != nil {
			return err
		}
	}
	return nil
}

func checkMap(path string, value map[string]any, t reflect.Type) error {
	for _, key := range slices.Sorted(maps.Keys(value)) {
		if value[key] == nil {
			return fmt.Errorf("%s.%s: is empty", path, key)
		}
		if err := checkShape(path+"."+key, value[key], t); err != nil {
			return err
		}
	}
	return nil
}

func checkMembers(path string, value map[string]any, t reflect.Type) error {
	for _, key := range slices.Sorted(maps.Keys(value)) {
		field, ok := fieldOf(t, key)
		if !ok {
			return fmt.Errorf("%s.%w", path, unknown(key, t))
		}
		if value[key] == nil {
			delete(value, key) // null is as good as absent
			continue
		}
		if err := checkShape(path+"."+key, value[key], field); err != nil {
			return err
		}
	}
	return nil
}

// unknown says what a member could have been meant for.
func unknown(member string, t reflect.Type) error {
	for field := range t.Fields() {
		if name := memberOf(field); strings.EqualFold(name, member) || strings.EqualFold(name, member+"s") || strings.EqualFold(name+"s", member) {
			return fmt.Errorf("%s: unknown member; did you mean %s?", member, name)
		}
	}
	return fmt.Errorf("%.128s: unknown member", member)
}

// fieldOf is the type of a struct's member, by its name in JSON.
func fieldOf(t reflect.Type, member string) (reflect.Type, bool) {
	for field := range t.Fields() {
		if memberOf(field) == member {
			return field.Type, true
		}
	}
	return nil, false
}

func memberOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
