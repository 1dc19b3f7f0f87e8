// SPDX-License-Identifier: Apache-2.0

package cable

import "time"

// Moment is when in an exchange a connection breaks.
type Moment int

// The moments.
const (
	BeforeRequest Moment = iota + 1 // the target never learns of it
	AfterRequest                    // the target has it, the client gets no reply
	MidReply                        // the client gets half of what came first of the reply
)

// Cut ends every connection and lets none through until Join.
func (c *Cable) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.isCut = true
	c.endAll()
}

// CutFrom does so to the connections of one host, an IP address.
func (c *Cable) CutFrom(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cutFrom[host] = true
	for l := range c.links {
		if l.host() == host {
			c.endLink(l)
		}
	}
	c.change.Broadcast()
}

// Join takes Cut and CutFrom back.
func (c *Cable) Join() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.isCut = false
	clear(c.cutFrom)
}

// Reset ends every connection; new ones are let through.
func (c *Cable) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endAll()
}

// Stall holds back everything that is sent, in both directions, until Flow. Nobody is told.
func (c *Cable) Stall() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stalled = true
}

// Flow takes Stall and Slow back. What was held back arrives.
func (c *Cable) Flow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stalled, c.delay = false, 0
	c.change.Broadcast()
}

// Slow holds back every piece that is sent for so long, until Flow.
func (c *Cable) Slow(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delay = by
}

// HalfClose tells the targets, or else the clients, that the other side will send nothing any more. What comes in the other
// direction still passes.
func (c *Cable) HalfClose(targets bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for l := range c.links {
		end := l.near
		if targets {
			end = l.far
		}
		if half, ok := end.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	}
}

// Break ends the connections of the next n exchanges at that moment.
func (c *Cable) Break(m Moment, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed[m] += n
}

// Mend takes everything back.
func (c *Cable) Mend() {
	c.Join()
	c.Flow()
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.armed)
}
