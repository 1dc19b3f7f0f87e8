// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/explain.md anew")

const (
	page       = "../../docs/explain.md"
	tableBegin = "<!-- The table of codes is written by go test ./queue-api/explain -run TestDocs -update -->\n"
	tableEnd   = "<!-- End of the table of codes -->\n"
)

// TestDocsNameEveryCode holds the page to the table in codes.go.
func TestDocsNameEveryCode(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), tableBegin)
	old, after, ended := strings.Cut(rest, tableEnd)
	if !ok || !ended {
		t.Fatalf("%s has no place for the table", page)
	}
	if table := codeTable(); old != table {
		if !*update {
			t.Errorf("the table of %s is not that of codes.go; -update writes it", page)
			return
		}
		if err := os.WriteFile(page, []byte(before+tableBegin+table+tableEnd+after), 0o644); err != nil { //nolint:gosec // a page of the docs
			t.Fatal(err)
		}
	}
}

// codeTable is the table in the form of the page.
func codeTable() string {
	var b strings.Builder
	b.WriteString("| code | kind | what it means | what to do |\n|---|---|---|---|\n")
	names := map[string]string{}
	for _, p := range placeholders {
		names[p] = "*name*"
	}
	for _, e := range Entries() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", e.Code, e.Kind, fill(e.Meaning, names), fill(e.Next, names))
	}
	return b.String()
}

func TestEveryCodeIsThereOnce(t *testing.T) {
	t.Parallel()
	seen := map[Code]bool{}
	for _, e := range Entries() {
		class, what, ok := strings.Cut(string(e.Code), ":")
		if !ok || class == "" || what == "" || strings.ToUpper(string(e.Code)) != string(e.Code) || seen[e.Code] {
			t.Errorf("%s is no code, or not the first of its name", e.Code)
		}
		if seen[e.Code] = true; e.Kind == "" || !strings.HasSuffix(e.Meaning, ".") || !strings.HasSuffix(e.Next, ".") || strings.Contains(e.Meaning+e.Next, "|") {
			t.Errorf("%s is told as %+v", e.Code, e)
		}
	}
}
