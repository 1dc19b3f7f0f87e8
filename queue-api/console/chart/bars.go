// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"html/template"
	"strconv"
)

// Bar is one row of Bars: its parts from left to right.
type Bar struct {
	Label string
	// Value is written at the right end, for example "12 of 64 vCPUs".
	Value string
	Parts []Part
	// Total is what the whole width stands for; 0 stands for the largest sum of all rows.
	Total float64
	// Mark is an amount that a line across the bar shows, such as a target; 0 is none.
	Mark float64
	// Href is where the row leads to, within the console.
	Href string
}

// Most of what is drawn.
const (
	maxBars  = 200
	maxParts = 24
)

// Sizes of a row: the text stands above its bar, so that both have the whole width.
const (
	rowHeight = 40
	barTop    = 20
	barHeight = 12
)

// Bars draws rows, each with its text above it.
func Bars(title string, rows []Bar) template.HTML {
	rows = rows[:min(len(rows), maxBars)]
	largest := 0.0
	for _, r := range rows {
		largest = max(largest, sum(r.Parts), amount(r.Mark))
	}
	var s svg
	s.openGroup("bars", title, "", "width", "100%", "height", strconv.Itoa(max(len(rows), 1)*rowHeight))
	for i, r := range rows {
		s.row(r, i*rowHeight, largest)
	}
	return s.close()
}

func (s *svg) row(r Bar, top int, largest float64) {
	total := amount(r.Total)
	if total == 0 {
		total = largest
	}
	end := s.link(r.Href)
	s.text("label", r.Label, "x", "0", "y", strconv.Itoa(top+14))
	s.raw(" ") // of those who listen
	s.text("value", r.Value, "x", "100%", "y", strconv.Itoa(top+14), "text-anchor", "end")
	s.stack(r.Parts, total, top+barTop, barHeight)
	if mark := amount(r.Mark); mark > 0 {
		x := percent(share(mark, total))
		s.element("line", "target "+num(mark), "class", "mark", "x1", x, "x2", x, "y1", strconv.Itoa(top+barTop-3), "y2", strconv.Itoa(top+barTop+barHeight+3))
	}
	end()
}

// stack draws parts side by side on a track.
func (s *svg) stack(parts []Part, total float64, top, height int) {
	y, h := strconv.Itoa(top), strconv.Itoa(height)
	s.element("rect", "", "class", "track", "x", "0", "y", y, "width", "100%", "height", h, "rx", "3")
	at := 0.0
	for _, p := range parts[:min(len(parts), maxParts)] {
		width := min(share(p.Value, total), 1-at)
		if width <= 0 {
			continue
		}
		s.element("rect", p.Label+" "+num(amount(p.Value)), "class", "part"+classOf(p.Class), "x", percent(at), "y", y, "width", percent(width), "height", h)
		at += width
	}
}

// Meter draws parts side by side as one bar without text, such as stands in a table; the whole width is total, or their sum if
// that is 0 or less.
func Meter(title string, parts []Part, total float64) template.HTML {
	if total = amount(total); total == 0 {
		total = sum(parts)
	}
	desc := describe(parts)
	if total > 0 {
		desc += " of " + num(total)
	}
	var s svg
	s.open("meter", title+": "+desc, "width", "100%", "height", strconv.Itoa(barHeight))
	s.stack(parts, total, 0, barHeight)
	return s.close()
}
