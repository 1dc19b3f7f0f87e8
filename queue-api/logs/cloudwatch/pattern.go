// SPDX-License-Identifier: Apache-2.0

package cloudwatch

import "strings"

// maxPattern bounds a pattern. CloudWatch Logs: 1,024 characters.
const maxPattern = 1024

// pattern is a filter of CloudWatch Logs for text: terms and "quoted phrases", all of which a message must contain; -term must
// not be in it; of ?terms, if there are no others, one must.
type pattern struct {
	all, none, any []string
}

// parsePattern reads a pattern. Those for JSON, for columns and regular expressions are refused.
func parsePattern(text string) (pattern, error) {
	var p pattern
	text = strings.TrimSpace(text)
	switch {
	case len(text) > maxPattern:
		return p, invalid("filterPattern must have at most %d characters", maxPattern)
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["), strings.HasPrefix(text, "%"):
		return p, invalid("filterPattern: this server knows terms and quoted phrases, no patterns for JSON, columns or regular expressions")
	}
	for text != "" {
		kind := &p.all
		switch text[0] {
		case '-':
			kind, text = &p.none, text[1:]
		case '?':
			kind, text = &p.any, text[1:]
		}
		term, rest, ok := cutTerm(text)
		if !ok {
			return p, invalid("Invalid filter pattern")
		}
		if term != "" {
			*kind = append(*kind, term)
		}
		text = strings.TrimLeft(rest, " \t")
	}
	if len(p.all) > 0 || len(p.none) > 0 {
		p.any = nil // CloudWatch Logs: they are ignored beside others
	}
	return p, nil
}

// cutTerm takes the first term or quoted phrase off. In a phrase a backslash stands before a quote or a backslash.
func cutTerm(text string) (term, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, " \t")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], true
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			if i++; i == len(text) {
				return "", "", false
			}
			b.WriteByte(text[i])
		case '"':
			return b.String(), text[i+1:], true
		default:
			b.WriteByte(text[i])
		}
	}
	return "", "", false
}

// matches reports whether a message passes.
func (p *pattern) matches(message string) bool {
	for _, term := range p.all {
		if !strings.Contains(message, term) {
			return false
		}
	}
	for _, term := range p.none {
		if strings.Contains(message, term) {
			return false
		}
	}
	for _, term := range p.any {
		if strings.Contains(message, term) {
			return true
		}
	}
	return len(p.any) == 0
}
