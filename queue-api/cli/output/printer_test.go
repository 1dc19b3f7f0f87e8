// SPDX-License-Identifier: Apache-2.0

package output

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// thing is an answer.
type thing struct {
	Name  string   `json:"name"`
	At    int64    `json:"at"`
	Parts []string `json:"parts"`
}

var hostile = thing{Name: "x\x1b[31m\u202e", At: 1748306091676, Parts: []string{"a", "b"}}

func view(v thing) View {
	return View{Object: v, Names: []string{v.Name}, Human: func(p *Printer) error {
		return p.NewTable(Column{Name: "NAME"}, Column{Name: "AT", IsWide: true}).Add([]string{v.Name, "now"})
	}}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		format     string
		isTerminal bool
		want       string
	}{
		"a table":                      {"", false, "NAME\n" + `x\u001b[31m\u202e` + "\n"},
		"a wide one":                   {"wide", false, "NAME               AT\n" + `x\u001b[31m\u202e  now` + "\n"},
		"names":                        {"name", false, `x\u001b[31m\u202e` + "\n"},
		"JSON, byte by byte":           {"json", false, "{\n  \"name\": \"x\\u001b[31m\u202e\",\n  \"at\": 1748306091676,\n  \"parts\": [\n    \"a\",\n    \"b\"\n  ]\n}\n"},
		"JSON, on a terminal":          {"json", true, "{\n  \"name\": \"x\\u001b[31m\\u202e\",\n  \"at\": 1748306091676,\n  \"parts\": [\n    \"a\",\n    \"b\"\n  ]\n}\n"},
		"YAML":                         {"yaml", true, "at: 1748306091676\nname: \"x\\e[31m\\u202e\"\nparts:\n- a\n- b\n"},
		"a path, with whole numbers":   {"jsonpath={.at}", false, "1748306091676"},
		"a path on a terminal":         {"jsonpath=.name", true, `x\u001b[31m\u202e` + "\n"},
		"a path byte by byte":          {"jsonpath=name", false, hostile.Name},
		"a path that leads nowhere":    {"jsonpath={.nowhere}", false, ""},
		"a path with several elements": {"jsonpath={.parts[*]}", false, "a b"},
		"a Go template":                {"go-template={{range .parts}}[{{.}}]{{end}}", false, "[a][b]"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			format, err := ParseFormat(tc.format)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			p := &Printer{Out: &b, Format: format, IsTerminal: tc.isTerminal}
			if err := p.Print(view(hostile)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, b.String()); diff != "" {
				t.Errorf("output mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWrongFormats(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"xml": "must be one of", "json=x": "must be one of", "jsonpath": "a template must follow", "go-template-file=/nowhere": "no such file",
	} {
		if _, err := ParseFormat(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("-o %s: %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"jsonpath={.a": "-o jsonpath: unclosed action", "go-template={{": "-o go-template: ", "jsonpath={.parts[7]}": "-o jsonpath: ", `go-template={{index .parts 7}}`: "-o go-template: ",
	} {
		format, err := ParseFormat(text)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		err = (&Printer{Out: &b, Format: format}).Print(view(hostile))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") || b.Len() > 0 {
			t.Errorf("-o %s: %v, printed %q, want %q", text, err, b.String(), want)
		}
	}
}

func TestTemplateFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "template")
	if err := os.WriteFile(path, []byte("{{.name}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	format, err := ParseFormat("go-template-file=" + path)
	if want := (Format{Kind: GoTemplate, Template: "{{.name}}"}); err != nil || format != want {
		t.Errorf("%+v, %v, want %+v", format, err, want)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	columns := []Column{{Name: "ID"}, {Name: "N", IsRight: true}, {Name: "WHY", IsElastic: true, Style: func(string) Style { return Red }}}
	rows := [][]string{{"a", "1", "short"}, {"bcd", "100", "a reason that is quite long, and 日本"}, {"e\nf", "", ""}}
	cases := map[string]struct {
		printer Printer
		want    string
	}{
		"as wide as it is": {Printer{}, "ID          N  WHY\na           1  short\nbcd       100  a reason that is quite long, and 日本\n" + `e\u000af` + "\n"},
		"on a narrow terminal": {
			Printer{Columns: 30}, "ID          N  WHY\na           1  short\nbcd       100  a reason that …\n" + `e\u000af` + "\n",
		},
		"on one that is too narrow": {Printer{Columns: 10}, "ID          N  WHY\na           1  short\nbcd       100  a reason th…\n" + `e\u000af` + "\n"},
		"without headers":           {Printer{NoHeaders: true}, "a           1  short\nbcd       100  a reason that is quite long, and 日本\n" + `e\u000af` + "\n"},
		"with colours": {
			Printer{Colors: true, Columns: 24},
			"\x1b[1mID\x1b[0m          \x1b[1mN\x1b[0m  \x1b[1mWHY\x1b[0m\na           1  \x1b[31mshort\x1b[0m\nbcd       100  \x1b[31ma reason th…\x1b[0m\n" + `e\u000af` + "\n",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			tc.printer.Out = &b
			if err := tc.printer.NewTable(columns...).Add(rows...); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, b.String()); diff != "" {
				t.Errorf("output mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// Rows that come later keep to the columns of those before them.
func TestTableGoesOn(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	table := (&Printer{Out: &b}).NewTable(Column{Name: "A"}, Column{Name: "B"})
	for _, row := range [][]string{{"long enough", "1"}, {"x", "2"}} {
		if err := table.Add(row); err != nil {
			t.Fatal(err)
		}
	}
	if want := "A            B\nlong enough  1\nx            2\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ago := func(d time.Duration) *int64 { return new(now.Add(-d).UnixMilli()) }
	for _, tc := range []struct{ got, want string }{
		{Since(now, nil), None},
		{Since(now, new(int64(0))), None},
		{Since(now, ago(90*time.Second)), "90s"},
		{Since(now, ago(-time.Minute)), "0s"},
		{Between(now, nil, nil), None},
		{Between(now, ago(time.Hour), nil), "60m"},
		{Between(now, ago(time.Hour), ago(59*time.Minute)), "60s"},
		{Stamp(nil), None},
	} {
		if tc.got != tc.want {
			t.Errorf("%q, want %q", tc.got, tc.want)
		}
	}
}
