// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// maxLine bounds a line; longer ones are several. CloudWatch Logs: an event has at most 256 KiB.
const maxLine = 256<<10 - 64

// maxStamp is at least how long the time in front of a line is.
const maxStamp = 40

// Line is one line of a stream.
type Line struct {
	// Time is when the line was written, in nanoseconds since 1970. Invariant: later than that of the line before it.
	Time int64
	// Text has no newline. It need not be UTF-8.
	Text string
}

// size is what the line counts for in a log.
func (l Line) size() int { return len(l.Text) + 1 }

// appendTo writes the line as the kubelet shows it.
func (l Line) appendTo(b []byte) []byte {
	b = time.Unix(0, l.Time).UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, ' ')
	b = append(b, l.Text...)
	return append(b, '\n')
}

// A Scanner reads lines, each with its time in front, as the kubelet shows them.
type Scanner struct {
	r      *bufio.Reader
	buf    []byte // read and not yet a line; only its last byte may be a newline
	last   int64  // Time of the line before
	isRest bool   // buf goes on with a line that was too long
	// isSpoken says that the line that was read last came without a time: it is not the container's, but what the kubelet has to
	// say of the log.
	isSpoken bool
}

// NewScanner makes a Scanner of what follows the line with the time last.
func NewScanner(r io.Reader, last int64) *Scanner { return &Scanner{r: bufio.NewReader(r), last: last} }

// errUnfinished is io.EOF after a line without an end: the rest may yet be written.
var errUnfinished = fmt.Errorf("unfinished line: %w", io.EOF)

// Next reads a line. It returns io.EOF at the end; an errUnfinished comes with a line.
func (s *Scanner) Next() (Line, error) {
	for {
		if line, ok := s.take(); ok {
			return line, nil
		}
		part, err := s.r.ReadSlice('\n')
		s.buf = append(s.buf, part...)
		switch {
		case err == nil, errors.Is(err, bufio.ErrBufferFull), len(part) > 0: // the error comes again
		case errors.Is(err, io.EOF) && len(s.buf) > 0:
			line := s.line(s.buf)
			s.buf = s.buf[:0]
			return line, errUnfinished
		default:
			return Line{}, err
		}
	}
}

// take makes a line of what was read, if it is one. Where a line is cut that is too long depends on nothing but the line.
func (s *Scanner) take() (Line, bool) {
	end, limit := len(s.buf), maxLine
	isWhole := end > 0 && s.buf[end-1] == '\n'
	if isWhole {
		end--
	}
	if !s.isRest {
		limit += maxStamp
	}
	isCut := end > limit
	switch {
	case isCut:
		end = wholeRunes(s.buf[:limit])
	case !isWhole:
		return Line{}, false
	}
	line := s.line(s.buf[:end])
	if !isCut {
		end++
	}
	s.buf = append(s.buf[:0], s.buf[end:]...)
	s.isRest = isCut
	return line, true
}

// wholeRunes is where b ends without a character of which only a part is there.
func wholeRunes(b []byte) int {
	for i := len(b) - 1; i >= max(0, len(b)-utf8.UTFMax); i-- {
		if utf8.RuneStart(b[i]) {
			if utf8.FullRune(b[i:]) {
				return len(b)
			}
			return i
		}
	}
	return len(b)
}

// line reads the time in front of the text. A line without one, and one that is no later than the line before, counts as a
// nanosecond later.
func (s *Scanner) line(raw []byte) Line {
	var at int64
	text := raw
	s.isSpoken = !s.isRest
	if !s.isRest {
		if stamp, rest, ok := bytes.Cut(raw, []byte(" ")); ok {
			if t, err := time.Parse(time.RFC3339Nano, string(stamp)); err == nil && isTime(t) {
				at, text, s.isSpoken = t.UnixNano(), rest, false
			}
		}
	}
	s.last = max(at, s.last+1)
	return Line{Time: s.last, Text: string(text)}
}

// isTime reports whether t can be told in nanoseconds, and others after it.
func isTime(t time.Time) bool { return t.Year() >= 1970 && t.Year() < 2262 }
