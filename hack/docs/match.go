// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// anything stands for any text in a line, and alone in a line for any lines.
const anything = "…"

// command is one that a block shows, and what it prints.
type command struct {
	// line is counted from the block's first.
	line int
	text string
	// prints is nil where the block does not show it.
	prints []string
}

// commandsOf takes a block apart. Where lines begin with a prompt, these are the commands; without any, the whole block is
// one, a script.
func commandsOf(text string) []command {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if !strings.HasPrefix(text, "$ ") && !strings.Contains(text, "\n$ ") {
		return []command{{text: text}}
	}
	var commands []command
	continued := false
	for i, line := range lines {
		typed, isPrompt := strings.CutPrefix(line, "$ ")
		rest, isContinued := strings.CutPrefix(line, "> ")
		switch last := len(commands) - 1; {
		case isPrompt:
			commands = append(commands, command{line: i, text: typed, prints: []string{}})
			continued = strings.HasSuffix(typed, `\`)
		case last < 0: // what is before the first prompt is a script
			commands = append(commands, command{line: i, text: line})
		case continued:
			commands[last].text += "\n" + line
			continued = strings.HasSuffix(line, `\`)
		case isContinued && len(commands[last].prints) == 0:
			commands[last].text += "\n" + rest
		case commands[last].prints == nil:
			commands[last].text += "\n" + line
		default:
			commands[last].prints = append(commands[last].prints, line)
		}
	}
	return commands
}

// match says how what was printed differs from what is shown, or nothing. Spaces at the ends of lines and blank lines at the
// end do not count.
func match(shown []string, printed string) string {
	pattern := new(strings.Builder)
	pattern.WriteString("^")
	for _, line := range trimEnd(shown) {
		if strings.TrimSpace(line) == anything {
			pattern.WriteString(`(?:[^\n]*\n)*?`)
			continue
		}
		parts := strings.Split(strings.TrimRight(line, " \t"), anything)
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		pattern.WriteString(strings.Join(parts, `[^\n]*?`) + `[ \t\r]*\n`)
	}
	pattern.WriteString(`$`)
	lines := trimEnd(strings.Split(printed, "\n"))
	text := ""
	if len(lines) > 0 {
		text = strings.Join(lines, "\n") + "\n"
	}
	if regexp.MustCompile(pattern.String()).MatchString(text) {
		return ""
	}
	return fmt.Sprintf("it printed\n%s\nwhich is not as shown:\n%s", indent(text), indent(strings.Join(shown, "\n")))
}

// startsAs reports whether all that is shown has been printed, with more to come.
func startsAs(shown []string, printed string) bool {
	return match(append(slices.Clip(shown), anything), printed) == ""
}

// maxShown is how much of an output is shown when it is not as it should be.
const maxShown = 4000

func trimEnd(lines []string) []string {
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

func indent(text string) string {
	if over := len(text) - maxShown; over > 0 {
		text = "…" + strings.ToValidUTF8(text[over:], "")
	}
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}
