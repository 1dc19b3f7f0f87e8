// SPDX-License-Identifier: Apache-2.0

package cable

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// dialTimeout bounds the wait for one target.
const dialTimeout = 2 * time.Second

// Cable lets clients through to one of its targets: each connection to the next one in turn that takes it.
type Cable struct {
	listener net.Listener
	targets  []string
	turn     atomic.Uint64
	carrying sync.WaitGroup

	mu      sync.Mutex // guards what follows
	change  *sync.Cond // broadcast when stalled is taken back, or a link or the cable ends
	links   map[*link]bool
	isCut   bool
	cutFrom map[string]bool // hosts whose connections are cut
	stalled bool
	closed  bool
	delay   time.Duration
	armed   map[Moment]int
}

// New makes a cable with an address of its own on loopback.
func New(targets ...string) (*Cable, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("lay cable: %w", err)
	}
	c := &Cable{listener: listener, targets: targets, links: map[*link]bool{}, cutFrom: map[string]bool{}, armed: map[Moment]int{}}
	c.change = sync.NewCond(&c.mu)
	c.carrying.Go(c.accept)
	return c, nil
}

// Address is where clients connect.
func (c *Cable) Address() string { return c.listener.Addr().String() }

// Close ends every connection and gives the address up. It returns when nothing is carried any more.
func (c *Cable) Close() {
	_ = c.listener.Close()
	c.mu.Lock()
	c.closed = true
	c.endAll()
	c.mu.Unlock()
	c.carrying.Wait()
}

func (c *Cable) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.carrying.Go(func() { c.connect(near) })
	}
}

// connect joins a client with a target. While the cable is cut, a client is told so by a reset: the address stays ours.
func (c *Cable) connect(near net.Conn) {
	far := c.dial()
	l := &link{cable: c, near: near, far: far}
	if far == nil || !c.add(l) {
		l.end()
		return
	}
	var ways sync.WaitGroup
	ways.Go(func() { l.carry(near, far, true) })
	ways.Go(func() { l.carry(far, near, false) })
	ways.Wait()
	c.mu.Lock()
	delete(c.links, l)
	c.mu.Unlock()
	l.end()
}

// dial finds a target; nil if there is none, or the cable is cut.
func (c *Cable) dial() net.Conn {
	first := c.turn.Add(1)
	for i := range uint64(len(c.targets)) {
		c.mu.Lock()
		isCut := c.isCut
		c.mu.Unlock()
		if isCut {
			return nil
		}
		far, err := net.DialTimeout("tcp", c.targets[(first+i)%uint64(len(c.targets))], dialTimeout)
		if err == nil {
			return far
		}
	}
	return nil
}

func (c *Cable) add(l *link) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isCut || c.closed || c.cutFrom[l.host()] {
		return false
	}
	c.links[l] = true
	return true
}

// endAll ends every connection; mu is held.
func (c *Cable) endAll() {
	for l := range c.links {
		c.endLink(l)
	}
	c.change.Broadcast()
}

// endLink ends one; mu is held, and change is still to be broadcast.
func (c *Cable) endLink(l *link) {
	l.ended = true
	l.end()
	delete(c.links, l)
}
