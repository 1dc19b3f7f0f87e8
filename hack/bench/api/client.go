// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// client is one connection that sends requests made before and reads of the reply what it must, so that what is measured
// is the server.
type client struct {
	conn   net.Conn
	reader *bufio.Reader
	host   string
	body   []byte
}

func dial(address string) (*client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, reader: bufio.NewReaderSize(conn, 64<<10), host: address}, nil
}

// request is an operation's HTTP request.
func (c *client) request(operation string, in any) ([]byte, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "POST /v1/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		operation, c.host, len(body), body), nil
}

// get is the request for what is at a path.
func (c *client) get(path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, c.host)
}

// do sends a request and reads its reply, which is good until the next.
func (c *client) do(request []byte) ([]byte, error) {
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	status, err := c.reader.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	isOK := bytes.HasPrefix(status, []byte("HTTP/1.1 200"))
	length := -1
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if len(line) <= 2 {
			break
		}
		if name, value, ok := strings.Cut(string(line), ":"); ok && strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return nil, err
			}
		}
	}
	if length < 0 {
		return nil, errors.New("a reply without its length")
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	if _, err := io.ReadFull(c.reader, c.body); err != nil {
		return nil, err
	}
	if !isOK {
		return nil, fmt.Errorf("reply: %s", c.body)
	}
	return c.body, nil
}

// call makes a request, sends it and decodes its reply into out, unless that is nil.
func (c *client) call(operation string, in, out any) error {
	request, err := c.request(operation, in)
	if err != nil {
		return err
	}
	reply, err := c.do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(reply, out)
}

// load has clients connections do count requests and gives how long each took, and all together.
func load(address string, clients, count int, request func(c *client, n int) ([]byte, error)) (latencies []time.Duration, took time.Duration, err error) {
	perClient := make([][]time.Duration, clients)
	errs := make([]error, clients)
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	for i := range clients {
		ready.Add(1)
		done.Go(func() {
			c, err := dial(address)
			ready.Done()
			if err != nil {
				errs[i] = err
				return
			}
			defer c.conn.Close()
			<-begin
			perClient[i], errs[i] = c.repeat(count/clients, i, request)
		})
	}
	ready.Wait()
	began := time.Now()
	close(begin)
	done.Wait()
	took = time.Since(began)
	for _, l := range perClient {
		latencies = append(latencies, l...)
	}
	return latencies, took, errors.Join(errs...)
}

func (c *client) repeat(count, worker int, request func(c *client, n int) ([]byte, error)) ([]time.Duration, error) {
	latencies := make([]time.Duration, 0, count)
	for n := range count {
		r, err := request(c, worker*count+n)
		if err != nil {
			return latencies, err
		}
		sent := time.Now()
		if _, err := c.do(r); err != nil {
			return latencies, err
		}
		latencies = append(latencies, time.Since(sent))
	}
	return latencies, nil
}
