// SPDX-License-Identifier: Apache-2.0

package output

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ text, want string }{
		"plain text":                 {"night-7 ünïcode 日本", "night-7 ünïcode 日本"},
		"colours":                    {"\x1b[31mred", `\u001b[31mred`},
		"a title for the window":     {"\x1b]0;title\a", `\u001b]0;title\u0007`},
		"an eight-bit escape":        {"\u009b31m", `\u009b31m`},
		"a line that goes up":        {"ok\r\x1b[1Afake", `ok\u000d\u001b[1Afake`},
		"another row":                {"a\nb\tc", `a\u000ab\u0009c`},
		"text that is turned around": {"\u202etxt.exe", `\u202etxt.exe`},
		"invisible characters":       {"a\u200bb\ufeff", `a\u200bb\ufeff`},
		"line separators":            {"a\u2028b", `a\u2028b`},
		"letters of tags":            {"\U000e0041", `\udb40\udc41`},
		"no UTF-8":                   {"a\xffb\xc3", `a\xffb\xc3`},
		"a replacement character":    {"\ufffd", "\ufffd"},
		"no character at all":        {"", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Clean(tc.text); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// isHarmless reports whether a terminal shows all of text, and obeys none of it.
func isHarmless(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
	})
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"plain", "\x1b[31m", "\u202e", "a\xff", "\xe2\x80", "\U000e0041\n"} {
		f.Add(seed, 1)
	}
	f.Fuzz(func(t *testing.T, text string, cut int) {
		clean := Clean(text)
		if !isHarmless(clean) {
			t.Errorf("%q is %q", text, clean)
		}
		if Clean(clean) != clean {
			t.Errorf("%q is not clean at once", text)
		}
		for line := range strings.SplitSeq(CleanLines(text), "\n") {
			if !isHarmless(strings.ReplaceAll(line, "\t", "")) {
				t.Errorf("a line of %q is %q", text, line)
			}
		}
		// A terminal gets the same whatever is written at once.
		var b strings.Builder
		w := &cleaner{w: &b}
		cut = max(0, min(cut, len(text)))
		_, _ = w.Write([]byte(text[:cut]))
		_, _ = w.Write([]byte(text[cut:]))
		if !isHarmless(strings.NewReplacer("\t", "", "\n", "").Replace(b.String())) {
			t.Errorf("in two parts %q is %q", text, b.String())
		}
		if utf8.ValidString(text) && !strings.Contains(text, "\r") && b.String() != CleanLines(text) {
			t.Errorf("in two parts %q is %q, at once %q", text, b.String(), CleanLines(text))
		}
		fitted := Fit(clean, cut)
		if Width(fitted) > max(cut, 0) {
			t.Errorf("%q in %d columns is %q", clean, cut, fitted)
		}
	})
}
