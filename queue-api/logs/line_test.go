// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func scan(t *testing.T, r io.Reader) (lines []Line, rest string) {
	t.Helper()
	s := NewScanner(r, 0)
	for {
		line, err := s.Next()
		switch {
		case errors.Is(err, errUnfinished):
			return lines, line.Text
		case errors.Is(err, io.EOF):
			return lines, ""
		case err != nil:
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
}

func TestScanner(t *testing.T) {
	t.Parallel()
	at := began.UnixNano()
	const stamp = "2026-01-02T03:04:05.123456789Z "
	cases := map[string]struct {
		text     string
		want     []Line
		wantRest string
	}{
		"nothing":                                {},
		"lines":                                  {stamp + "a\n" + "2026-01-02T04:04:06.123456789+01:00 b c\n", []Line{{at, "a"}, {at + 1e9, "b c"}}, ""},
		"an empty line":                          {stamp + "\n", []Line{{at, ""}}, ""},
		"the same time twice":                    {stamp + "a\n" + stamp + "b\n" + stamp + "c\n", []Line{{at, "a"}, {at + 1, "b"}, {at + 2, "c"}}, ""},
		"an earlier time":                        {stamp + "a\n2020-01-01T00:00:00Z b\n", []Line{{at, "a"}, {at + 1, "b"}}, ""},
		"no time":                                {stamp + "a\nunable to retrieve logs\n", []Line{{at, "a"}, {at + 1, "unable to retrieve logs"}}, ""},
		"a time beyond nanoseconds":              {stamp + "a\n9999-01-01T00:00:00Z b\n", []Line{{at, "a"}, {at + 1, "9999-01-01T00:00:00Z b"}}, ""},
		"a line that is being written":           {stamp + "a\n" + stamp + "b", []Line{{at, "a"}}, "b"},
		"carriage returns belong to the text":    {stamp + "a\r\n", []Line{{at, "a\r"}}, ""},
		"bytes that are no text are kept as are": {stamp + "\xff\x00\n", []Line{{at, "\xff\x00"}}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, r := range []io.Reader{strings.NewReader(tc.text), iotest.OneByteReader(strings.NewReader(tc.text)), iotest.DataErrReader(strings.NewReader(tc.text))} {
				lines, rest := scan(t, r)
				if diff := cmp.Diff(tc.want, lines); diff != "" || rest != tc.wantRest {
					t.Errorf("rest %q, lines mismatch (-want +got):\n%s", rest, diff)
				}
			}
		})
	}
}

func TestLongLineIsCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é世", maxLine) // 5 times the bound
	text := "2026-01-02T03:04:05.123456789Z " + long + "\n2026-01-02T03:04:06Z next\n"
	var first []Line
	for _, r := range []io.Reader{strings.NewReader(text), iotest.HalfReader(strings.NewReader(text)), iotest.OneByteReader(strings.NewReader(text))} {
		lines, rest := scan(t, r)
		var b strings.Builder
		for _, l := range lines[:len(lines)-1] {
			b.WriteString(l.Text)
			if len(l.Text) > maxLine+maxStamp || !utf8.ValidString(l.Text) {
				t.Errorf("a part of %d bytes, valid %v", len(l.Text), utf8.ValidString(l.Text))
			}
		}
		if b.String() != long || rest != "" || lines[len(lines)-1].Text != "next" {
			t.Errorf("%d parts of %d bytes, rest %q", len(lines), b.Len(), rest)
		}
		if first == nil {
			first = lines
		}
		if diff := cmp.Diff(first, lines); diff != "" {
			t.Error("where a line is cut depends on how it is read")
		}
	}
}

func FuzzScanner(f *testing.F) {
	f.Add("2026-01-02T03:04:05.123456789Z a\nb\n")
	f.Add("\xff \n\n 2026-01-02T03:04:05Z")
	f.Fuzz(func(t *testing.T, text string) {
		whole, wholeRest := scan(t, strings.NewReader(text))
		parts, partsRest := scan(t, iotest.HalfReader(strings.NewReader(text)))
		if diff := cmp.Diff(whole, parts); diff != "" || wholeRest != partsRest {
			t.Fatalf("it depends on how it is read:\n%s", diff)
		}
		var packed []byte
		for i, l := range whole {
			if i > 0 && l.Time <= whole[i-1].Time {
				t.Fatalf("line %d is no later than the one before it", i)
			}
			packed = l.appendTo(packed)
		}
		again, err := parseLines(packed, &chunk{lines: len(whole)})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole, again); diff != "" && len(whole) > 0 {
			t.Fatalf("what is packed is not what is read:\n%s", diff)
		}
		if _, ok := parseKey(Object{Key: text}); ok {
			c, _ := parseKey(Object{Key: text})
			if c.makeKey() != text {
				t.Fatalf("%q is read as %q", text, c.makeKey())
			}
		}
	})
}
