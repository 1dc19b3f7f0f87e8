// SPDX-License-Identifier: Apache-2.0

package cable_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-batch/muster/hack/faults/cable"
)

// server answers each line with its name and that line, and counts the lines.
type server struct {
	address string
	lines   atomic.Int64
}

func newServer(t *testing.T, name string) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s := &server{address: listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn, name)
		}
	}()
	return s
}

func (s *server) serve(conn net.Conn, name string) {
	defer conn.Close()
	in := bufio.NewScanner(conn)
	for in.Scan() {
		s.lines.Add(1)
		fmt.Fprintln(conn, name, in.Text())
	}
	fmt.Fprintln(conn, "end")
}

func newCable(t *testing.T, targets ...string) *cable.Cable {
	t.Helper()
	c, err := cable.New(targets...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func dial(t *testing.T, c *cable.Cable) net.Conn {
	t.Helper()
	return dialFrom(t, c, "127.0.0.1")
}

func dialFrom(t *testing.T, c *cable.Cable, host string) net.Conn {
	t.Helper()
	conn, err := from(host).Dial("tcp", c.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func from(host string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}}
}

// wantRefused checks that a new connection is not answered.
func wantRefused(t *testing.T, c *cable.Cable, host string) {
	t.Helper()
	conn, err := from(host).Dial("tcp", c.Address())
	if err != nil {
		return // it was told even sooner
	}
	defer conn.Close()
	if reply, err := ask(conn, "hello"); err == nil {
		t.Errorf("a new connection was answered %q through a cut cable", reply)
	}
}

// ask sends a line and returns everything up to the end of the reply's line, or of the connection.
func ask(conn net.Conn, line string) (string, error) {
	if _, err := fmt.Fprintln(conn, line); err != nil {
		return "", err
	}
	return bufio.NewReader(conn).ReadString('\n')
}

func wantReply(t *testing.T, conn net.Conn) {
	t.Helper()
	const want = "a hello\n"
	if got, err := ask(conn, "hello"); err != nil || got != want {
		t.Errorf("reply %q, %v, want %q", got, err, want)
	}
}

func TestExchangeBreaksAtItsMoment(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		moment    cable.Moment
		wantLines int64
		wantReply string
	}{
		"before the request":                     {moment: cable.BeforeRequest},
		"after the request and before the reply": {moment: cable.AfterRequest, wantLines: 1},
		"in the middle of the reply":             {moment: cable.MidReply, wantLines: 1, wantReply: "a he"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, "a")
			c := newCable(t, s.address)
			c.Break(tc.moment, 1)
			got, err := ask(dial(t, c), "hello")
			if err == nil || got != tc.wantReply && got != "" {
				t.Errorf("reply %q, %v, want %q and an error", got, err, tc.wantReply)
			}
			if n := s.lines.Load(); n != tc.wantLines {
				t.Errorf("the server got %d lines, want %d", n, tc.wantLines)
			}
			wantReply(t, dial(t, c)) // it was one exchange
		})
	}
}

func TestCutUntilJoined(t *testing.T) {
	t.Parallel()
	c := newCable(t, newServer(t, "a").address)
	before := dial(t, c)
	wantReply(t, before)
	c.Cut()
	if reply, err := ask(before, "hello"); err == nil {
		t.Errorf("the old connection was answered %q through a cut cable", reply)
	}
	wantRefused(t, c, "127.0.0.1")
	c.Join()
	wantReply(t, dial(t, c))
}

func TestCutFromOneHost(t *testing.T) {
	t.Parallel()
	c := newCable(t, newServer(t, "a").address)
	other, before := dial(t, c), dialFrom(t, c, "127.0.0.9")
	wantReply(t, before)
	c.CutFrom("127.0.0.9")
	if reply, err := ask(before, "hello"); err == nil {
		t.Errorf("the old connection was answered %q", reply)
	}
	wantRefused(t, c, "127.0.0.9")
	wantReply(t, other)
	c.Join()
	wantReply(t, dialFrom(t, c, "127.0.0.9"))
}

func TestResetEndsWhatThereIs(t *testing.T) {
	t.Parallel()
	c := newCable(t, newServer(t, "a").address)
	before := dial(t, c)
	wantReply(t, before)
	c.Reset()
	if reply, err := ask(before, "hello"); err == nil {
		t.Errorf("the old connection was answered %q", reply)
	}
	wantReply(t, dial(t, c))
}

func TestStallHoldsBack(t *testing.T) {
	t.Parallel()
	s := newServer(t, "a")
	c := newCable(t, s.address)
	conn := dial(t, c)
	wantReply(t, conn)
	c.Stall()
	replied := make(chan string, 1)
	go func() {
		reply, err := ask(conn, "later")
		replied <- fmt.Sprint(reply, err)
	}()
	select {
	case reply := <-replied:
		t.Errorf("answered %q while stalled", reply)
	case <-time.After(50 * time.Millisecond):
	}
	if n := s.lines.Load(); n != 1 {
		t.Errorf("the server got %d lines while stalled, want 1", n)
	}
	c.Flow()
	if reply := <-replied; !strings.HasPrefix(reply, "a later\n") {
		t.Errorf("then %q", reply)
	}
}

func TestHalfCloseLeavesTheOtherDirection(t *testing.T) {
	t.Parallel()
	c := newCable(t, newServer(t, "a").address)
	conn := dial(t, c)
	wantReply(t, conn)
	c.HalfClose(true)
	rest, err := io.ReadAll(conn)
	if err != nil || string(rest) != "end\n" {
		t.Errorf("the server that was told of the end said %q, %v", rest, err)
	}
}

func TestTargetsInTurnAndAroundOneThatIsDown(t *testing.T) {
	t.Parallel()
	a, b := newServer(t, "a"), newServer(t, "b")
	down, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = down.Close()
	c := newCable(t, a.address, down.Addr().String(), b.address)
	for range 6 {
		if reply, err := ask(dial(t, c), "x"); err != nil {
			t.Errorf("reply %q, %v", reply, err)
		}
	}
	if a.lines.Load() == 0 || b.lines.Load() == 0 {
		t.Errorf("the servers got %d and %d connections", a.lines.Load(), b.lines.Load())
	}
}
