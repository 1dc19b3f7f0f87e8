// SPDX-License-Identifier: Apache-2.0

package output

import (
	"io"
	"slices"
	"strings"
)

// Column is one of a table's.
type Column struct {
	Name string
	// IsWide says that the column is shown with -o wide only.
	IsWide bool
	// IsRight aligns numbers.
	IsRight bool
	// IsElastic says that the column gives way where the terminal is too narrow. Others are never cut.
	IsElastic bool
	// Style says how a cell is shown. Default: plainly.
	Style func(text string) Style
}

// Table prints rows below each other as they come. Columns that were wide once stay so.
type Table struct {
	printer *Printer
	columns []Column
	shown   []int // indexes of columns
	widths  []int // by index of column
	begun   bool
}

// gap stands between two columns, and least is what is left of an elastic one.
const (
	gap   = "  "
	least = 12
)

// NewTable makes a table of these columns, of which wide ones are left out unless they were asked for.
func (p *Printer) NewTable(columns ...Column) *Table {
	t := &Table{printer: p, columns: columns, widths: make([]int, len(columns))}
	for i, c := range columns {
		if c.IsWide && p.Format.Kind != Wide {
			continue
		}
		t.shown = append(t.shown, i)
		if !p.NoHeaders {
			t.widths[i] = Width(c.Name)
		}
	}
	return t
}

// Add prints rows, each with a cell for each column. Cells need not be clean.
func (t *Table) Add(rows ...[]string) error {
	cells := make([][]string, len(rows))
	for i, row := range rows {
		cells[i] = make([]string, len(t.columns))
		for j := range min(len(row), len(t.columns)) {
			cells[i][j] = Clean(row[j])
			t.widths[j] = max(t.widths[j], Width(cells[i][j]))
		}
	}
	widths := t.fit()
	var b strings.Builder
	if !t.begun && !t.printer.NoHeaders {
		t.header(&b, widths)
	}
	t.begun = true
	for _, row := range cells {
		t.line(&b, row, widths, func(c Column, text string) Style {
			if c.Style == nil {
				return Plain
			}
			return c.Style(text)
		})
	}
	_, err := io.WriteString(t.printer.Out, b.String())
	return err
}

// fit narrows elastic columns, the last one first, until a line fits the terminal.
func (t *Table) fit() []int {
	widths := slices.Clone(t.widths)
	if t.printer.Columns <= 0 {
		return widths
	}
	over := -t.printer.Columns - len(gap)
	for _, i := range t.shown {
		over += widths[i] + len(gap)
	}
	for k := len(t.shown) - 1; k >= 0 && over > 0; k-- {
		i := t.shown[k]
		if cut := min(over, widths[i]-least); t.columns[i].IsElastic && cut > 0 {
			widths[i] -= cut
			over -= cut
		}
	}
	return widths
}

func (t *Table) header(b *strings.Builder, widths []int) {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.Name
	}
	t.line(b, names, widths, func(Column, string) Style { return Bold })
}

func (t *Table) line(all *strings.Builder, cells []string, widths []int, style func(Column, string) Style) {
	var b strings.Builder
	for k, i := range t.shown {
		text := cells[i]
		if t.columns[i].IsElastic {
			text = Fit(text, widths[i])
		}
		space := strings.Repeat(" ", max(widths[i]-Width(text), 0))
		painted := t.printer.Paint(style(t.columns[i], cells[i]), text)
		switch {
		case t.columns[i].IsRight:
			b.WriteString(space + painted)
		case k == len(t.shown)-1:
			b.WriteString(painted)
		default:
			b.WriteString(painted + space)
		}
		if k < len(t.shown)-1 {
			b.WriteString(gap)
		}
	}
	all.WriteString(strings.TrimRight(b.String(), " ") + "\n")
}
