// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package clients

import (
	"fmt"
	"regexp"
	"strings"
)

// match says how got differs from want, or nothing. An object must hold at least the members of want; a list must have the
// same length. A string of want may also be one of these:
//
//	<any>      there, whatever it is
//	<absent>   not there
//	<empty>    there, an empty list or object
//	<number>   a whole number above zero
//	/…/        a string that the regular expression matches
func match(want, got any) string { return matchAt("answer", want, got) }

func matchAt(path string, want, got any) string {
	switch want := want.(type) {
	case nil:
		return ""
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return differ(path, want, got)
		}
		for k, w := range want {
			g, there := object[k]
			if w == "<absent>" {
				if there {
					return fmt.Sprintf("%s.%s is there", path, k)
				}
				continue
			}
			if !there {
				return fmt.Sprintf("%s.%s is missing", path, k)
			}
			if m := matchAt(path+"."+k, w, g); m != "" {
				return m
			}
		}
		return ""
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return differ(path, want, got)
		}
		for i := range want {
			if m := matchAt(fmt.Sprintf("%s.%d", path, i), want[i], list[i]); m != "" {
				return m
			}
		}
		return ""
	case string:
		return matchText(path, want, got)
	}
	if want != got {
		return differ(path, want, got)
	}
	return ""
}

func matchText(path, want string, got any) string {
	ok := false
	switch pattern, isPattern := strings.CutPrefix(want, "/"); {
	case want == "<any>":
		ok = true
	case want == "<empty>":
		list, isList := got.([]any)
		object, isObject := got.(map[string]any)
		ok = isList && len(list) == 0 || isObject && len(object) == 0
	case want == "<number>":
		n, isNumber := got.(float64)
		ok = isNumber && n > 0 && n == float64(int64(n))
	case isPattern && strings.HasSuffix(pattern, "/"):
		text, isText := got.(string)
		ok = isText && regexp.MustCompile(strings.TrimSuffix(pattern, "/")).MatchString(text)
	default:
		ok = want == got
	}
	if ok {
		return ""
	}
	return differ(path, want, got)
}

func differ(path string, want, got any) string {
	return fmt.Sprintf("%s is %s, want %s", path, show(got), show(want))
}
