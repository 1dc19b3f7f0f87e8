// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"io"
	"strings"

	"github.com/muster-batch/muster/autoscaler/fleet"
)

// Print writes a line for each finding: ok, note or FAIL, what was looked at, what is wrong, and what to do. It returns how
// many are wrong.
func Print(w io.Writer, findings []fleet.Finding) (wrong int, err error) {
	for i := range findings {
		f := &findings[i]
		mark := "ok"
		switch {
		case f.IsWrong():
			mark = "FAIL"
			wrong++
		case f.Note:
			mark = "note"
		}
		if _, err := fmt.Fprintf(w, "%-4s  %s\n", mark, text(f)); err != nil {
			return wrong, fmt.Errorf("print: %w", err)
		}
	}
	return wrong, nil
}

// text is the finding on one line.
func text(f *fleet.Finding) string {
	out := f.Subject
	if f.Problem != "" {
		out += ": " + strings.TrimSuffix(f.Problem, ".") + "."
	}
	if f.Remedy != "" {
		out += " " + f.Remedy
	}
	return strings.Join(strings.Fields(out), " ")
}
