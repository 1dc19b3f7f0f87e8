// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxToken bounds a token.
const maxToken = 64 << 10

// readToken reads a token from stdin; at a terminal it asks for it.
func (f *frame) readToken(ctx context.Context) (string, error) {
	var text string
	var err error
	if in, ok := f.In.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		text, err = f.askHidden(ctx, in, "Token: ")
	} else {
		var all []byte
		all, err = io.ReadAll(io.LimitReader(f.In, maxToken))
		text = string(all)
	}
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(text)
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", usagef("stdin: a token is one word of printable characters")
	}
	return token, nil
}

// askHidden asks for a line at a terminal, which does not show it. The terminal is raw meanwhile: in its own mode it holds lines of 4,095
// characters, and tokens are longer.
func (f *frame) askHidden(ctx context.Context, in *os.File, question string) (string, error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return "", err
	}
	defer func() {
		_ = term.Restore(int(in.Fd()), before)
		f.notef("\n")
	}()
	f.notef("%s", question)
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // ends with the program at the latest
		line, err := readTyped(in)
		answered <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case a := <-answered:
		return a.line, a.err
	}
}

// What a raw terminal leaves to the program.
const (
	keyInterrupt = 0x03
	keyEnd       = 0x04
	keyBack      = 0x7f
	keyEraseLine = 0x15
)

// readTyped reads a line that is typed at a raw terminal. Interrupted, it fails as waiting does.
func readTyped(in io.Reader) (string, error) {
	var line []byte
	for r := bufio.NewReader(in); len(line) < maxToken; {
		switch c, err := r.ReadByte(); {
		case errors.Is(err, io.EOF), err == nil && (c == '\r' || c == '\n' || c == keyEnd):
			return string(line), nil
		case err != nil:
			return "", err
		case c == keyInterrupt:
			return "", context.Canceled
		case c == keyBack || c == '\b':
			line = line[:max(len(line)-1, 0)]
		case c == keyEraseLine:
			line = nil
		default:
			line = append(line, c)
		}
	}
	return "", usagef("stdin: a token has %d characters at most", maxToken)
}
