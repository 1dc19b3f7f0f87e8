// SPDX-License-Identifier: Apache-2.0

package top

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// order is one that rows can be sorted by.
type order[T any] struct {
	name    string
	compare func(a, b *T) int
}

// The orders; the first is the one by name. Numbers come largest first.
var (
	queueOrders = []order[viewapi.QueueSummary]{
		{"name", func(a, b *viewapi.QueueSummary) int { return cmp.Compare(a.JobQueue, b.JobQueue) }},
		{"runnable", func(a, b *viewapi.QueueSummary) int { return cmp.Compare(b.Counts["RUNNABLE"], a.Counts["RUNNABLE"]) }},
		{"running", func(a, b *viewapi.QueueSummary) int { return cmp.Compare(running(b), running(a)) }},
		{"oldest", func(a, b *viewapi.QueueSummary) int { return cmp.Compare(oldest(b), oldest(a)) }},
		{"priority", func(a, b *viewapi.QueueSummary) int { return cmp.Compare(b.Priority, a.Priority) }},
	}
	nodeOrders = []order[viewapi.Node]{
		{"name", func(a, b *viewapi.Node) int { return cmp.Compare(a.Name, b.Name) }},
		{"environment", func(a, b *viewapi.Node) int { return cmp.Compare(a.ComputeEnvironment, b.ComputeEnvironment) }},
		{"use", func(a, b *viewapi.Node) int { return cmp.Compare(used(b), used(a)) }},
		{"price", func(a, b *viewapi.Node) int { return cmp.Compare(dollars(b), dollars(a)) }},
		{"jobs", func(a, b *viewapi.Node) int { return cmp.Compare(jobs(b), jobs(a)) }},
	}
	orders = [panes][]string{names(queueOrders), names(nodeOrders)}
)

func names[T any](list []order[T]) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].name
	}
	return out
}

func running(q *viewapi.QueueSummary) int64 { return q.Counts["STARTING"] + q.Counts["RUNNING"] }

func oldest(q *viewapi.QueueSummary) int64 {
	if q.OldestRunnableAgeSeconds == nil {
		return -1
	}
	return *q.OldestRunnableAgeSeconds
}

func used(n *viewapi.Node) float64 {
	if n.Allocatable.VCPUs <= 0 {
		return 0
	}
	return n.Requested.VCPUs / n.Allocatable.VCPUs
}

func dollars(n *viewapi.Node) float64 {
	if n.PricePerHour == nil {
		return -1
	}
	return *n.PricePerHour
}

func jobs(n *viewapi.Node) int { return len(n.Jobs) + n.HiddenJobs }

// column is one of a table's. The first takes what room is left; the others go, the last one first, where there is none.
type column[T any] struct {
	name    string
	width   int
	isRight bool
	// cell gives text that need not be clean, or, with draw, text that is drawn as it is and width wide.
	cell  func(row *T) string
	draw  func(row *T, width int) string
	style func(row *T) output.Style
}

func queueColumns(d drawing) []column[viewapi.QueueSummary] {
	return []column[viewapi.QueueSummary]{
		{name: "QUEUE", width: 12, cell: func(q *viewapi.QueueSummary) string { return q.JobQueue }},
		{name: "RUNNABLE", width: 8, isRight: true, cell: func(q *viewapi.QueueSummary) string { return short(q.Counts["RUNNABLE"]) }},
		{name: "RUNNING", width: 7, isRight: true, cell: func(q *viewapi.QueueSummary) string { return short(running(q)) }},
		{name: "STATE", width: 8, cell: stateOf, style: func(q *viewapi.QueueSummary) output.Style { return output.OfStatus(stateOf(q)) }},
		{name: "OLDEST", width: 6, isRight: true, cell: func(q *viewapi.QueueSummary) string {
			if q.OldestRunnableAgeSeconds == nil {
				return output.None
			}
			return output.Age(time.Duration(*q.OldestRunnableAgeSeconds) * time.Second)
		}},
		{name: "VCPUS", width: 7, isRight: true, cell: func(q *viewapi.QueueSummary) string { return number(q.VCPUsUsed) }},
		{name: "USE", width: 10, draw: func(q *viewapi.QueueSummary, width int) string {
			if q.MaxVCPUs == nil {
				return strings.Repeat(" ", width)
			}
			return d.bar(q.VCPUsUsed, *q.MaxVCPUs, width)
		}},
		{name: "FAILED", width: 6, isRight: true, cell: func(q *viewapi.QueueSummary) string { return short(q.Counts["FAILED"]) }},
	}
}

// stateOf is the first thing to know of a queue.
func stateOf(q *viewapi.QueueSummary) string {
	switch {
	case q.State != "" && q.State != "ENABLED":
		return q.State
	case q.Status != "" && q.Status != "VALID":
		return q.Status
	case q.Paused:
		return "PAUSED"
	}
	return q.State
}

