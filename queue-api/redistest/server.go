// SPDX-License-Identifier: Apache-2.0

package redistest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/hack/freeport"
)

// Server is a redis-server, or a Sentinel, on a port of its own.
type Server struct {
	Address string
	// Client asks this server, whatever it is.
	Client *redis.Client

	t    testing.TB
	dir  string
	args []string
	cmd  *exec.Cmd
}

// Safe are the settings of a server that loses nothing that it acknowledged.
func Safe() []string {
	return []string{"--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"}
}

// Start runs one server until the test ends.
func Start(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	s := newServer(tb, freeAddress(tb))
	s.args = append([]string{"--save", "", "--repl-diskless-sync-delay", "0"}, settings...)
	s.Restart()
	return s
}

func newServer(tb testing.TB, address string) *Server {
	tb.Helper()
	s := &Server{
		Address: address, t: tb, dir: tb.TempDir(),
		Client: redis.NewClient(&redis.Options{Addr: address, MaxRetries: -1, DialTimeout: slow, ReadTimeout: slow, WriteTimeout: slow}),
	}
	tb.Cleanup(func() {
		_ = s.Client.Close()
		s.Kill()
	})
	return s
}

// URL is that of the server by itself.
func (s *Server) URL() string { return "redis://" + s.Address }

// Restart starts the server, with what it has on disk and with settings beside its own, and returns once it answers.
func (s *Server) Restart(settings ...string) {
	s.t.Helper()
	args := []string{"--bind", "127.0.0.1", "--port", portOf(s.Address), "--dir", s.dir, "--logfile", filepath.Join(s.dir, "log")}
	if file := s.file(); file != "" {
		args = append([]string{file}, args...)
	}
	s.cmd = exec.CommandContext(context.Background(), "redis-server", append(append(args, s.args...), settings...)...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start redis-server (Debian package redis-server): %v", err)
	}
	s.await("answers", func() bool { return s.Client.Ping(s.t.Context()).Err() == nil })
}

// file is the server's file of settings, if it has one. A Sentinel keeps there what it learns.
func (s *Server) file() string {
	name := filepath.Join(s.dir, "settings")
	if _, err := os.Stat(name); err != nil {
		return ""
	}
	return name
}

// Follow makes the server a replica and returns once it has what the master has.
func (s *Server) Follow(master *Server) { s.follow(master.Address) }

func (s *Server) follow(address string) {
	s.t.Helper()
	s.ask("REPLICAOF", "127.0.0.1", portOf(address))
	s.await("follows "+address, func() bool { return s.asked("master_link_status:up", "INFO", "replication") })
}

// Kill ends the server as a crash does. Once is enough, paused or not.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Pause stops the server where it is, until Resume.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal os.Signal) {
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Errorf("%v redis-server: %v", signal, err)
	}
}

const (
	// patience bounds every wait.
	patience = 3 * time.Minute
	// slow bounds every command: of a server that is there, but waits for a disk or for the processor.
	slow = 30 * time.Second
)

func (s *Server) await(what string, ok func() bool) {
	s.t.Helper()
	await(s.t, s.Address+" "+what, ok)
}

func await(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// asked reports whether the reply to a command has what is wanted.
func (s *Server) asked(want string, command ...any) bool {
	reply, _ := s.Client.Do(s.t.Context(), command...).Text()
	return strings.Contains(reply, want)
}

// ask has the server do what cannot fail.
func (s *Server) ask(command ...any) {
	s.t.Helper()
	if err := s.Client.Do(s.t.Context(), command...).Err(); err != nil {
		s.t.Fatalf("%s: %v: %v", s.Address, command, err)
	}
}

// freeAddress is nobody else's until the test ends, even while the server is down.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	port, release, err := freeport.Take()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(release)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}
