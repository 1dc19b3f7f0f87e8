// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/muster-batch/muster/queue-api/batch"
)

// refused names a member that AWS Batch has and this server does not have.
func refused(member string) error {
	return batch.Invalidf("%s is not supported by this server", member)
}

// validName is the rule for every name. AWS Batch: 1 to 128 of letters, digits, _ and -, the first a letter or digit.
func validName(s string) bool {
	if s == "" || len(s) > 128 || !isAlphanumeric(s[0]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// checkName checks the name of something to be created.
func checkName(name *string) error {
	if validName(value(name)) {
		return nil
	}
	return batch.Invalidf("Provided name %s is not supported pattern[a-zA-Z_0-9-]{1,128}", clip(value(name)))
}

// clip shortens what a caller sent for use in a message.
func clip(s string) string {
	const most = 256
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// checkTags is what the model does not say about tags. AWS Batch: keys that begin with aws: are reserved.
func checkTags(tags map[string]string) error { return checkTagsOf("tags", tags) }

func checkTagsOf(member string, tags map[string]string) error {
	for k := range tags {
		if len(k) >= 4 && strings.EqualFold(k[:4], "aws:") {
			return batch.Invalidf("%s: keys that begin with aws: are reserved", member)
		}
	}
	return nil
}

// checkRange checks an optional number.
func checkRange(member string, v *int, low, high int) error {
	if v == nil || *v >= low && *v <= high {
		return nil
	}
	if high == math.MaxInt32 && *v < low {
		return batch.Invalidf("%s must be at least %d", member, low)
	}
	return batch.Invalidf("%s must be between %d and %d", member, low, high)
}

// checkCount checks a number of vCPUs, nodes or the like: not negative, and within the API's 32 bits.
func checkCount(member string, v *int) error { return checkRange(member, v, 0, math.MaxInt32) }

// checkOneOf checks a string that the model does not know as an enum.
func checkOneOf(member string, v *string, values []string) error {
	if slices.Contains(values, value(v)) {
		return nil
	}
	return batch.Invalidf("%s must be one of %s", member, strings.Join(values, ", "))
}

// state is the optional state of a request.
func state(v *string, otherwise batch.State) batch.State {
	return cmp.Or(batch.State(value(v)), otherwise)
}

// value gives what v points to, or the zero value.
func value[T any](v *T) T {
	if v == nil {
		var zero T
		return zero
	}
	return *v
}

// given makes an optional string of one that is empty when absent.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
