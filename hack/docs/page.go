// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Page is a Markdown file, as far as it is checked.
type Page struct {
	// File is its name under the root of the checkout, with slashes.
	File string
	// Cluster is which cluster its commands are played on.
	Cluster string
	// IsGenerated pages come from code; their words are checked, and their commands played if they name a cluster.
	IsGenerated, NamesCluster bool
	Blocks                    []Block
	// Anchors are what links can lead to.
	Anchors []string
	Links   []Link
	// Codes are the pieces of inline code, and Words the names of tests outside of it.
	Codes, Words []Code
}

// Block is a block of code.
type Block struct {
	Line int
	// Language is the fence's; that of an indented block is sh.
	Language string
	Text     string
	Notes    []Note
}

// Note is a comment right before a block that says something of it, or one at the top of a page.
type Note struct {
	Key, Value string
}

// Link is where a link leads.
type Link struct {
	Line   int
	Target string
}

// Code is a piece of inline code.
type Code struct {
	Line int
	Text string
}

// Keys of notes.
const (
	noteNotRun  = "not run" // why
	noteFile    = "file"    // the name under which the block is written for later commands
	noteBefore  = "before"  // commands that come first, and are not shown
	noteRepeat  = "repeat"  // until it fits
	noteStream  = "stream"  // ended once it has printed what is shown
	noteFails   = "fails"   // its last command does not end with 0
	noteLast    = "last"    // after all pages
	noteCluster = "cluster" // of a page
)

// clusters are those that a page may choose.
var clusters = []string{clusterDemo, clusterEC2, clusterBare, clusterNone}

// Clusters.
const (
	clusterDemo = "demo" // what make demo leaves
	clusterEC2  = "ec2"  // with a fake EC2 and simulated nodes
	clusterBare = "bare" // a Kubernetes and a Redis alone
	clusterNone = "none"
)

// Has reports whether the block has a note.
func (b Block) Has(key string) bool { return b.Note(key) != nil }

// Note is the block's note of a key, or nil.
func (b Block) Note(key string) *Note {
	if i := slices.IndexFunc(b.Notes, func(n Note) bool { return n.Key == key }); i >= 0 {
		return &b.Notes[i]
	}
	return nil
}

// IsCommands reports whether the block is for a shell.
func (b Block) IsCommands() bool {
	return !b.Has(noteFile) && slices.Contains([]string{"sh", "bash", "shell", "console"}, b.Language)
}

// Pages reads every page under root: the files of its top and those of docs.
func Pages(root string) ([]Page, error) {
	files, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(filepath.Join(root, "docs"), func(file string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(file) == ".md" {
			files = append(files, file)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find pages: %w", err)
	}
	var pages []Page
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return nil, err
		}
		page, err := Parse(filepath.ToSlash(name), string(text))
		if err != nil {
			return nil, err
		}
		pages = append(pages, page)
	}
	return pages, nil
}

// Parse reads a page. It knows as much of Markdown as the pages use.
func Parse(file, text string) (Page, error) {
	p := parser{page: Page{File: file, Cluster: clusterDemo}, lines: strings.Split(text, "\n")}
	p.page.IsGenerated = strings.Contains(p.lines[0], "Code generated")
	for p.at < len(p.lines) {
		if err := p.next(); err != nil {
			return p.page, fmt.Errorf("%s:%d: %w", file, p.at+1, err)
		}
	}
	p.endText()
	return p.page, nil
}

// parser goes through a page line by line.
type parser struct {
	page  Page
	lines []string
	at    int
	// offset is how far the text of the list item is indented that the line is in.
	offset int
	// afterBlank reports whether the line before was blank, or a comment.
	afterBlank bool
	// notes are those of the block that comes next.
	notes []Note
	// text is what was read of a paragraph, and from is its first line.
	text []string
	from int
}

var (
	fence    = regexp.MustCompile("^( *)(```+|~~~+) *([^ `]*)")
	listItem = regexp.MustCompile(`^ *([-*+]|\d+\.) +`)
	heading  = regexp.MustCompile(`^#{1,6} +(.*?) *#*$`)
)

func (p *parser) next() error {
	line := p.lines[p.at]
	indent := len(line) - len(strings.TrimLeft(line, " "))
	switch {
	case strings.TrimSpace(line) == "":
		p.endText()
		p.afterBlank = true
		p.at++
	case strings.HasPrefix(strings.TrimSpace(line), "<!--"):
		p.endText()
		return p.comment()
	case fence.MatchString(line):
		p.endText()
		return p.fenced()
	case p.afterBlank && indent >= p.offset+4:
		p.indented()
	default:
		p.words(line, indent)
	}
	return nil
}

// words reads a line that is no code.
func (p *parser) words(line string, indent int) {
	if item := listItem.FindString(line); item != "" {
		p.offset = len(item)
	} else if indent < p.offset {
		p.offset = 0
	}
	if m := heading.FindStringSubmatch(line); m != nil {
		p.endText()
		p.page.Anchors = append(p.page.Anchors, anchor(m[1], p.page.Anchors))
	}
	if len(p.text) == 0 {
		p.from = p.at
	}
	p.text = append(p.text, line)
	p.afterBlank, p.notes = false, nil
	p.at++
}

