// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// rereadAfter is how long a change of a file may go unseen.
const rereadAfter = 2 * time.Second

// file is what a file holds, or all files of a directory, as a mounted Secret is one. It is read again when it is asked for
// and changed. While it cannot be read or parsed, what it last held counts.
type file[T any] struct {
	path  string
	parse func(contents [][]byte) (T, error)
	clock clock.PassiveClock

	mu     sync.Mutex
	read   time.Time
	joined []byte
	value  T
}

// open reads a file, which must succeed the first time.
func open[T any](path string, parse func([][]byte) (T, error), clk clock.PassiveClock) (*file[T], error) {
	f := &file[T]{path: path, parse: parse, clock: clk}
	return f, f.reread()
}

// get returns what the file holds now.
func (f *file[T]) get(ctx context.Context) T {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.clock.Since(f.read) >= rereadAfter {
		if err := f.reread(); err != nil {
			klog.FromContext(ctx).Error(err, "File could not be read again; what it last held still counts")
		}
	}
	return f.value
}

func (f *file[T]) reread() error {
	f.read = f.clock.Now()
	contents, err := readAll(f.path)
	if err != nil {
		return err
	}
	joined := bytes.Join(contents, []byte{0})
	if f.joined != nil && bytes.Equal(joined, f.joined) {
		return nil
	}
	value, err := f.parse(contents)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	f.joined, f.value = joined, value
	return nil
}

// readAll reads a file, or the files of a directory but hidden ones.
func readAll(path string) ([][]byte, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		content, err := os.ReadFile(path)
		return [][]byte{content}, err
	}
	var contents [][]byte
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") { // ..data and its like
			continue
		}
		content, err := os.ReadFile(filepath.Join(path, entry.Name()))
		if err != nil {
			return nil, err
		}
		contents = append(contents, content)
	}
	return contents, nil
}
