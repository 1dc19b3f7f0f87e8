// SPDX-License-Identifier: Apache-2.0

package cable

import (
	"errors"
	"io"
	"net"
	"time"
)

// link is one client's connection and its target's.
type link struct {
	cable     *Cable
	near, far net.Conn // far may be nil

	// Guarded by the cable's mu.
	ended bool // by a fault: nothing passes any more
	deaf  bool // the reply to what has passed is to be lost
}

// host is the client's.
func (l *link) host() string {
	host, _, _ := net.SplitHostPort(l.near.RemoteAddr().String())
	return host
}

// end breaks both connections with a reset, so that nobody takes what had been sent so far for all there was.
func (l *link) end() {
	for _, end := range []net.Conn{l.near, l.far} {
		if tcp, ok := end.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
			_ = tcp.Close()
		}
	}
}

// carry passes on what comes until its source ends, which it tells the other side.
func (l *link) carry(from, to net.Conn, isRequest bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			pass, whole := l.cable.admit(l, isRequest, n)
			if _, failed := to.Write(buffer[:pass]); failed != nil || !whole {
				l.end()
				return
			}
		}
		if err != nil {
			if tcp, ok := to.(*net.TCPConn); ok && errors.Is(err, io.EOF) {
				_ = tcp.CloseWrite()
				return
			}
			l.end()
			return
		}
	}
}

// admit says how many of n bytes may pass now, after what delays them, and whether the link goes on.
func (c *Cable) admit(l *link, isRequest bool, n int) (pass int, whole bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.delay > 0 {
		delay := c.delay
		c.mu.Unlock()
		time.Sleep(delay)
		c.mu.Lock()
	}
	for c.stalled && !l.ended {
		c.change.Wait()
	}
	switch {
	case l.ended:
		return 0, false
	case isRequest && c.takes(BeforeRequest):
		return 0, false
	case isRequest && c.takes(AfterRequest):
		l.deaf = true
	case !isRequest && l.deaf:
		return 0, false
	case !isRequest && c.takes(MidReply):
		return n / 2, false
	}
	return n, true
}

// takes uses up one fault that was armed; mu is held.
func (c *Cable) takes(m Moment) bool {
	if c.armed[m] == 0 {
		return false
	}
	c.armed[m]--
	return true
}
