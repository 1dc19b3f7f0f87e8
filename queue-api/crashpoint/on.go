// SPDX-License-Identifier: Apache-2.0

//go:build crashpoints

package crashpoint

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
)

// File is the environment variable that names the file which arms a point.
const File = "MUSTER_CRASH_FILE"

// exitCode is what a shell says of a process that kill -9 ended.
const exitCode = 137

var (
	mu    sync.Mutex                        // guards what follows
	seen  = map[string]int{}                // hits of what is armed, by the text of the file
	visit func(p Point, moment string) bool // of a test in this process
)

// Around makes a write. It exits before or after it if that is armed; to a test in the same process, which cannot exit, the
// write is one that fails or whose reply is lost.
func Around(p Point, write func() error) error {
	if hit(p, Before) {
		return errDead
	}
	err := write()
	if hit(p, After) {
		return errDead
	}
	return err
}

var errDead = errors.New("the process died at a crash point")

// Visit has a test see every hit, and say where the process is to die as far as it can in the test's own process: the test
// has to see to it that nothing that the dead still do takes effect. Nil ends that.
func Visit(f func(p Point, moment string) bool) {
	mu.Lock()
	defer mu.Unlock()
	visit = f
}

func hit(p Point, moment string) bool {
	mu.Lock()
	f := visit
	mu.Unlock()
	if f != nil {
		return f(p, moment)
	}
	path := os.Getenv(File)
	if path == "" {
		return false
	}
	text, err := os.ReadFile(path)
	if err != nil { // nothing is armed
		return false
	}
	if isDue(string(text), p, moment) {
		fmt.Fprintln(os.Stderr, "crash point", p, moment)
		os.Exit(exitCode)
	}
	return false
}

// isDue counts a hit of what is armed, "point moment n", and reports whether it is the n-th.
func isDue(armed string, p Point, moment string) bool {
	name, n, found := strings.Cut(armed, " ")
	when, n, foundMoment := strings.Cut(n, " ")
	if !found || !foundMoment || name != string(p) || when != moment {
		return false
	}
	mu.Lock()
	defer mu.Unlock()
	seen[armed]++
	return fmt.Sprint(seen[armed]) == strings.TrimSpace(n)
}
