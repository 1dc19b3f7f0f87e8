// SPDX-License-Identifier: Apache-2.0

package termtest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScreen(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		sent        []string
		want        string
		wantUnknown []string
	}{
		"lines":                                {[]string{"one\r\ntwo\r\n"}, "one\ntwo", nil},
		"a feed alone keeps the column":        {[]string{"one\ntwo"}, "one\n   two", nil},
		"a line that is written over":          {[]string{"waiting\r\x1b[Kdone"}, "done", nil},
		"what is longer goes on below":         {[]string{"0123456789abc"}, "0123456789\nabc", nil},
		"a full line and its end are one line": {[]string{"0123456789\r\nabc"}, "0123456789\nabc", nil},
		"erasing behind a full line":           {[]string{"0123456789\x1b[K"}, "012345678", nil},
		"it moves up":                          {[]string{"a\r\nb\r\nc\r\nd\r\ne"}, "b\nc\nd\ne", nil},
		"the corner":                           {[]string{"abc\r\ndef\x1b[HA"}, "Abc\ndef", nil},
		"the rest of the screen":               {[]string{"abc\r\ndef\x1b[H\x1b[J"}, "", nil},
		"another screen":                       {[]string{"abc\x1b[?1049h\x1b[Hdef\x1b[?1049lg"}, "abcg", nil},
		"halves":                               {[]string{"\xe2\x86", "\x91\x1b", "[1", "mx"}, "↑x", nil},
		"a step back":                          {[]string{"abc\bd"}, "abd", nil},
		"a tab":                                {[]string{"a\tb"}, "a       b", nil},
		"what is not known":                    {[]string{"a\x1b[2Jb\x1b]0;t\ac\xff"}, "ab0;tc", []string{`"\x1b[2J"`, `"\x1b]"`, `"\a"`, `"\xff"`}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := NewScreen(10, 4)
			for _, part := range tc.sent {
				if n, err := s.Write([]byte(part)); n != len(part) || err != nil {
					t.Fatal(n, err)
				}
			}
			if diff := cmp.Diff(tc.want, s.String()); diff != "" {
				t.Errorf("screen mismatch (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantUnknown, s.Unknown()); diff != "" {
				t.Errorf("unknown sequences mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStyles(t *testing.T) {
	t.Parallel()
	s := NewScreen(20, 2)
	_, _ = s.Write([]byte("plain \x1b[1mbold\x1b[0m \x1b[31mred\x1b[0m"))
	for text, want := range map[string]string{"plain": "", "bold": "1", "red": "31", "nowhere": ""} {
		if got := s.Style(text); got != want {
			t.Errorf("%q has the style %q, want %q", text, got, want)
		}
	}
	if s.IsPlain() {
		t.Error("it is plain")
	}
}

func TestResize(t *testing.T) {
	t.Parallel()
	s := NewScreen(10, 3)
	_, _ = s.Write([]byte("behind\x1b[?1049h\x1b[?25l\x1b[H0123456789\r\nabc"))
	s.Resize(4, 2)
	if got := s.String(); got != "0123\nabc" || s.HasCursor() || !s.IsAlternate() {
		t.Errorf("%q", got)
	}
	_, _ = s.Write([]byte("\x1b[?25h\x1b[?1049l"))
	if got := s.String(); got != "behi" || !s.HasCursor() || s.IsAlternate() {
		t.Errorf("%q", got)
	}
}
