// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Clean makes text one line that a terminal shows and does not obey: everything that does not print is written as JSON would
// escape it. That is control characters, those that turn the direction of text, and bytes that are no UTF-8.
func Clean(text string) string {
	if isClean(text) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case isPrintable(r, text[i:]):
			b.WriteRune(r)
		case r == utf8.RuneError:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		default:
			escape(&b, r)
		}
	}
	return b.String()
}

// CleanLines is Clean for text of several lines: it leaves line ends and tabs.
func CleanLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		cells := strings.Split(strings.TrimSuffix(line, "\r"), "\t")
		for j := range cells {
			cells[j] = Clean(cells[j])
		}
		lines[i] = strings.Join(cells, "\t")
	}
	return strings.Join(lines, "\n")
}

func isClean(text string) bool {
	for i, r := range text {
		if !isPrintable(r, text[i:]) {
			return false
		}
	}
	return true
}

// isPrintable reports whether r, with which rest begins, is a character that is shown as such.
func isPrintable(r rune, rest string) bool {
	if r == utf8.RuneError {
		_, size := utf8.DecodeRuneInString(rest)
		return size > 1 // a replacement character that is really there
	}
	return unicode.IsPrint(r) || unicode.Is(unicode.Zs, r)
}

func escape(b *strings.Builder, r rune) {
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		fmt.Fprintf(b, `\u%04x\u%04x`, high, low)
		return
	}
	fmt.Fprintf(b, `\u%04x`, r)
}

// cleaner cleans what is written to a terminal, line by line.
type cleaner struct {
	w    io.Writer
	held []byte // what may be half a character
}

var _ io.Writer = (*cleaner)(nil)

// Write implements io.Writer. Half a character at the end waits for its other half.
func (c *cleaner) Write(p []byte) (int, error) {
	text := slices.Concat(c.held, p)
	whole := len(text)
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if tail := text[len(text)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				whole = len(text) - i
			}
			break
		}
	}
	c.held = bytes.Clone(text[whole:])
	if _, err := io.WriteString(c.w, CleanLines(string(text[:whole]))); err != nil {
		return 0, err
	}
	return len(p), nil
}
