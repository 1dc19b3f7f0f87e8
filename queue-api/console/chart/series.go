// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"html/template"
	"math"
	"strconv"
)

// maxPoints bounds a series: as many as five-minute buckets of a day, and some more. Of a longer one the last are drawn.
const maxPoints = 400

// Sparkline draws a series as a line over its area, without text; the lowest value drawn is 0. A value that is no number is a
// gap. It takes the width that it is given.
func Sparkline(title string, values []float64) template.HTML {
	values = values[max(len(values)-maxPoints, 0):]
	highest, last := 0.0, 0.0
	for _, v := range values {
		if !math.IsNaN(v) {
			highest, last = max(highest, amount(v)), amount(v)
		}
	}
	var s svg
	s.open("sparkline", title+": last "+num(last)+", highest "+num(highest),
		"width", "100%", "height", "32", "viewBox", "0 0 "+strconv.Itoa(max(len(values)-1, 1))+" 32", "preserveAspectRatio", "none")
	for first := 0; first < len(values); first++ {
		if math.IsNaN(values[first]) {
			continue
		}
		end := first
		for end < len(values) && !math.IsNaN(values[end]) {
			end++
		}
		s.run(first, values[first:end], highest)
		first = end
	}
	return s.close()
}

// run draws values that follow each other without a gap.
func (s *svg) run(first int, values []float64, highest float64) {
	line := make([]byte, 0, 16*len(values))
	for i, v := range values {
		line = append(line, "ML"[min(i, 1)])
		line = strconv.AppendInt(line, int64(first+i), 10)
		line = append(line, ' ')
		line = append(line, num(31-30*share(v, highest))...)
	}
	if len(values) == 1 {
		line = append(line, "h0"...)
	}
	area := string(line) + "V32H" + strconv.Itoa(first) + "Z"
	s.element("path", "", "class", "area", "d", area)
	s.element("path", "", "class", "line", "d", string(line), "vector-effect", "non-scaling-stroke")
}

// Column is one column of Columns: its parts from the bottom up.
type Column struct {
	Label string // shown on hovering, such as a time
	Parts []Part
}

// Columns draws columns beside each other, such as hours, without text. It takes the width that it is given.
func Columns(title string, columns []Column) template.HTML {
	const height = 100
	columns = columns[max(len(columns)-maxPoints, 0):]
	highest := 0.0
	for _, c := range columns {
		highest = max(highest, sum(c.Parts))
	}
	var s svg
	s.open("columns", title+": highest "+num(highest), "width", "100%", "height", strconv.Itoa(height),
		"viewBox", "0 0 "+strconv.Itoa(max(len(columns), 1)*10)+" "+strconv.Itoa(height), "preserveAspectRatio", "none")
	for i, c := range columns {
		bottom := float64(height)
		for _, p := range c.Parts[:min(len(c.Parts), maxParts)] {
			h := share(p.Value, highest) * height
			if h <= 0 {
				continue
			}
			bottom -= h
			s.element("rect", c.Label+": "+p.Label+" "+num(amount(p.Value)), "class", "part"+classOf(p.Class),
				"x", strconv.Itoa(i*10+1), "y", num(max(bottom, 0)), "width", "8", "height", num(h))
		}
	}
	return s.close()
}