// comment reads a comment, which may take several lines.
func (p *parser) comment() error {
	from := p.at
	for !strings.Contains(p.lines[p.at], "-->") {
		if p.at++; p.at == len(p.lines) {
			p.at = from
			return errors.New("a comment does not end")
		}
	}
	p.at++
	p.afterBlank = true
	text := strings.TrimSpace(strings.Join(p.lines[from:p.at], "\n"))
	text = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(text, "<!--"), "-->"))
	key, value, _ := strings.Cut(text, ":")
	note := Note{Key: strings.TrimSpace(key), Value: strings.TrimSpace(value)}
	switch note.Key {
	case noteCluster:
		p.page.Cluster, p.page.NamesCluster = note.Value, true
		if !slices.Contains(clusters, note.Value) {
			return fmt.Errorf("no cluster %q: one of %v", note.Value, clusters)
		}
	case noteNotRun, noteFile, noteBefore:
		if note.Value == "" {
			return fmt.Errorf("the note %q says nothing", note.Key)
		}
		p.notes = append(p.notes, note)
	case noteRepeat, noteStream, noteFails, noteLast:
		p.notes = append(p.notes, note)
	}
	return nil
}

// fenced reads a block between fences.
func (p *parser) fenced() error {
	m := fence.FindStringSubmatch(p.lines[p.at])
	margin, mark := len(m[1]), m[2]
	block := Block{Line: p.at + 1, Language: m[3], Notes: p.notes}
	var body []string
	for i := p.at + 1; i < len(p.lines); i++ {
		line := p.lines[i]
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), mark); ok && strings.Trim(rest, mark[:1]) == "" {
			block.Text = strings.Join(body, "\n")
			p.add(block, i+1)
			return nil
		}
		body = append(body, strings.TrimPrefix(line, strings.Repeat(" ", min(margin, len(line)-len(strings.TrimLeft(line, " "))))))
	}
	return errors.New("a fence does not end")
}

// indented reads an indented block, blank lines inside it included.
func (p *parser) indented() {
	block := Block{Line: p.at + 1, Language: "sh", Notes: p.notes}
	margin := strings.Repeat(" ", p.offset+4)
	var body []string
	end := p.at
	for i := p.at; i < len(p.lines); i++ {
		line, ok := strings.CutPrefix(p.lines[i], margin)
		if !ok && strings.TrimSpace(p.lines[i]) != "" {
			break
		}
		body = append(body, line)
		if ok {
			end = i + 1
		}
	}
	block.Text = strings.Join(body[:end-p.at], "\n")
	p.add(block, end)
}

func (p *parser) add(block Block, end int) {
	p.page.Blocks = append(p.page.Blocks, block)
	p.notes, p.afterBlank, p.at = nil, true, end
}

var (
	inlineCode = regexp.MustCompile("(?s)``(.+?)``|`([^`]+)`")
	testWord   = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w+`)
	link       = regexp.MustCompile(`\]\(([^()\s]+(?:\([^()\s]*\))?)(?: "[^"]*")?\)`)
)

// endText takes links and inline code out of the paragraph that has ended.
func (p *parser) endText() {
	text := strings.Join(p.text, "\n")
	line := func(offset int) int { return p.from + 1 + strings.Count(text[:offset], "\n") }
	for _, m := range inlineCode.FindAllStringSubmatchIndex(text, -1) {
		start, end := max(m[2], m[4]), max(m[3], m[5])
		code := strings.ReplaceAll(text[start:end], "\n", " ")
		p.page.Codes = append(p.page.Codes, Code{Line: line(start), Text: code})
	}
	// Code is no link; blanks of the same length keep the lines right.
	text = inlineCode.ReplaceAllStringFunc(text, func(s string) string {
		return strings.Map(func(r rune) rune {
			if r == '\n' {
				return r
			}
			return ' '
		}, s)
	})
	for _, m := range testWord.FindAllStringIndex(text, -1) {
		p.page.Words = append(p.page.Words, Code{Line: line(m[0]), Text: text[m[0]:m[1]]})
	}
	for _, m := range link.FindAllStringSubmatchIndex(text, -1) {
		p.page.Links = append(p.page.Links, Link{Line: line(m[2]), Target: text[m[2]:m[3]]})
	}
	p.text = nil
}

// anchor is what GitHub makes of a heading that comes after others.
func anchor(title string, others []string) string {
	title = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(title, "$1")
	base := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, title)
	name := base
	for i := 1; slices.Contains(others, name); i++ {
		name = fmt.Sprintf("%s-%d", base, i)
	}
	return name
}

// IsPlayed reports whether the page's commands are played.
func (p Page) IsPlayed() bool { return !p.IsGenerated || p.NamesCluster }

// Resolve is the file under the root that a link of the page leads to, and the anchor in it.
func (p Page) Resolve(target string) (file, fragment string) {
	file, fragment, _ = strings.Cut(target, "#")
	if file == "" {
		return p.File, fragment
	}
	return path.Join(path.Dir(p.File), file), fragment
}

// at is where a block is.
func at(p Page, b Block) string { return fmt.Sprintf("%s:%d", p.File, b.Line) }
