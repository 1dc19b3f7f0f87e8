// SPDX-License-Identifier: Apache-2.0

package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Ports that are given out: above those of local clusters, and below those that Linux gives unless it is told otherwise.
const first, end = 25_000, 32_000

// errTaken is of a port that somebody has.
var errTaken = errors.New("the port is taken")

// Take returns a port that nobody listens at, and that is nobody else's before release is called or the process has ended.
func Take() (port int, release func(), err error) {
	from, to, err := span()
	if err != nil {
		return 0, nil, err
	}
	// By the user: the files of one are not the other's to lock.
	dir := filepath.Join(os.TempDir(), "muster-ports-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, nil, fmt.Errorf("make folder of locks: %w", err)
	}
	for _, n := range rand.Perm(to - from) { //nolint:gosec // no secret
		port := from + n
		release, err := lock(filepath.Join(dir, strconv.Itoa(port)))
		if errors.Is(err, errTaken) {
			continue
		}
		if err != nil {
			return 0, nil, err
		}
		if isFree(port) {
			return port, release, nil
		}
		release()
	}
	return 0, nil, fmt.Errorf("no port from %d to %d is free", from, to-1)
}

// span is from which port on, and up to which, ports are taken.
func span() (from, to int, err error) {
	to = end
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return first, to, nil //nolint:nilerr // another system
	}
	if low, _, ok := strings.Cut(strings.TrimSpace(string(text)), "\t"); ok {
		if n, err := strconv.Atoi(low); err == nil {
			to = min(to, n)
		}
	}
	if to <= first {
		return 0, 0, fmt.Errorf("the kernel gives ports from %d on: there are none below that are nobody's (net.ipv4.ip_local_port_range)", to)
	}
	return first, to, nil
}

func lock(file string) (release func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of a port: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, errTaken
	}
	return func() { _ = f.Close() }, nil
}

// isFree reports whether nobody listens at the port, at any address.
func isFree(port int) bool {
	listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
