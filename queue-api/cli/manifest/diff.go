// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// Change is one member that differs. From or To is nil where there is none.
type Change struct {
	Path string `json:"path"`
	From any    `json:"from,omitempty"`
	To   any    `json:"to,omitempty"`
}

// differ compares a document with what there is.
type differ struct {
	// isWhole says that a member which the document does not name is to go.
	isWhole bool
	changes []Change
}

// compare compares two values. nil stands for absent; what is empty is as good as absent.
func (d *differ) compare(path string, want, have any) {
	if isEmpty(want) && isEmpty(have) {
		return
	}
	switch want := want.(type) {
	case map[string]any:
		if have, ok := have.(map[string]any); ok {
			d.compareMaps(path, want, have)
			return
		}
	case []any:
		if have, ok := have.([]any); ok && len(want) == len(have) {
			for i := range want {
				d.compare(fmt.Sprintf("%s[%d]", path, i), want[i], have[i])
			}
			return
		}
	default:
		if same(want, have) {
			return
		}
	}
	d.changes = append(d.changes, Change{path, have, want})
}

func (d *differ) compareMaps(path string, want, have map[string]any) {
	keys := maps.Clone(want)
	if d.isWhole {
		maps.Copy(keys, have)
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		d.compare(strings.TrimPrefix(path+"."+key, "."), want[key], have[key])
	}
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// same compares strings, booleans and numbers, these by their value: 1, 1.0 and 1e0 are one.
func same(a, b any) bool {
	x, isNumber := a.(json.Number)
	y, areNumbers := b.(json.Number)
	if !isNumber || !areNumbers {
		return a == b || isScalar(a) && isScalar(b) && fmt.Sprint(a) == fmt.Sprint(b) && isNumber == areNumbers
	}
	if x == y {
		return true
	}
	if len(x) > maxNumber || len(y) > maxNumber || strings.ContainsAny(string(x+y), "eE") { // exact digits of these may be many
		p, errX := x.Float64()
		q, errY := y.Float64()
		return errX == nil && errY == nil && p == q
	}
	p, okX := new(big.Rat).SetString(string(x))
	q, okY := new(big.Rat).SetString(string(y))
	return okX && okY && p.Cmp(q) == 0
}

// maxNumber is more digits than any number of the API has.
const maxNumber = 64

func isScalar(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// members are the top members that changes are in.
func members(changes []Change) []string {
	var out []string
	for _, c := range changes {
		top := c.Path
		if i := strings.IndexAny(top, ".["); i >= 0 {
			top = top[:i]
		}
		if !slices.Contains(out, top) {
			out = append(out, top)
		}
	}
	return out
}

// clone copies JSON values.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = clone(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = clone(v[i])
		}
		return out
	}
	return v
}

func cloneMap(v map[string]any) map[string]any {
	out, _ := clone(v).(map[string]any)
	return out
}

// child is a member that is a map; nil if there is none.
func child(v map[string]any, member string) map[string]any {
	out, _ := v[member].(map[string]any)
	return out
}

// merge lays want over have, map by map.
func merge(want, have map[string]any) map[string]any {
	out := cloneMap(have)
	if out == nil {
		out = map[string]any{}
	}
	for key, value := range want {
		below, isMap := value.(map[string]any)
		if old := child(out, key); isMap && old != nil {
			out[key] = merge(below, old)
			continue
		}
		out[key] = clone(value)
	}
	return out
}
