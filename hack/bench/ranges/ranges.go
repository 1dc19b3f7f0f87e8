// SPDX-License-Identifier: Apache-2.0

package ranges

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

// Bound is what the figures of one name must reach: exactly one of the two is set.
type Bound struct {
	Name    string   `json:"name"`
	AtLeast *float64 `json:"atLeast,omitempty"`
	AtMost  *float64 `json:"atMost,omitempty"`
}

// Bounds are known by their names.
type Bounds map[string]Bound

// Read reads bounds from YAML.
func Read(document []byte) (Bounds, error) {
	var list []Bound
	if err := yaml.UnmarshalStrict(document, &list); err != nil {
		return nil, fmt.Errorf("read ranges: %w", err)
	}
	bounds := make(Bounds, len(list))
	for _, b := range list {
		if _, ok := bounds[b.Name]; ok || b.Name == "" {
			return nil, fmt.Errorf("read ranges: name %q is missing or not the only one", b.Name)
		}
		if (b.AtLeast == nil) == (b.AtMost == nil) {
			return nil, fmt.Errorf("read ranges: %q needs atLeast or atMost", b.Name)
		}
		bounds[b.Name] = b
	}
	return bounds, nil
}

// isReached reports whether a value is within the bound.
func (b Bound) isReached(value float64) bool {
	if b.AtLeast != nil {
		return value >= *b.AtLeast
	}
	return value <= *b.AtMost
}

// String says what is to be reached.
func (b Bound) String() string {
	if b.AtLeast != nil {
		return fmt.Sprintf(">= %g", *b.AtLeast)
	}
	return fmt.Sprintf("<= %g", *b.AtMost)
}
