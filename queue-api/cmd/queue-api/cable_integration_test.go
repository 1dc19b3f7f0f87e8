// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"io"
	"net"
	"sync"
	"testing"
)

// cable is a TCP proxy that can be cut.
type cable struct {
	t       *testing.T
	address string
	to      string

	mu       sync.Mutex // guards what follows
	listener net.Listener
	ends     map[net.Conn]bool
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	c := &cable{t: t, address: freeAddress(t), to: to, ends: map[net.Conn]bool{}}
	c.join()
	t.Cleanup(c.cut)
	return c
}

// join lets connections through.
func (c *cable) join() {
	c.t.Helper()
	listener, err := net.Listen("tcp", c.address)
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	c.listener = listener
	c.mu.Unlock()
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			go c.carry(near)
		}
	}()
}

// cut ends every connection and lets none through.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.listener.Close()
	for end := range c.ends {
		_ = end.Close()
	}
	clear(c.ends)
}

func (c *cable) carry(near net.Conn) {
	far, err := net.Dial("tcp", c.to)
	if err != nil {
		_ = near.Close()
		return
	}
	c.mu.Lock()
	c.ends[near], c.ends[far] = true, true
	c.mu.Unlock()
	var ways sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{near: far, far: near} {
		ways.Go(func() {
			_, _ = io.Copy(to, from)
			_ = to.Close()
		})
	}
	ways.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.ends, near)
	delete(c.ends, far)
}
