// SPDX-License-Identifier: Apache-2.0

package termtest

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Screen is what a terminal shows. It understands what xterm does with what our programs send; every character is one column wide.
type Screen struct {
	columns, rows int
	lines         [][]cell
	x, y          int
	isFull        bool    // a character stands in the last column, and the next one begins a line
	style         string  // of what is written next, as in Style
	behind        *Screen // what the alternate screen hides
	isHidden      bool    // the cursor is
	unknown       []string
	rest          []byte // the beginning of a character or sequence
}

// cell is a character and how it is shown.
type cell struct {
	r     rune
	style string
}

var blank = cell{r: ' '}

// NewScreen is an empty screen.
func NewScreen(columns, rows int) *Screen {
	s := &Screen{columns: columns, rows: rows}
	s.lines = s.empty()
	return s
}

func (s *Screen) empty() [][]cell {
	lines := make([][]cell, s.rows)
	for i := range lines {
		lines[i] = slices.Repeat([]cell{blank}, s.columns)
	}
	return lines
}

// Lines are the screen's lines, without the blanks at their ends.
func (s *Screen) Lines() []string {
	lines := make([]string, len(s.lines))
	for i, line := range s.lines {
		var b strings.Builder
		for _, c := range line {
			b.WriteRune(c.r)
		}
		lines[i] = strings.TrimRight(b.String(), " ")
	}
	return lines
}

// String is the screen's text, without the empty lines at its end.
func (s *Screen) String() string { return strings.TrimRight(strings.Join(s.Lines(), "\n"), "\n") }

// Has reports whether a text stands in one of the lines.
func (s *Screen) Has(text string) bool {
	return slices.ContainsFunc(s.Lines(), func(line string) bool { return strings.Contains(line, text) })
}

// Style is how the first occurrence of a text is shown: the numbers of ANSI as they were sent, as "1" for bold, or "" for plain or
// for a text that is not there.
func (s *Screen) Style(text string) string {
	for i, line := range s.Lines() {
		if before, _, ok := strings.Cut(line, text); ok {
			return s.lines[i][utf8.RuneCountInString(before)].style
		}
	}
	return ""
}

// IsPlain reports whether nothing on the screen has a style.
func (s *Screen) IsPlain() bool {
	return !slices.ContainsFunc(s.lines, func(line []cell) bool {
		return slices.ContainsFunc(line, func(c cell) bool { return c.style != "" })
	})
}

// IsAlternate reports whether it is the screen that hides what was there before.
func (s *Screen) IsAlternate() bool { return s.behind != nil }

// HasCursor reports whether the cursor is shown.
func (s *Screen) HasCursor() bool { return !s.isHidden }

// Unknown are the sequences and control characters that were sent and that a Screen does not know.
func (s *Screen) Unknown() []string { return slices.Clone(s.unknown) }

// Resize makes the screen another size. What does not fit is cut off, as it is where the alternate screen is shown.
func (s *Screen) Resize(columns, rows int) {
	if s.behind != nil {
		s.behind.Resize(columns, rows)
	}
	s.columns, s.rows = columns, rows
	lines := s.empty()
	for i := range min(len(lines), len(s.lines)) {
		copy(lines[i], s.lines[i])
	}
	s.lines, s.isFull = lines, false
	s.x, s.y = min(s.x, columns-1), min(s.y, rows-1)
}

// Write implements io.Writer: it shows what a program sent.
func (s *Screen) Write(sent []byte) (int, error) {
	s.rest = append(s.rest, sent...)
	for len(s.rest) > 0 {
		n := s.take(s.rest)
		if n == 0 { // the other half is yet to come
			break
		}
		s.rest = s.rest[n:]
	}
	return len(sent), nil
}

// take shows the first character or sequence, and tells how long it is; 0 if it is not whole.
func (s *Screen) take(sent []byte) int {
	switch sent[0] {
	case '\x1b':
		return s.sequence(sent)
	case '\r':
		s.x, s.isFull = 0, false
	case '\n':
		s.feed()
	case '\t':
		s.x = min(s.x/8*8+8, s.columns-1)
	case '\b':
		s.x, s.isFull = max(s.x-1, 0), false
	default:
		if !utf8.FullRune(sent) {
			return 0
		}
		r, n := utf8.DecodeRune(sent)
		if r < ' ' || r == 0x7f || r == utf8.RuneError && n == 1 {
			s.unknown = append(s.unknown, strconv.QuoteToASCII(string(sent[:n])))
			return n
		}
		s.put(r)
		return n
	}
	return 1
}

// put writes a character where the cursor is.
func (s *Screen) put(r rune) {
	if s.isFull {
		s.x, s.isFull = 0, false
		s.feed()
	}
	s.lines[s.y][s.x] = cell{r, s.style}
	if s.isFull = s.x == s.columns-1; !s.isFull {
		s.x++
	}
}

// feed goes to the next line. The screen moves up where there is none.
func (s *Screen) feed() {
	if s.y < s.rows-1 {
		s.y++
		return
	}
	s.lines = append(s.lines[1:], slices.Repeat([]cell{blank}, s.columns))
}

// sequence obeys ESC [ parameters letter, and tells how long it is.
func (s *Screen) sequence(sent []byte) int {
	if len(sent) < 2 {
		return 0
	}
	if sent[1] != '[' {
		s.unknown = append(s.unknown, strconv.QuoteToASCII(string(sent[:2])))
		return 2
	}
	end := slices.IndexFunc(sent[2:], func(c byte) bool { return c >= 0x40 && c <= 0x7e }) + 2
	if end < 2 {
		return 0
	}
	if !s.obey(string(sent[2:end]), sent[end]) {
		s.unknown = append(s.unknown, strconv.QuoteToASCII(string(sent[:end+1])))
	}
	return end + 1
}

// obey does what a sequence says, if it knows it.
func (s *Screen) obey(parameters string, letter byte) bool {
	switch text := parameters + string(letter); {
	case letter == 'm':
		s.style = strings.TrimPrefix(parameters, "0")
	case text == "H":
		s.x, s.y, s.isFull = 0, 0, false
	case text == "K":
		s.eraseLine()
	case text == "J":
		s.eraseLine()
		for i := s.y + 1; i < s.rows; i++ {
			s.lines[i] = slices.Repeat([]cell{blank}, s.columns)
		}
	case text == "?25h":
		s.isHidden = false
	case text == "?25l":
		s.isHidden = true
	case text == "?1049h" && s.behind == nil:
		shown := *s
		shown.rest, shown.unknown = nil, nil
		s.behind = &shown
		s.lines = s.empty()
	case text == "?1049l" && s.behind != nil:
		s.lines, s.x, s.y, s.isFull, s.behind = s.behind.lines, s.behind.x, s.behind.y, s.behind.isFull, nil
	default:
		return false
	}
	return true
}

// eraseLine takes away what stands from the cursor on. Behind a full line, the cursor still stands on its last character.
func (s *Screen) eraseLine() {
	for i := s.x; i < s.columns; i++ {
		s.lines[s.y][i] = blank
	}
}
