// SPDX-License-Identifier: Apache-2.0

package freeport

import (
	"net"
	"strconv"
	"sync"
	"testing"
)

// Those who take ports at once get as many, and each can be listened at.
func TestPortsAreTakenOnce(t *testing.T) {
	t.Parallel()
	var (
		mu     sync.Mutex // guards taken
		taken  = map[int]bool{}
		taking sync.WaitGroup
	)
	for range 50 {
		taking.Go(func() {
			port, release, err := Take()
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(release)
			mu.Lock()
			defer mu.Unlock()
			if taken[port] {
				t.Errorf("port %d was given twice", port)
			}
			taken[port] = true
		})
	}
	taking.Wait()
	for port := range taken {
		listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			t.Errorf("port %d cannot be listened at: %v", port, err)
			continue
		}
		_ = listener.Close()
	}
}

func TestPortThatIsListenedAtIsNotFree(t *testing.T) {
	t.Parallel()
	port, release, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	if isFree(port) {
		t.Errorf("port %d is free though somebody listens there", port)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if !isFree(port) {
		t.Errorf("port %d is not free though nobody listens there", port)
	}
}
