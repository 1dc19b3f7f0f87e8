// SPDX-License-Identifier: Apache-2.0

package ranges

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"text/tabwriter"
)

// figure is something measured. One that has no range is there to be read only.
type figure struct {
	of    string // its range
	what  string
	value float64
	note  string
}

// Results are the figures of a run. The zero value has none.
type Results struct {
	figures []figure
}

// Add records a figure of the range of a name.
func (r *Results) Add(of, what string, value float64, note string, args ...any) {
	r.figures = append(r.figures, figure{of, what, value, fmt.Sprintf(note, args...)})
}

// Info records a figure that has no range.
func (r *Results) Info(what string, value float64, note string, args ...any) {
	r.figures = append(r.figures, figure{"", what, value, fmt.Sprintf(note, args...)})
}

// Report prints each figure beside its bound. It fails if one is missed; in a whole run, also if nothing was measured for
// a bound.
func (r *Results) Report(out io.Writer, bounds Bounds, isWhole bool) error {
	var missed int
	unmeasured := maps.Clone(bounds)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "figure\tmeasured\tbound\t\t")
	for _, f := range r.figures {
		verdict, limit := "", ""
		if f.of != "" {
			b, ok := bounds[f.of]
			if !ok {
				return fmt.Errorf("no range has the name %q", f.of)
			}
			delete(unmeasured, f.of)
			verdict, limit = "ok", b.String()
			if !b.isReached(f.value) {
				verdict = "MISSED"
				missed++
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", f.title(), Number(f.value), limit, verdict, f.note)
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

func (f figure) title() string {
	switch {
	case f.of == "":
		return f.what
	case f.what == "":
		return f.of
	}
	return f.of + ": " + f.what
}

// Number writes a value with three digits or all those before the point.
func Number(v float64) string {
	switch {
	case v >= 100 || v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}
