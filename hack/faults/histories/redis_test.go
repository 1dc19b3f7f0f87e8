// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/redisstore"
)

// server is a redis-server that loses nothing it acknowledged, and that can be killed.
type server struct {
	t      *testing.T
	dir    string
	direct *redis.Client
	kills  int

	mu  sync.Mutex // guards cmd
	cmd *exec.Cmd
}

func startServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir()}
	s.direct = redis.NewClient(&redis.Options{Network: "unix", Addr: s.socket(), MaxRetries: -1})
	s.start()
	t.Cleanup(func() {
		_ = s.direct.Close()
		s.end()
	})
	return s
}

func (s *server) socket() string { return filepath.Join(s.dir, "redis.sock") }

// start returns once the server answers, with all that it had.
func (s *server) start() {
	s.t.Helper()
	cmd := exec.CommandContext(context.Background(), "redis-server", "--port", "0", "--unixsocket", s.socket(), "--dir", s.dir,
		"--save", "", "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("start redis-server (Debian package redis-server): %v", err)
	}
	s.mu.Lock()
	s.cmd = cmd
	s.mu.Unlock()
	for deadline := time.Now().Add(3 * time.Minute); s.direct.Ping(context.Background()).Err() != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatal("redis-server does not answer")
		}
	}
}

func (s *server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// kill is kill -9 and a new start.
func (s *server) kill() {
	s.kills++
	s.end()
	s.start()
}

// client is a new replica's, whose connections break as its faults say.
func (s *server) client(f *lossy) *redis.Client {
	s.t.Helper()
	o, err := redisstore.Options("unix://" + s.socket())
	if err != nil {
		s.t.Fatal(err)
	}
	o.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &lossyConn{Conn: conn, faults: f}, nil
	}
	return redis.NewClient(o)
}

// lossy says of each request whether its connection breaks.
type lossy struct {
	mu     sync.Mutex // guards what follows
	random *rand.Rand
	share  float64 // of the requests that go wrong
	count  int     // of those that did
}

var errBroken = errors.New("connection reset by peer")

// draw tells what becomes of a request: whether it breaks, and if so whether it gets there before.
func (f *lossy) draw() (breaks, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.random.Float64() >= f.share {
		return false, false
	}
	f.count++
	return true, f.random.IntN(2) == 0
}

// lossyConn breaks before a request or between a request and its reply.
type lossyConn struct {
	net.Conn

	faults *lossy
	doomed bool // the reply will not come through
}

// Write sends a request, or part of one.
func (c *lossyConn) Write(b []byte) (int, error) {
	breaks, after := c.faults.draw()
	if breaks && !after {
		_ = c.Close()
		return 0, errBroken
	}
	c.doomed = c.doomed || breaks
	return c.Conn.Write(b)
}

// Read waits for a reply. One that is lost has been given: what was asked has been done.
func (c *lossyConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.doomed {
		_ = c.Close()
		return 0, errBroken
	}
	return n, err
}
