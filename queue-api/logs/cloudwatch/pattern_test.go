// SPDX-License-Identifier: Apache-2.0

package cloudwatch

import (
	"os"
	"strings"
	"testing"
)

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPattern(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		pattern  string
		matching []string
		others   []string
		refused  bool
	}{
		"nothing matches all":               {pattern: " ", matching: []string{"", "x"}},
		"a term":                            {pattern: "ERROR", matching: []string{"[ERROR] x"}, others: []string{"error", ""}},
		"all terms":                         {pattern: "a  b", matching: []string{"b a"}, others: []string{"a", "b"}},
		"a phrase":                          {pattern: `"a b" c`, matching: []string{"c a b"}, others: []string{"a c b"}},
		"quotes in a phrase":                {pattern: `"a \"b\\\""`, matching: []string{`a "b\"`}, others: []string{"a b"}},
		"a term that must not be":           {pattern: `a -b -"c d"`, matching: []string{"a", "a d c"}, others: []string{"a b", "ac d"}},
		"any term":                          {pattern: `?a ?"b c"`, matching: []string{"a", "b c"}, others: []string{"b", ""}},
		"any term does not count with all":  {pattern: "?a b", matching: []string{"b"}, others: []string{"a"}},
		"a phrase without an end":           {pattern: `"a`, refused: true},
		"a phrase that ends in a backslash": {pattern: `"a\`, refused: true},
		"JSON":                              {pattern: "{ $.a = 1 }", refused: true},
		"columns":                           {pattern: "[a, b]", refused: true},
		"a regular expression":              {pattern: "%a+%", refused: true},
		"too long":                          {pattern: strings.Repeat("a", maxPattern+1), refused: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := parsePattern(tc.pattern)
			if (err != nil) != tc.refused {
				t.Fatalf("refused: %v", err)
			}
			for _, message := range tc.matching {
				if !p.matches(message) {
					t.Errorf("%q does not match", message)
				}
			}
			for _, message := range tc.others {
				if p.matches(message) {
					t.Errorf("%q matches", message)
				}
			}
		})
	}
}

func FuzzPattern(f *testing.F) {
	f.Add(`a -"b c" ?d`, "a")
	f.Add(`"\`, "")
	f.Fuzz(func(t *testing.T, text, message string) {
		p, err := parsePattern(text)
		if err != nil {
			return
		}
		if p.matches(message) && len(p.none) == 0 && len(p.any) == 0 {
			for _, term := range p.all {
				if !strings.Contains(message, term) {
					t.Fatalf("%q is not in %q", term, message)
				}
			}
		}
		if len(p.all) > 0 && len(p.none) == 0 && !p.matches(strings.Join(p.all, " ")) {
			t.Fatalf("%q does not match all its terms", text)
		}
	})
}

func FuzzTokens(f *testing.F) {
	f.Add(place{true, 5}.token())
	f.Add("eyJvIjoiTG9nU3RyZWFtTmFtZSJ9")
	f.Add("b/" + strings.Repeat("9", 56) + "/s")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := parseToken(text); err == nil {
			if p.at < 0 || p.token() != text {
				t.Fatalf("%q is read as %q", text, p.token())
			}
		}
		if p, err := parseStreamToken(&text, orderByName); err == nil {
			again, err := p.token()
			if err != nil {
				t.Fatal(err)
			}
			if q, err := parseStreamToken(again, orderByName); err != nil || q != p {
				t.Fatalf("%+v is read as %+v, %v", p, q, err)
			}
		}
		if p, err := parseSearchToken(&text); err == nil && p.Time < 0 {
			t.Fatalf("a time before all: %+v", p)
		}
	})
}
