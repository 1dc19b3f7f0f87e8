// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"html/template"
	"strconv"
	"time"
)

// Row is one row of a Timeline, such as an attempt.
type Row struct {
	Label string
	Spans []Span
	Href  string
}

// Span is what was so from one time to another. What goes on has the Now of the Timeline as its end.
type Span struct {
	From, To time.Time
	Label    string
	Class    string // as of Part
}

const (
	maxSpans   = 50
	axisHeight = 20
)

// Timeline draws rows of spans over the time that all of them take together, with an axis of the time since the first began.
func Timeline(title string, rows []Row) template.HTML {
	rows = rows[:min(len(rows), maxBars)]
	from, to := bounds(rows)
	whole := max(to.Sub(from), time.Millisecond)
	height := len(rows) * rowHeight
	var s svg
	s.openGroup("timeline", title, "", "width", "100%", "height", strconv.Itoa(height+axisHeight))
	s.axis(whole, height)
	for i, r := range rows {
		top := i * rowHeight
		end := s.link(r.Href)
		s.text("label", r.Label, "x", "0", "y", strconv.Itoa(top+14))
		for _, span := range r.Spans[:min(len(r.Spans), maxSpans)] {
			s.span(span, from, whole, top+barTop)
		}
		end()
	}
	return s.close()
}

// bounds are the first and the last time of all spans.
func bounds(rows []Row) (from, to time.Time) {
	for _, r := range rows {
		for _, span := range r.Spans {
			if from.IsZero() || span.From.Before(from) {
				from = span.From
			}
			if span.To.After(to) {
				to = span.To
			}
		}
	}
	return from, to
}

func (s *svg) span(span Span, from time.Time, whole time.Duration, top int) {
	lasts := max(span.To.Sub(span.From), 0)
	x := min(float64(span.From.Sub(from))/float64(whole), 1)
	s.element("rect", span.Label+" "+Duration(lasts), "class", "part"+classOf(span.Class), "x", percent(x), "y", strconv.Itoa(top),
		"width", percent(min(float64(lasts)/float64(whole), 1-x)), "height", strconv.Itoa(barHeight))
}

// steps are the distances between the ticks of an axis, of which the first is taken that makes few enough.
var steps = []time.Duration{
	time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
	30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour,
	6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 2 * 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour, 365 * 24 * time.Hour,
}

// maxTicks is how many a narrow screen has room for.
const maxTicks = 5

func (s *svg) axis(whole time.Duration, height int) {
	step := steps[len(steps)-1]
	for _, d := range steps {
		if whole/d <= maxTicks {
			step = d
			break
		}
	}
	step = max(step, whole/maxTicks)
	for at := time.Duration(0); at <= whole; at += step {
		x := percent(float64(at) / float64(whole))
		s.element("line", "", "class", "tick", "x1", x, "x2", x, "y1", "0", "y2", strconv.Itoa(height))
		anchor := "middle"
		switch {
		case at == 0:
			anchor = "start"
		case whole-at < step/2:
			anchor = "end"
		}
		s.text("tick-label", Duration(at), "x", x, "y", strconv.Itoa(height+14), "text-anchor", anchor)
	}
}

// Duration is a time span in words, in its two largest units.
func Duration(d time.Duration) string {
	const day = 24 * time.Hour
	count := func(n time.Duration, unit string) string { return strconv.FormatInt(int64(n), 10) + " " + unit }
	two := func(large time.Duration, largeUnit string, small time.Duration, smallUnit string) string {
		text := count(d/large, largeUnit)
		if rest := d % large / small; rest > 0 {
			text += " " + count(rest, smallUnit)
		}
		return text
	}
	switch {
	case d <= 0:
		return "0 s"
	case d < time.Second:
		return count(max(d/time.Millisecond, 1), "ms")
	case d < time.Minute:
		if d < 10*time.Second && d%time.Second >= 100*time.Millisecond {
			return num(float64(d/(100*time.Millisecond))/10) + " s"
		}
		return count(d/time.Second, "s")
	case d < time.Hour:
		return two(time.Minute, "min", time.Second, "s")
	case d < day:
		return two(time.Hour, "h", time.Minute, "min")
	}
	return two(day, "d", time.Hour, "h")
}
