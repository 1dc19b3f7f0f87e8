// SPDX-License-Identifier: Apache-2.0

package freeport

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// count is how many ports there are to give.
	count = 10_000
	// usualLow is where the kernel's own range begins, unless an administrator moved it.
	usualLow = 32768
)

// Address returns a loopback address that nobody listens at. It is nobody else's until the test ends.
func Address(tb testing.TB) string {
	tb.Helper()
	first := kernelsLow() - count
	begin := int(time.Now().UnixMicro() % count) // one that was used lately is not used again soon
	for i := range count {
		if address, ok := take(tb, first+(begin+i)%count); ok {
			return address
		}
	}
	tb.Fatalf("none of the ports from %d to %d is free", first, first+count-1)
	return ""
}

// take takes a port if nobody has it. Whoever has one holds a socket that is named after it.
func take(tb testing.TB, port int) (address string, ok bool) {
	tb.Helper()
	mark, err := net.Listen("unix", fmt.Sprintf("@muster-test-port-%d", port))
	if err != nil {
		return "", false
	}
	address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		_ = mark.Close()
		return "", false
	}
	_ = listener.Close()
	tb.Cleanup(func() { _ = mark.Close() })
	return address, true
}

// kernelsLow is the lowest port that the kernel chooses by itself.
func kernelsLow() int {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return usualLow
	}
	fields := strings.Fields(string(text))
	if len(fields) == 0 {
		return usualLow
	}
	low, err := strconv.Atoi(fields[0])
	if err != nil || low < count+1024 {
		return usualLow // there is no room below it
	}
	return low
}
