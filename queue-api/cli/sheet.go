// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/muster-batch/muster/queue-api/cli/output"
)

// sheet is names and values below each other, as kubectl describe has them. Values are cleaned.
type sheet struct {
	p    *output.Printer
	rows [][2]string
}

func newSheet(p *output.Printer) *sheet { return &sheet{p: p} }

// row adds a line, unless there is nothing to show.
func (s *sheet) row(name, value string) {
	if value != "" && value != output.None {
		s.rows = append(s.rows, [2]string{name, value})
	}
}

// print prints the lines. Long values go on below where they began.
func (s *sheet) print() error {
	width := 0
	for _, r := range s.rows {
		width = max(width, output.Width(r[0])+1)
	}
	var b strings.Builder
	for _, r := range s.rows {
		lines := wrap(output.Clean(r[1]), s.p.Columns-width-2)
		for i, line := range lines {
			label := ""
			if i == 0 {
				label = r[0] + ":"
			}
			fmt.Fprintf(&b, "%s  %s\n", s.p.Paint(output.Bold, label)+strings.Repeat(" ", width-output.Width(label)), line)
		}
	}
	_, err := io.WriteString(s.p.Out, b.String())
	return err
}

// leastWrapped is how narrow text is wrapped at most.
const leastWrapped = 30

// wrap breaks text between words. Without a width, or with too small a one, it stays one line.
func wrap(text string, width int) []string {
	if width < leastWrapped {
		return []string{text}
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && output.Width(line)+1+output.Width(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
