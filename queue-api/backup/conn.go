// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// Server is a Redis that is a master.
type Server struct {
	// Dial connects to it, through TLS if it wants that.
	Dial func(context.Context) (net.Conn, error)
	// Username and Password may be empty.
	Username, Password string
}

// conn speaks the few commands of Redis's protocol that replication needs, and no client library has.
type conn struct {
	net.Conn

	in *bufio.Reader
}

// errReply is what Redis said instead of an answer.
var errReply = errors.New("redis refused")

// dial connects and proves who it is. The connection is closed when ctx ends; stop ends that.
func (s Server) dial(ctx context.Context) (c *conn, stop func(), err error) {
	raw, err := s.Dial(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("connect: %w", err)
	}
	c = &conn{Conn: raw, in: bufio.NewReaderSize(raw, 1<<16)}
	watch := context.AfterFunc(ctx, func() { _ = raw.Close() })
	stop = func() {
		watch()
		_ = raw.Close()
	}
	if s.Password == "" {
		return c, stop, nil
	}
	login := []string{"AUTH", s.Password}
	if s.Username != "" {
		login = []string{"AUTH", s.Username, s.Password}
	}
	if _, err := c.ask(login...); err != nil {
		stop()
		return nil, nil, err
	}
	return c, stop, nil
}

// ask sends a command and reads a status or a text.
func (c *conn) ask(command ...string) (string, error) {
	if err := c.send(command...); err != nil {
		return "", err
	}
	return c.reply(command[0])
}

func (c *conn) send(command ...string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(command))
	for _, word := range command {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(c, b.String()); err != nil {
		return fmt.Errorf("%s: %w", command[0], err)
	}
	return nil
}

func (c *conn) reply(command string) (string, error) {
	line, err := c.line()
	if err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	switch {
	case strings.HasPrefix(line, "-"):
		return "", fmt.Errorf("%s: %w: %s", command, errReply, line[1:])
	case !strings.HasPrefix(line, "$"):
		return strings.TrimLeft(line, "+:"), nil
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil || n < 0 || n > maxText {
		return "", fmt.Errorf("%s: %w: %q", command, errReply, line)
	}
	text := make([]byte, n+len("\r\n"))
	if _, err := io.ReadFull(c.in, text); err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	return string(text[:n]), nil
}

// maxText bounds the texts that replies may be, which is INFO's at most.
const maxText = 1 << 20

// line reads a line that is not empty: Redis sends empty ones to say that it is at work.
func (c *conn) line() (string, error) {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return "", err
		}
		if text := strings.TrimRight(string(line), "\r\n"); text != "" {
			return text, nil
		}
	}
}

// command reads what the other side asks.
func (c *conn) command() ([]string, error) {
	line, err := c.line()
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(line, "*") {
		return strings.Fields(line), nil
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil || n < 0 || n > 64 {
		return nil, fmt.Errorf("%w: %q", errReply, line)
	}
	words := make([]string, n)
	for i := range words {
		if words[i], err = c.reply("command"); err != nil {
			return nil, err
		}
	}
	return words, nil
}

// info gives the fields of one section of INFO.
func (c *conn) info(section string) (map[string]string, error) {
	text, err := c.ask("INFO", section)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			out[name] = value
		}
	}
	return out, nil
}
