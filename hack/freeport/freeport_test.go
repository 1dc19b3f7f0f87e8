// SPDX-License-Identifier: Apache-2.0

package freeport

import (
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Nobody gets what another has, and a program can listen there.
func TestAddressesAreOnesOwn(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]bool{}
	var takers sync.WaitGroup
	for range 8 {
		takers.Go(func() {
			for range 25 {
				address := Address(t)
				mu.Lock()
				if seen[address] {
					t.Errorf("%s is given twice", address)
				}
				seen[address] = true
				mu.Unlock()
			}
		})
	}
	takers.Wait()
	for address := range seen {
		_, port, err := net.SplitHostPort(address)
		if n, _ := strconv.Atoi(port); err != nil || n < 1024 || n >= max(kernelsLow(), usualLow) {
			t.Errorf("%s may be the kernel's: %v", address, err)
		}
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Error(err)
			continue
		}
		_ = listener.Close()
	}
}

// What is taken is given back with its test.
func TestAddressIsGivenBack(t *testing.T) {
	t.Parallel()
	var port int
	t.Run("a test", func(t *testing.T) {
		_, text, _ := net.SplitHostPort(Address(t))
		port, _ = strconv.Atoi(text)
		if _, ok := take(t, port); ok {
			t.Error("somebody else has it, too")
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) { // another test may be quicker, and has its end, too
		if _, ok := take(t, port); ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("port %d is not given back", port)
		}
	}
}
