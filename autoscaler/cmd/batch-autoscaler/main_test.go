// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"os"
	"testing"

	"k8s.io/apimachinery/pkg/watch"
)

func TestMain(m *testing.M) {
	watch.DefaultChanSize = 1 << 16 // a fake watch breaks when it is overrun
	os.Exit(m.Run())
}
