// SPDX-License-Identifier: Apache-2.0

package leaktest

import (
	"testing"
	"time"
)

func TestMain(m *testing.M) { Main(m) }

// One that ends late is none that is left; one that does not end is.
func TestFind(t *testing.T) {
	end := make(chan struct{})
	go func() { <-end }()
	if err := find(0); err == nil {
		t.Error("what waits for ever is not found")
	}
	time.AfterFunc(time.Second, func() { close(end) })
	if err := find(patience); err != nil {
		t.Error(err)
	}
}
