// SPDX-License-Identifier: Apache-2.0

package awsapi

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ValidationError is one broken rule of the model.
type ValidationError struct {
	Path string // of the member, such as containerOverrides.resourceRequirements[0].type
	Rule string // such as "is required"
}

func (e *ValidationError) Error() string { return e.Path + ": " + e.Rule }

// validator is a pointer to a struct that has rules.
type validator[T any] interface {
	*T
	Validate() error
}

// within puts path before the path of a broken rule.
func within(path string, err error) error {
	if err == nil {
		return nil
	}
	var broken *ValidationError
	if !errors.As(err, &broken) {
		return err
	}
	return &ValidationError{Path: path + "." + broken.Path, Rule: broken.Rule}
}

func item(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }

// entry names a value of a map. Keys are a caller's own words and are cut short.
func entry(name, key string) string { return fmt.Sprintf("%s[%.128q]", name, key) }

func required(name string, present bool) error {
	if present {
		return nil
	}
	return &ValidationError{Path: name, Rule: "is required"}
}

// nested checks a structure unless it is absent.
func nested[T any, P validator[T]](name string, v P) error {
	if v == nil {
		return nil
	}
	return within(name, v.Validate())
}

// each checks the structures of a list.
func each[T any, P validator[T]](name string, list []T) error {
	for i := range list {
		if err := P(&list[i]).Validate(); err != nil {
			return within(item(name, i), err)
		}
	}
	return nil
}

func oneOf(name string, v *string, values []string) error {
	if v == nil || slices.Contains(values, *v) {
		return nil
	}
	return notOneOf(name, values)
}

func oneOfAnyCase(name string, v *string, values []string) error {
	if v == nil || slices.ContainsFunc(values, func(s string) bool { return strings.EqualFold(s, *v) }) {
		return nil
	}
	return notOneOf(name, values)
}

func eachOneOf(name string, list, values []string) error {
	for i := range list {
		if !slices.Contains(values, list[i]) {
			return notOneOf(item(name, i), values)
		}
	}
	return nil
}

func notOneOf(path string, values []string) error {
	return &ValidationError{Path: path, Rule: "must be one of " + strings.Join(values, ", ")}
}

func between[T int | int64](name string, v *T, minimum, maximum T) error {
	if v == nil || *v >= minimum && *v <= maximum {
		return nil
	}
	return &ValidationError{Path: name, Rule: fmt.Sprintf("must be %d to %d", minimum, maximum)}
}

// count checks the number of items of a list or entries of a map, unless it is absent. In this and all that follow, a
// negative maximum is none.
//
//nolint:unparam // the bounds are the model's
func count(name string, present bool, n, minimum, maximum int) error {
	if !present || fits(n, minimum, maximum) {
		return nil
	}
	return &ValidationError{Path: name, Rule: "must have " + span(minimum, maximum) + " members"}
}

//nolint:unparam // the bounds are the model's
func length(name string, v *string, minimum, maximum int) error {
	if v == nil || lengthFits(*v, minimum, maximum) {
		return nil
	}
	return badLength(name, "must have ", minimum, maximum)
}

func eachLength(name string, list []string, minimum, maximum int) error {
	for i := range list {
		if !lengthFits(list[i], minimum, maximum) {
			return badLength(item(name, i), "must have ", minimum, maximum)
		}
	}
	return nil
}

func keyLength[V any](name string, m map[string]V, minimum, maximum int) error {
	for key := range m {
		if !lengthFits(key, minimum, maximum) {
			return badLength(name, "every key must have ", minimum, maximum)
		}
	}
	return nil
}

// valueLength names the first of the keys with bad values, so that the same request always gets the same answer.
//
//nolint:unparam // the bounds are the model's
func valueLength(name string, m map[string]string, minimum, maximum int) error {
	first, found := "", false
	for key, value := range m {
		if !lengthFits(value, minimum, maximum) && (!found || key < first) {
			first, found = key, true
		}
	}
	if !found {
		return nil
	}
	return badLength(entry(name, first), "must have ", minimum, maximum)
}

func badLength(path, verb string, minimum, maximum int) error {
	return &ValidationError{Path: path, Rule: verb + span(minimum, maximum) + " characters"}
}

// lengthFits counts characters, but only where the bytes do not already answer.
func lengthFits(s string, minimum, maximum int) bool {
	if minimum <= 1 && len(s) >= minimum && len(s) <= maximum {
		return true
	}
	return fits(utf8.RuneCountInString(s), minimum, maximum)
}

func fits(n, minimum, maximum int) bool { return n >= minimum && (maximum < 0 || n <= maximum) }

func span(minimum, maximum int) string {
	switch {
	case maximum < 0:
		return "at least " + strconv.Itoa(minimum)
	case minimum <= 0:
		return "at most " + strconv.Itoa(maximum)
	}
	return strconv.Itoa(minimum) + " to " + strconv.Itoa(maximum)
}