func nodeColumns(d drawing) []column[viewapi.Node] {
	return []column[viewapi.Node]{
		{name: "NODE", width: 14, cell: func(n *viewapi.Node) string { return n.Name }},
		{name: "CPU", width: 10, draw: func(n *viewapi.Node, width int) string { return d.bar(n.Requested.VCPUs, n.Allocatable.VCPUs, width) }},
		{name: "JOBS", width: 4, isRight: true, cell: func(n *viewapi.Node) string { return strconv.Itoa(jobs(n)) }},
		{name: "$/H", width: 7, isRight: true, cell: func(n *viewapi.Node) string {
			if n.PricePerHour == nil {
				return output.None
			}
			return strconv.FormatFloat(*n.PricePerHour, 'f', 4, 64)
		}},
		{name: "TYPE", width: 12, cell: func(n *viewapi.Node) string { return n.InstanceType }},
		{name: "STATE", width: 8, cell: (*viewapi.Node).State, style: func(n *viewapi.Node) output.Style {
			if n.State() == "Ready" {
				return output.Plain
			}
			return output.Yellow
		}},
		{name: "MEMORY", width: 10, draw: func(n *viewapi.Node, width int) string {
			return d.bar(float64(n.Requested.MemoryMiB), float64(n.Allocatable.MemoryMiB), width)
		}},
		{name: "ENVIRONMENT", width: 14, cell: func(n *viewapi.Node) string { return n.ComputeEnvironment }},
		{name: "CAPACITY", width: 9, cell: func(n *viewapi.Node) string { return n.CapacityType }},
		{name: "ZONE", width: 12, cell: func(n *viewapi.Node) string { return n.Zone }},
		{name: "GPUS", width: 5, isRight: true, cell: func(n *viewapi.Node) string {
			if n.Allocatable.GPUs == 0 {
				return output.None
			}
			return fmt.Sprintf("%d/%d", n.Requested.GPUs, n.Allocatable.GPUs)
		}},
	}
}

// short writes large numbers in few digits: 12.3k, 1.2M.
func short(n int64) string {
	switch {
	case n < 100_000:
		return strconv.FormatInt(n, 10)
	case n < 1_000_000:
		return strconv.FormatInt(n/1000, 10) + "k"
	}
	return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + "M"
}

// table draws rows in so many lines, the header being one, from the row on that the viewer moved to.
func table[T any](d drawing, columns []column[T], rows []T, c *Choice, p Pane, lines int) []string {
	shown, first := widths(columns, d.Columns)
	header := line(d, columns[:shown], first, func(col *column[T], width int) (string, output.Style) { return fit(col.name, width), output.Bold })
	if c.Pane == p && d.Lines > 0 {
		header = d.paint("7", output.Pad(plainHeader(columns[:shown], first), d.Columns))
	}
	out := []string{header}
	room := lines - 1
	c.Top[p] = max(0, min(c.Top[p], len(rows)-room))
	for i := c.Top[p]; i < len(rows) && room > 0; i++ {
		if room == 1 && i < len(rows)-1 && d.Lines > 0 {
			out = append(out, d.paint(output.Faint, fit(fmt.Sprintf("… %d more", len(rows)-i), d.Columns)))
			break
		}
		row := &rows[i]
		out = append(out, line(d, columns[:shown], first, func(col *column[T], width int) (string, output.Style) {
			if col.draw != nil {
				return col.draw(row, width), output.Plain
			}
			style := output.Plain
			if col.style != nil {
				style = col.style(row)
			}
			return fit(col.cell(row), width), style
		}))
		room--
	}
	if len(rows) == 0 {
		out = append(out, d.paint(output.Faint, "none"))
	}
	return out
}

// widths says how many columns are shown and how wide the first one is.
func widths[T any](columns []column[T], all int) (shown, first int) {
	room := all - columns[0].width
	shown = 1
	for _, col := range columns[1:] {
		if room -= col.width + 2; room < 0 {
			break
		}
		shown++
	}
	first = all
	for _, col := range columns[1:shown] {
		first -= col.width + 2
	}
	return shown, min(first, 40)
}

func plainHeader[T any](columns []column[T], first int) string {
	d := drawing{}
	return line(d, columns, first, func(col *column[T], width int) (string, output.Style) { return fit(col.name, width), output.Plain })
}

// line puts cells together.
func line[T any](d drawing, columns []column[T], first int, cell func(col *column[T], width int) (string, output.Style)) string {
	var b strings.Builder
	for i := range columns {
		col, width := &columns[i], columns[i].width
		if i == 0 {
			width = first
		} else {
			b.WriteString("  ")
		}
		text, style := cell(col, width)
		space := ""
		if style != output.Plain || !strings.Contains(text, "\x1b") { // what is drawn is as wide as it is to be
			space = strings.Repeat(" ", max(width-output.Width(text), 0))
		}
		switch painted := d.paint(style, text); {
		case col.isRight:
			b.WriteString(space + painted)
		case i == len(columns)-1:
			b.WriteString(painted)
		default:
			b.WriteString(painted + space)
		}
	}
	return b.String()
}
