// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Part is an amount of something.
type Part struct {
	Label string
	// Class names the part's colour in the stylesheet: lower-case letters, digits and hyphens; upper-case letters are made
	// lower-case, so that a job's status is one.
	Class string
	// Value is not negative. What is, or is no number, counts as none.
	Value float64
}

const (
	// maxTold bounds a label that is read out or shown on hovering, maxShown one that is drawn, in characters.
	maxTold  = 200
	maxShown = 60
	// maxDescribed bounds how many things a description lists.
	maxDescribed = 12
	maxHref      = 2048
)

// svg writes a picture.
type svg struct{ b strings.Builder }

// open begins a picture that is a whole: its parts are not read out.
func (s *svg) open(class, title string, attributes ...string) {
	s.begin(class, "img", title, "", attributes)
}

// openGroup begins a picture whose parts can be followed as links.
func (s *svg) openGroup(class, title, desc string, attributes ...string) {
	s.begin(class, "group", title, desc, attributes)
}

func (s *svg) begin(class, role, title, desc string, attributes []string) {
	s.raw(`<svg class="chart `, class, `" role="`, role, `"`)
	s.attributes(attributes)
	s.raw(` aria-label="`, told(title), `">`)
	s.title(title)
	if desc != "" {
		s.raw("<desc>", told(desc), "</desc>")
	}
}

func (s *svg) close() template.HTML {
	s.raw("</svg>")
	return template.HTML(s.b.String())
}

// raw writes what is markup already.
func (s *svg) raw(parts ...string) {
	for _, p := range parts {
		s.b.WriteString(p)
	}
}

// attributes writes names and values in turn; the values are markup already.
func (s *svg) attributes(list []string) {
	for i := 0; i+1 < len(list); i += 2 {
		s.raw(" ", list[i], `="`, list[i+1], `"`)
	}
}

// element writes an element that is empty but for its title, if it has one.
func (s *svg) element(name, title string, attributes ...string) {
	s.raw("<", name)
	s.attributes(attributes)
	if title == "" {
		s.raw("/>")
		return
	}
	s.raw(">")
	s.title(title)
	s.raw("</", name, ">")
}

func (s *svg) title(text string) { s.raw("<title>", told(text), "</title>") }

// text writes a line of text.
func (s *svg) text(class, text string, attributes ...string) {
	s.raw(`<text class="`, class, `"`)
	s.attributes(attributes)
	s.raw(">", shown(text, maxShown), "</text>")
}

// link begins a link, if there is a place to go to; end ends it. The text in it is what it is called.
func (s *svg) link(href string) (end func()) {
	if href = place(href); href == "" {
		return func() {}
	}
	s.raw(`<a href="`, href, `">`)
	return func() { s.raw("</a>") }
}

// told is a label for those who listen or hover.
func told(text string) string { return shown(text, maxTold) }

// shown is a label as markup, of at most so many characters. What cannot be seen, or would turn around what follows, is
// shown as a replacement character.
func shown(text string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > limit {
			b.WriteRune('…')
			break
		}
		if isHidden(r) {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return html.EscapeString(b.String())
}

// isHidden reports whether a character is a control, turns text around, or is nothing to see.
func isHidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp)
}

// place is a link within the console, as markup; empty for everything else.
func place(href string) string {
	if !strings.HasPrefix(href, "/") || strings.HasPrefix(href, "//") || len(href) > maxHref || strings.ContainsFunc(href, isHidden) ||
		strings.Contains(href, `\`) || !utf8.ValidString(href) {
		return ""
	}
	return html.EscapeString(href)
}

// classOf is a class of the stylesheet, with a space before it; empty for what cannot be one.
func classOf(name string) string {
	name = strings.ToLower(name)
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return ""
		}
	}
	if name == "" || len(name) > maxShown {
		return ""
	}
	return " " + name
}

// amount is a value that can be drawn.
func amount(v float64) float64 {
	if math.IsNaN(v) || v < 0 {
		return 0
	}
	return min(v, math.MaxFloat32) // sums of it are finite
}

func sum(parts []Part) (total float64) {
	for _, p := range parts {
		total += amount(p.Value)
	}
	return total
}

// share is how much a value is of a total, from 0 to 1.
func share(v, total float64) float64 {
	if total <= 0 {
		return 0
	}
	return min(amount(v)/total, 1)
}

// num writes a number with at most two decimals.
func num(v float64) string {
	text := strconv.FormatFloat(v, 'f', 2, 64)
	text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	if text == "-0" {
		return "0"
	}
	return text
}

func percent(of1 float64) string { return num(of1*100) + "%" }

// describe lists what parts there are, the first of them.
func describe(parts []Part) string {
	var b strings.Builder
	told := 0
	for _, p := range parts {
		if amount(p.Value) == 0 {
			continue
		}
		if told == maxDescribed {
			b.WriteString(", and more")
			break
		}
		if told++; told > 1 {
			b.WriteString(", ")
		}
		b.WriteString(p.Label + " " + num(amount(p.Value)))
	}
	if told == 0 {
		return "nothing"
	}
	return b.String()
}
