// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"path"
	"slices"
	"testing"
)

// TestWords reads every page and checks what it names.
func TestWords(t *testing.T) {
	t.Parallel()
	checkout, err := NewCheckout("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(checkout.flags) < 50 || len(checkout.tests) < 500 || len(checkout.targets) < 10 {
		t.Fatalf("found %d flags, %d tests and %d make targets, want more", len(checkout.flags), len(checkout.tests), len(checkout.targets))
	}
	links, codes := 0, 0
	for _, page := range checkout.Pages {
		links, codes = links+len(page.Links), codes+len(page.Codes)
		for _, wrong := range slices.Concat(checkout.CheckLinks(page), checkout.CheckNames(page), checkout.CheckFlags(page), checkForm(page)) {
			t.Error(wrong)
		}
	}
	t.Logf("%d pages, %d links, %d pieces of code in their text", len(checkout.Pages), links, codes)
}

// TestEveryPageIsInTheMap holds docs/README.md to be complete, with the lists that generated folders have of their pages.
func TestEveryPageIsInTheMap(t *testing.T) {
	t.Parallel()
	pages, err := Pages("../..")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(pages, func(p Page) bool { return p.File == "docs/README.md" })
	if i < 0 {
		t.Fatal("there is no docs/README.md")
	}
	linked := map[string]bool{pages[i].File: true}
	follow := func(page Page) {
		for _, l := range page.Links {
			file, _ := page.Resolve(l.Target)
			linked[file] = true
		}
	}
	follow(pages[i])
	for _, page := range pages {
		if page.IsGenerated && linked[page.File] && path.Base(page.File) == "README.md" {
			follow(page)
		}
	}
	for _, page := range pages {
		if !linked[page.File] {
			t.Errorf("docs/README.md does not lead to %s", page.File)
		}
	}
}

func TestChecksFindWhatIsWrong(t *testing.T) {
	t.Parallel()
	checkout, err := NewCheckout("../..")
	if err != nil {
		t.Fatal(err)
	}
	page, err := Parse("docs/x.md", "# T\n[a](nowhere.md) [b](#nothing) [c](../README.md#nothing) `make nothing` `hack/nothing` TestNothing `--no-such-flag=x`\n"+
		"`go test -run 'TestParse|NoSuchThing' ./x`\n\n```\nx\n```\n\n    make nothing\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		check func(Page) []string
		want  int
	}{
		"links": {checkout.CheckLinks, 3},
		"names": {checkout.CheckNames, 5},
		"flags": {checkout.CheckFlags, 1},
		"form":  {checkForm, 1},
	} {
		if got := tc.check(page); len(got) != tc.want {
			t.Errorf("%s: found %q, want %d", name, got, tc.want)
		}
	}
}

// checkForm says which blocks do not say what they are.
func checkForm(page Page) []string {
	var wrong []string
	for _, block := range page.Blocks {
		if block.Language == "" && !page.IsGenerated {
			wrong = append(wrong, at(page, block)+": a fence without a language")
		}
	}
	return wrong
}
