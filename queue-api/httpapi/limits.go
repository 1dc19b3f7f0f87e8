// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net"
	"sync"

	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"

	"github.com/muster-batch/muster/queue-api/batch"
)

const (
	// maxBody bounds a request's body. AWS Batch: a job definition has at most 24 KiB.
	maxBody = 256 << 10
	// maxSubmission bounds a SubmitJob's body. AWS Batch: 30 KiB of it may vary.
	maxSubmission = 64 << 10
	// maxDepth bounds how deep objects and lists of a body are nested. The API model goes not half as deep.
	maxDepth = 32
	// streamsEach bounds the event streams of one caller at once.
	streamsEach = 10
	// callersKnown bounds the memory of rates: of callers beyond it the one is forgotten that was not seen for longest.
	callersKnown = 10_000
)

// bodyLimit is that of an operation.
func bodyLimit(operation string) int64 {
	if operation == opSubmitJob || operation == opSimulateJob {
		return maxSubmission
	}
	return maxBody
}

const (
	opSubmitJob   = "SubmitJob"
	opSimulateJob = "SimulateJob"
)

// depth is how deep JSON is nested. It does not look whether it is JSON.
func depth(data []byte) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

// rates bound how often jobs are submitted: by all callers together, and by each of them.
type rates struct {
	total flowcontrol.PassiveRateLimiter // nil for no bound
	each  float32                        // a second, with twice that in a burst; 0 for no bound
	clock clock.PassiveClock

	mu      sync.Mutex
	callers *lru.Cache // by principal: flowcontrol.PassiveRateLimiter
}

func newRates(total, each float32, clk clock.PassiveClock) *rates {
	r := &rates{each: each, clock: clk, callers: lru.New(callersKnown)}
	if total > 0 {
		r.total = bucket(total, clk)
	}
	return r
}

func bucket(rate float32, clk clock.PassiveClock) flowcontrol.PassiveRateLimiter {
	return flowcontrol.NewTokenBucketPassiveRateLimiterWithClock(rate, max(1, int(2*rate)), clk)
}

// check refuses a submission that comes too soon. A caller's own bound comes first, so that one who is over it takes nothing
// from the others.
func (r *rates) check(principal string) error {
	if r.each > 0 && !r.of(principal).TryAccept() {
		return &batch.Error{Code: batch.CodeTooManyRequests, Message: "Rate exceeded for this caller, please retry"}
	}
	if r.total != nil && !r.total.TryAccept() {
		return &batch.Error{Code: batch.CodeTooManyRequests, Message: "Rate exceeded, please retry"}
	}
	return nil
}

func (r *rates) of(principal string) flowcontrol.PassiveRateLimiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.callers.Get(principal); ok {
		if limit, ok := known.(flowcontrol.PassiveRateLimiter); ok {
			return limit
		}
	}
	limit := bucket(r.each, r.clock)
	r.callers.Add(principal, limit)
	return limit
}

// places count what callers have open.
type places struct {
	mu   sync.Mutex
	open map[string]int // by principal; none is 0
}

// take reports whether the caller may have one more.
func (p *places) take(principal string, most int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[principal] >= most {
		return false
	}
	if p.open == nil {
		p.open = map[string]int{}
	}
	p.open[principal]++
	return true
}

func (p *places) giveBack(principal string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[principal]--; p.open[principal] == 0 {
		delete(p.open, principal)
	}
}

// Bound lets through as many connections at once; the next one waits until another ends. TLS goes on top of it.
func Bound(listener net.Listener, connections int) net.Listener {
	b := &bounded{Listener: listener, taken: make(chan struct{}, connections), done: make(chan struct{})}
	b.close = sync.OnceFunc(func() { close(b.done) })
	return b
}

type bounded struct {
	net.Listener

	taken chan struct{}
	done  chan struct{}
	close func()
}

// Accept implements net.Listener.
func (b *bounded) Accept() (net.Conn, error) {
	select {
	case b.taken <- struct{}{}:
	case <-b.done: // Listener says so
	}
	conn, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &boundedConn{Conn: conn, leave: sync.OnceFunc(func() { <-b.taken })}, nil
}

// Close implements net.Listener.
func (b *bounded) Close() error {
	b.close()
	return b.Listener.Close()
}

type boundedConn struct {
	net.Conn

	leave func()
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
