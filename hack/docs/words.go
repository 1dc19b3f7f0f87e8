// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Checkout is what pages may name.
type Checkout struct {
	Root  string
	Pages []Page
	// targets are make's, tests the functions of tests, flags those of the programs, without hyphens.
	targets, tests, flags map[string]bool
}

// NewCheckout reads the checkout at root.
func NewCheckout(root string) (*Checkout, error) {
	pages, err := Pages(root)
	if err != nil {
		return nil, err
	}
	c := &Checkout{Root: root, Pages: pages, targets: map[string]bool{}, tests: map[string]bool{}, flags: map[string]bool{}}
	if err := c.readTargets(); err != nil {
		return nil, err
	}
	if err := c.readTests(); err != nil {
		return nil, err
	}
	return c, c.readFlags()
}

var (
	target   = regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):`)
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z]\w*)\(`)
	flagRow  = regexp.MustCompile("(?m)^\\| `--([a-zA-Z0-9-]+)")
	flagLine = regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-zA-Z0-9-]+)`)
	flagUsed = regexp.MustCompile(`(?:^|[\s("'=])--([a-z][a-zA-Z0-9-]*)`)
	goVar    = regexp.MustCompile(`\.\w+Var\(&\w+(?:\.\w+)*, "([a-z-]+)"`)
	goFlag   = regexp.MustCompile(`flags?\.\w+\((?:&\w+(?:\.\w+)*, )?"([a-z-]+)"`)
)

func (c *Checkout) readTargets() error {
	text, err := os.ReadFile(filepath.Join(c.Root, "Makefile"))
	for _, m := range target.FindAllStringSubmatch(string(text), -1) {
		c.targets[m[1]] = true
	}
	return err
}

// readTests finds every test of the checkout.
func (c *Checkout) readTests() error {
	return filepath.WalkDir(c.Root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && (name == "node_modules" || name == ".git" || name == "bin") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(file, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(file)
		for _, m := range testFunc.FindAllStringSubmatch(string(text), -1) {
			c.tests[m[1]] = true
		}
		return err
	})
}

// readFlags takes the programs' flags from their references, which are generated from the programs, and those of the local
// cluster and of muster admin from their code.
func (c *Checkout) readFlags() error {
	for _, place := range []struct {
		files   string
		pattern *regexp.Regexp
	}{
		{"docs/reference/*.md", flagRow},
		{"docs/reference/*.md", flagLine},
		{"hack/localcluster/*.go", goFlag},
		{"queue-api/cmd/muster/*.go", goVar},
	} {
		files, err := filepath.Glob(filepath.Join(c.Root, filepath.FromSlash(place.files)))
		if err != nil {
			return err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			for _, m := range place.pattern.FindAllStringSubmatch(string(text), -1) {
				c.flags[m[1]] = true
			}
		}
	}
	return nil
}

// CheckLinks says which links of a page lead nowhere.
func (c *Checkout) CheckLinks(page Page) []string {
	var wrong []string
	for _, l := range page.Links {
		if strings.Contains(l.Target, "://") || strings.HasPrefix(l.Target, "mailto:") {
			continue
		}
		file, fragment := page.Resolve(l.Target)
		if _, err := os.Stat(filepath.Join(c.Root, filepath.FromSlash(file))); err != nil {
			wrong = append(wrong, fmt.Sprintf("%s:%d: %s leads to no file", page.File, l.Line, l.Target))
			continue
		}
		if fragment != "" && !c.hasAnchor(file, fragment) {
			wrong = append(wrong, fmt.Sprintf("%s:%d: %s leads to no heading", page.File, l.Line, l.Target))
		}
	}
	return wrong
}

func (c *Checkout) hasAnchor(file, fragment string) bool {
	for _, page := range c.Pages {
		if page.File == file && slices.Contains(page.Anchors, fragment) {
			return true
		}
	}
	return false
}

var (
	place    = regexp.MustCompile(`^(?:docs|hack|manifests|plugins|autoscaler|queue-api|\.ci)/[\w./*-]+$`)
	makeCall = regexp.MustCompile(`^make ([a-z][a-z0-9-]*)`)
	testName = regexp.MustCompile(`^(?:Test|Fuzz|Benchmark)[A-Z]\w*`)
	testRun  = regexp.MustCompile(`go test .*-run '?([^' ]+)`)
)

// CheckNames says which files, make targets and tests that a page names do not exist.
func (c *Checkout) CheckNames(page Page) []string {
	var wrong []string
	check := func(line int, text string) {
		if place.MatchString(text) {
			if found, err := filepath.Glob(filepath.Join(c.Root, filepath.FromSlash(text))); err != nil || len(found) == 0 {
				wrong = append(wrong, fmt.Sprintf("%s:%d: there is no %s", page.File, line, text))
			}
		}
		for _, m := range makeCall.FindAllStringSubmatch(text, -1) {
			if !c.targets[m[1]] {
				wrong = append(wrong, fmt.Sprintf("%s:%d: make has no target %s", page.File, line, m[1]))
			}
		}
		if name := testName.FindString(text); name != "" && !c.tests[name] {
			wrong = append(wrong, fmt.Sprintf("%s:%d: there is no test %s", page.File, line, name))
		}
		if m := testRun.FindStringSubmatch(text); m != nil {
			wrong = append(wrong, c.checkRun(page, line, m[1])...)
		}
	}
	for _, code := range page.Codes {
		check(code.Line, code.Text)
	}
	for _, block := range page.Blocks {
		for i, line := range strings.Split(block.Text, "\n") {
			if block.IsCommands() {
				check(block.Line+i, line)
			}
		}
	}
	for _, word := range page.Words {
		if name := testName.FindString(word.Text); name != "" && !c.tests[name] {
			wrong = append(wrong, fmt.Sprintf("%s:%d: there is no test %s", page.File, word.Line, name))
		}
	}
	return wrong
}

// checkRun says which alternatives of go test's -run are of no test.
func (c *Checkout) checkRun(page Page, line int, pattern string) []string {
	var wrong []string
	pattern, _, _ = strings.Cut(pattern, "/")
	for alternative := range strings.SplitSeq(pattern, "|") {
		if alternative == "NAME" { // the reader's
			continue
		}
		expression, err := regexp.Compile(alternative)
		if err != nil {
			return []string{fmt.Sprintf("%s:%d: -run %s: %v", page.File, line, pattern, err)}
		}
		if !anyKey(c.tests, expression.MatchString) {
			wrong = append(wrong, fmt.Sprintf("%s:%d: -run %s: there is no such test", page.File, line, alternative))
		}
	}
	return wrong
}

// CheckFlags says which flags that a page names no program has.
func (c *Checkout) CheckFlags(page Page) []string {
	var wrong []string
	check := func(line int, text string) {
		for _, m := range flagUsed.FindAllStringSubmatch(text, -1) {
			if !c.flags[m[1]] && !foreignFlags[m[1]] {
				wrong = append(wrong, fmt.Sprintf("%s:%d: no program has a flag --%s", page.File, line, m[1]))
			}
		}
	}
	for _, code := range page.Codes {
		check(code.Line, code.Text)
	}
	for _, block := range page.Blocks {
		if !block.IsCommands() || !block.Has(noteNotRun) {
			continue // what is played is checked by its program
		}
		for i, line := range strings.Split(block.Text, "\n") {
			if ours.MatchString(line) {
				check(block.Line+i, line)
			}
		}
	}
	return wrong
}

// ours are programs of ours, as a line of commands has them.
var ours = regexp.MustCompile(`(^|^\$ |-- |\| )(bin/)?(muster|queue-api|batch-scheduler|batch-autoscaler|batch-node-notices|localcluster) `)

// foreignFlags are flags that pages name in their text of programs that are not ours.
var foreignFlags = map[string]bool{
	"endpoint-url": true,                                                                        // aws
	"server-side":  true, "dry-run": true, "replicas": true, "timeout": true, "from-file": true, // kubectl, helm
	"provider-id": true, "node-labels": true, "register-with-taints": true, // kubelet
	"rdb":     true,                         // redis-cli
	"cluster": true, "cluster-status": true, // snakemake
	"help": true,
}

func anyKey(m map[string]bool, is func(string) bool) bool {
	for key := range m {
		if is(key) {
			return true
		}
	}
	return false
}
