// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// replicationID is ours as a master; it means nothing.
const replicationID = "6d75737465726d75737465726d75737465726d75"

// poll lies between two looks at how far Redis is.
const poll = 50 * time.Millisecond

// Load replaces all that the server holds by an RDB file of some length, of which open gives a new reader each time. The server
// connects back to an address of host, or, if that is empty, of the interface that it is reached by; afterwards it is a master
// again, and its append-only file, if it has one, is written.
func Load(ctx context.Context, s Server, host string, length int64, open func() (io.ReadCloser, error)) error {
	c, stop, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if role, err := c.info("replication"); err != nil || role["role"] != "master" {
		return errors.Join(err, fmt.Errorf("%w: its role is %s, must be master", errReply, role["role"]))
	}
	if host == "" {
		host = "127.0.0.1" // beyond a socket of this machine
		if tcp, ok := c.LocalAddr().(*net.TCPAddr); ok {
			host = tcp.IP.String()
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return fmt.Errorf("listen for Redis: %w", err)
	}
	group, serving := errgroup.WithContext(ctx)
	serving, done := context.WithCancel(serving)
	group.Go(func() error { return serve(serving, listener, length, open) })
	err = c.replicate(serving, listener.Addr().String())
	done()
	return errors.Join(err, group.Wait())
}

// replicate has Redis take all that is served at an address, and be a master again.
func (c *conn) replicate(ctx context.Context, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if _, err := c.ask("REPLICAOF", host, port); err != nil {
		return err
	}
	err = c.await(ctx, "replication", func(info map[string]string) bool {
		return info["master_link_status"] == "up" && info["master_sync_in_progress"] == "0"
	})
	if _, back := c.ask("REPLICAOF", "NO", "ONE"); err != nil || back != nil {
		return errors.Join(err, back)
	}
	return c.await(ctx, "persistence", func(info map[string]string) bool {
		return info["aof_rewrite_in_progress"] == "0" && info["aof_rewrite_scheduled"] == "0" && info["loading"] == "0"
	})
}

// await asks until it is so.
func (c *conn) await(ctx context.Context, section string, isSo func(map[string]string) bool) error {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		info, err := c.info(section)
		if err != nil && !strings.Contains(err.Error(), "LOADING") {
			return err
		}
		if err == nil && isSo(info) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// serve is a master that has one file, for whoever connects, until ctx ends.
func serve(ctx context.Context, listener net.Listener, length int64, open func() (io.ReadCloser, error)) error {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	var group errgroup.Group
	for {
		raw, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return group.Wait()
			}
			return errors.Join(err, group.Wait())
		}
		group.Go(func() error {
			defer raw.Close()
			closing := context.AfterFunc(ctx, func() { _ = raw.Close() })
			defer closing()
			err := answer(&conn{Conn: raw, in: bufio.NewReader(raw)}, length, open)
			if ctx.Err() != nil || errors.Is(err, io.EOF) || isBroken(err) {
				return nil // Redis connects again if it was not done
			}
			return err
		})
	}
}

func isBroken(err error) bool {
	_, isNet := errors.AsType[net.Error](err)
	return isNet
}

// answer speaks a master's part: it agrees to everything and sends the file when it is asked to.
func answer(c *conn, length int64, open func() (io.ReadCloser, error)) error {
	for {
		words, err := c.command()
		if err != nil {
			return err
		}
		if len(words) == 0 {
			continue
		}
		switch strings.ToUpper(words[0]) {
		case "PING":
			_, err = io.WriteString(c, "+PONG\r\n")
		case "SYNC":
			err = send(c, "", length, open)
		case "PSYNC":
			err = send(c, "+FULLRESYNC "+replicationID+" 0\r\n", length, open)
		case "REPLCONF":
			if len(words) > 1 && strings.EqualFold(words[1], "ack") {
				continue // nobody waits for an answer
			}
			_, err = io.WriteString(c, "+OK\r\n")
		default:
			_, err = io.WriteString(c, "+OK\r\n")
		}
		if err != nil {
			return err
		}
	}
}

func send(c *conn, head string, length int64, open func() (io.ReadCloser, error)) error {
	file, err := open()
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := fmt.Fprintf(c, "%s$%d\r\n", head, length); err != nil {
		return err
	}
	if _, err := io.CopyN(c, file, length); err != nil {
		return fmt.Errorf("send the file: %w", err)
	}
	return nil
}
