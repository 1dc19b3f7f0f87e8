// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// legible replaces what a page must not have: controls, and characters that turn around the text that follows them, so that what a
// tenant wrote looks like what it is. It is done to whole pages, where no template can forget it.
func legible(page []byte) []byte {
	if !bytes.ContainsFunc(page, isIllegible) {
		return page
	}
	return bytes.Map(func(r rune) rune {
		if isIllegible(r) {
			return unicode.ReplacementChar
		}
		return r
	}, page)
}

func isIllegible(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < utf8.RuneSelf:
		return r < ' ' || r == 0x7f
	}
	return unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r)
}
