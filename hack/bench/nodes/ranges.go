// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"text/tabwriter"

	"sigs.k8s.io/yaml"
)

//go:embed ranges.yaml
var rangesYAML []byte

// bound is what a figure must reach: exactly one of the two is set.
type bound struct {
	Name    string   `json:"name"`
	AtLeast *float64 `json:"atLeast,omitempty"`
	AtMost  *float64 `json:"atMost,omitempty"`
}

func readRanges(document []byte) (map[string]bound, error) {
	var list []bound
	if err := yaml.UnmarshalStrict(document, &list); err != nil {
		return nil, fmt.Errorf("read ranges: %w", err)
	}
	bounds := make(map[string]bound, len(list))
	for _, b := range list {
		if _, twice := bounds[b.Name]; twice || b.Name == "" || (b.AtLeast == nil) == (b.AtMost == nil) {
			return nil, fmt.Errorf("read ranges: %q needs a name of its own, and atLeast or atMost", b.Name)
		}
		bounds[b.Name] = b
	}
	return bounds, nil
}

func (b bound) isReached(value float64) bool {
	if b.AtLeast != nil {
		return value >= *b.AtLeast
	}
	return value <= *b.AtMost
}

func (b bound) String() string {
	if b.AtLeast != nil {
		return fmt.Sprintf(">= %g", *b.AtLeast)
	}
	return fmt.Sprintf("<= %g", *b.AtMost)
}

// figure is something measured. One that no bound has the name of is there to be read only.
type figure struct {
	name  string
	value float64
	note  string
}

// report prints each figure beside its bound. It fails if one is missed; in a whole run, also if nothing was measured for a
// bound.
func report(out io.Writer, figures []figure, bounds map[string]bound, isWhole bool) error {
	missed, unmeasured := 0, maps.Clone(bounds)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "figure\tmeasured\tbound\t\t")
	for _, f := range figures {
		verdict, limit := "", ""
		if b, ok := bounds[f.name]; ok {
			delete(unmeasured, f.name)
			if verdict, limit = "ok", b.String(); !b.isReached(f.value) {
				verdict = "MISSED"
				missed++
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", f.name, strconv.FormatFloat(f.value, 'g', 4, 64), limit, verdict, f.note)
	}
	if isWhole {
		for _, name := range slices.Sorted(maps.Keys(unmeasured)) {
			fmt.Fprintf(w, "%s\t\t%s\tMISSED\tnot measured\n", name, unmeasured[name])
			missed++
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if missed > 0 {
		return fmt.Errorf("%d figures missed", missed)
	}
	return nil
}
