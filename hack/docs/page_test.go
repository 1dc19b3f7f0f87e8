// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `<!-- cluster: ec2 -->
# The page's ` + "`title`" + `
Words with ` + "`inline code`" + ` and a [link](other.md#part), and
` + "`code of\ntwo lines`" + ` that has [no](link.md) inside: ` + "`[x](y.md)`" + `.

    make demo
    # a comment

    aws batch

1. An item

       kubectl get pods
   and its end.

<!-- not run: it needs
     an account -->
<!-- before: X=1 -->
~~~console
$ aws sts get-caller-identity
~~~

Words.
    not code, since a paragraph goes on

   ` + "```yaml" + `
   a: 1
     b: 2
   ` + "```" + `
## Part
## Part
`

func TestParse(t *testing.T) {
	t.Parallel()
	page, err := Parse("docs/x.md", sample)
	if err != nil {
		t.Fatal(err)
	}
	want := Page{
		File: "docs/x.md", Cluster: clusterEC2, NamesCluster: true,
		Blocks: []Block{
			{Line: 7, Language: "sh", Text: "make demo\n# a comment\n\naws batch"},
			{Line: 14, Language: "sh", Text: "kubectl get pods"},
			{
				Line: 20, Language: "console", Text: "$ aws sts get-caller-identity",
				Notes: []Note{{Key: noteNotRun, Value: "it needs\n     an account"}, {Key: noteBefore, Value: "X=1"}},
			},
			{Line: 27, Language: "yaml", Text: "a: 1\n  b: 2"},
		},
		Anchors: []string{"the-pages-title", "part", "part-1"},
		Links:   []Link{{Line: 3, Target: "other.md#part"}, {Line: 5, Target: "link.md"}},
		Codes: []Code{
			{Line: 2, Text: "title"}, {Line: 3, Text: "inline code"}, {Line: 4, Text: "code of two lines"}, {Line: 5, Text: "[x](y.md)"},
		},
	}
	if diff := cmp.Diff(want, page); diff != "" {
		t.Errorf("page mismatch (-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a fence without an end":   "# T\n\n```sh\ntrue",
		"a comment without an end": "# T\n<!-- not run: x",
		"a reason that is missing": "# T\n<!-- not run -->\n\n    true",
		"an unknown cluster":       "<!-- cluster: moon -->\n# T",
	} {
		if _, err := Parse("x.md", text); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestCommandsOf(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want []command
	}{
		"without a prompt all is one script": {
			text: "a\nb",
			want: []command{{text: "a\nb"}},
		},
		"with prompts the other lines are printed": {
			text: "$ a \\\n    b\nout\n\nmore\n$ c\n> d\n$ e",
			want: []command{
				{text: "a \\\n    b", prints: []string{"out", "", "more"}},
				{line: 5, text: "c\nd", prints: []string{}},
				{line: 7, text: "e", prints: []string{}},
			},
		},
		"what is before the first prompt is a script": {
			text: "export A=1\nexport B=2\n$ a\nout",
			want: []command{{text: "export A=1\nexport B=2"}, {line: 2, text: "a", prints: []string{"out"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, commandsOf(tc.text), cmp.AllowUnexported(command{})); diff != "" {
				t.Errorf("commands mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		shown, printed string
		want           bool
	}{
		"the same":                             {"a\nb", "a\nb\n", true},
		"blanks at ends of lines do not count": {"a  \nb", "a\nb  \n\n", true},
		"a line less":                          {"a", "a\nb\n", false},
		"a line more":                          {"a\nb", "a\n", false},
		"any text in a line":                   {"job … is …!", "job 1-2 is done!\n", true},
		"any text is of one line":              {"a…b", "a\nb\n", false},
		"any lines":                            {"a\n…\nz", "a\nb\nc\nz\n", true},
		"any lines may be none":                {"a\n…\nz", "a\nz\n", true},
		"dots are themselves":                  {"a.b", "axb\n", false},
		"nothing":                              {"", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := match(strings.Split(tc.shown, "\n"), tc.printed); (got == "") != tc.want {
				t.Errorf("match: %q, want a match: %v", got, tc.want)
			}
		})
	}
}
