// SPDX-License-Identifier: Apache-2.0

package awsapi

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fill sets every field that v holds, however deep.
func fill(v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // the wire structs hold no other kinds
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if !strings.HasPrefix(v.Type().Field(i).Tag.Get("json"), "-") {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value)
		v.SetMapIndex(reflect.ValueOf("key"), value)
	case reflect.String:
		v.SetString("<värld & co>")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1<<53 + 1) // lost by a detour over float64
	default:
		v.SetFloat(0.25)
	}
}

// empty sets every list and map of a struct to an empty one.
func empty(v reflect.Value) {
	for _, field := range v.Fields() {
		switch f := field; f.Kind() { //nolint:exhaustive // only these two can be empty
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 0, 0))
		case reflect.Map:
			f.Set(reflect.MakeMap(f.Type()))
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, newIn := range newRequest {
		for kind, prepare := range map[string]func(reflect.Value){"full": fill, "empty": empty, "zero": func(reflect.Value) {}} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				want, got := newIn(), newIn()
				prepare(reflect.ValueOf(want).Elem())
				data, err := json.Marshal(want)
				if err != nil {
					t.Fatal(err)
				}
				if kind == "zero" && string(data) != "{}" {
					t.Errorf("absent members are written: %s", data)
				}
				if err := json.Unmarshal(data, got); err != nil {
					t.Fatal(err)
				}
				if kind == "empty" {
					clearURLMembers(reflect.ValueOf(want).Elem())
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("request mismatch (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// clearURLMembers unsets what JSON does not carry.
func clearURLMembers(v reflect.Value) {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("json") == "-" {
			v.Field(i).SetZero()
		}
	}
}

func TestEmptyIsNotAbsent(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(JobDetail{Attempts: []AttemptDetail{}, Parameters: map[string]string{}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(data), `{"attempts":[],"parameters":{}}`; got != want {
		t.Errorf("JSON = %s, want %s", got, want)
	}
}

// FuzzRequests holds every request to this: whatever JSON is read into it, Validate returns, and what is written of it
// reads back the same.
func FuzzRequests(f *testing.F) {
	names := slices.Sorted(maps.Keys(newRequest))
	for i, name := range names {
		in := newRequest[name]()
		fill(reflect.ValueOf(in).Elem())
		data, err := json.Marshal(in)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), data)
	}
	f.Add(uint8(0), []byte(`{"jobId":null,"reason":"\ud800"}`))
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		newIn := newRequest[names[int(which)%len(names)]]
		in := newIn()
		if json.Unmarshal(data, in) != nil {
			return
		}
		valid := in.Validate()
		written, err := json.Marshal(in)
		if err != nil {
			t.Fatalf("marshal: %v", err)
		}
		again := newIn()
		if err := json.Unmarshal(written, again); err != nil {
			t.Fatalf("unmarshal what was written: %v\n%s", err, written)
		}
		if diff := cmp.Diff(in, again); diff != "" {
			t.Errorf("request mismatch (-read +again):\n%s", diff)
		}
		if diff := cmp.Diff(text(valid), text(again.Validate())); diff != "" {
			t.Errorf("validation mismatch (-first +again):\n%s", diff)
		}
	})
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
