// SPDX-License-Identifier: Apache-2.0

package top

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// State is what is known.
type State struct {
	Endpoint string
	At       time.Time // when it was asked for
	Now      time.Time
	Trouble  string // why nothing newer is known
	Summary  viewapi.Summary
	Nodes    viewapi.Nodes
}

// Canvas is what there is to draw on.
type Canvas struct {
	Columns int
	Lines   int // 0: as many as are needed
	Colors  bool
	IsASCII bool // the terminal may not have more
}

// least is the smallest canvas that anything is drawn on.
const (
	leastColumns = 20
	leastLines   = 6
)

// Frame draws a state. It gives as many lines as the canvas has, none wider than that.
func Frame(s *State, c *Choice, on Canvas) []string {
	if on.Columns < leastColumns || on.Lines > 0 && on.Lines < leastLines {
		return fill([]string{fit("too small", on.Columns)}, on.Lines)
	}
	d := drawing{Canvas: on}
	lines := []string{d.title(s, c), d.statuses(s.Summary.Totals.Counts), d.capacity(s), ""}
	queues, nodes := sorted(s.Summary.Queues, queueOrders, c, Queues), sorted(s.Nodes.Nodes, nodeOrders, c, Nodes)
	forQueues, forNodes := d.share(len(lines), len(queues), len(nodes))
	lines = append(lines, table(d, queueColumns(d), queues, c, Queues, forQueues)...)
	if forNodes > 1 || on.Lines == 0 {
		lines = append(lines, "")
		lines = append(lines, table(d, nodeColumns(d), nodes, c, Nodes, forNodes)...)
	}
	if on.Lines == 0 {
		return lines
	}
	lines = fill(lines, on.Lines-1)
	return append(lines, d.help(c))
}

// share divides the lines that are left: half for each table, or what it needs. It counts the header.
func (d *drawing) share(used, queues, nodes int) (forQueues, forNodes int) {
	if d.Lines == 0 {
		return queues + 1, nodes + 1
	}
	left := d.Lines - used - 2 // the help, and a line between the tables
	forQueues = min(queues+1, max((left+1)/2, left-nodes-1))
	forQueues = max(forQueues, 2)
	return forQueues, left - forQueues
}

func fill(lines []string, n int) []string {
	for len(lines) < n {
		lines = append(lines, "")
	}
	if n > 0 {
		lines = lines[:min(len(lines), n)]
	}
	return lines
}

// drawing draws on a canvas.
type drawing struct{ Canvas }

func (d *drawing) paint(s output.Style, text string) string {
	p := output.Printer{Colors: d.Colors}
	return p.Paint(s, text)
}

// fit makes hostile text fit.
func fit(text string, columns int) string { return output.Fit(output.Clean(text), max(columns, 0)) }

func (d *drawing) title(s *State, c *Choice) string {
	right, style := s.At.Format(time.TimeOnly), output.Faint
	switch {
	case s.Trouble != "":
		right, style = "not refreshed for "+output.Age(s.Now.Sub(s.At))+": "+s.Trouble, output.Red
		if s.At.IsZero() {
			right = s.Trouble
		}
	case c.IsHeld:
		right, style = "held since "+right, output.Yellow
	}
	left := fit("muster top  "+s.Endpoint, d.Columns)
	if s.Trouble != "" {
		left = "muster top"
	}
	right = fit(right, d.Columns-output.Width("muster top")-2)
	left = output.Fit(left, d.Columns-output.Width(right)-2)
	space := d.Columns - output.Width(left) - output.Width(right)
	return d.paint(output.Bold, left) + strings.Repeat(" ", max(space, 1)) + d.paint(style, right)
}

// statuses of jobs, in the order of their lives.
var jobStatuses = []string{"SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED"}

// statuses shows how many jobs are in each status, those of none left out where there is no room.
func (d *drawing) statuses(counts map[string]int64) string {
	plain, painted := "Jobs", "Jobs"
	for _, status := range jobStatuses {
		part := "  " + status + " " + short(counts[status])
		if counts[status] == 0 && d.Columns < 110 {
			continue
		}
		if output.Width(plain+part) > d.Columns {
			break
		}
		plain += part
		painted += "  " + d.paint(output.OfStatus(status), status) + " " + short(counts[status])
	}
	if plain == "Jobs" {
		return "Jobs  none"
	}
	return painted
}

// capacity shows what all nodes have, how much is used and what it costs.
func (d *drawing) capacity(s *State) string {
	var used, all, dollars float64
	isPriced, draining := false, 0
	for i := range s.Nodes.Nodes {
		n := &s.Nodes.Nodes[i]
		used, all = used+n.Requested.VCPUs, all+n.Allocatable.VCPUs
		if n.PricePerHour != nil {
			dollars, isPriced = dollars+*n.PricePerHour, true
		}
		if n.Draining {
			draining++
		}
	}
	text := fmt.Sprintf(" %s/%s vCPU", number(used), number(all))
	if isPriced {
		text += fmt.Sprintf("  $%.2f/h", dollars)
	}
	text += fmt.Sprintf("  %d nodes", len(s.Nodes.Nodes))
	if draining > 0 {
		text += fmt.Sprintf(", %d draining", draining)
	}
	width := min(30, d.Columns-len("Used  ")-len(text))
	if width < 4 {
		return fit("Used"+text, d.Columns)
	}
	return "Used  " + d.bar(used, all, width) + text
}

// bar shows a part of a whole.
func (d *drawing) bar(part, whole float64, width int) string {
	full := 0
	if whole > 0 {
		full = min(width, max(0, int(part/whole*float64(width)+0.5)))
	}
	on, off := "█", "░"
	if d.IsASCII {
		on, off = "#", "."
	}
	style := output.Green
	if whole > 0 && part/whole >= 0.9 {
		style = output.Yellow
	}
	return d.paint(style, strings.Repeat(on, full)) + d.paint(output.Faint, strings.Repeat(off, width-full))
}

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func (d *drawing) help(c *Choice) string {
	arrows := "↑↓"
	if d.IsASCII {
		arrows = "jk"
	}
	text := fmt.Sprintf("q quit  tab %s  %s move  s sort by %s  r reverse  space hold",
		[]string{"nodes", "queues"}[c.Pane], arrows, orders[c.Pane][(c.Sort[c.Pane]+1)%len(orders[c.Pane])])
	return d.paint(output.Faint, fit(text, d.Columns))
}

// sorted are rows as the viewer wants them; equal ones by name.
func sorted[T any](rows []T, by []order[T], c *Choice, p Pane) []T {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b T) int { return by[0].compare(&a, &b) })
	slices.SortStableFunc(rows, func(a, b T) int { return by[c.Sort[p]].compare(&a, &b) })
	if c.IsReverse[p] {
		slices.Reverse(rows)
	}
	return rows
}
