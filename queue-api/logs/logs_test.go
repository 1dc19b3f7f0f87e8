// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-batch/muster/hack/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const (
	testJob    = "00001aaa-bbbb-4ccc-8ddd-eeeeeeeeeeee:3"
	testStream = "d/default/0123456789abcdef0123456789abcdef"
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC)

// memory is a Store that can be made to fail: the nth call and those after it, before or after they did their work.
type memory struct {
	mu      sync.Mutex // guards what follows
	objects map[string][]byte
	puts    int
	failAt  int  // the put that fails, from 1; 0 is none
	isDone  bool // whether it did its work before
}

var errDown = errors.New("store is down")

func newMemory() *memory { return &memory{objects: map[string][]byte{}} }

// fail has a put fail from now on, and those after it; 0 is none.
func (m *memory) fail(at int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.puts, m.failAt = 0, at
}

// count is how many objects there are.
func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.objects)
}

func (m *memory) Put(_ context.Context, key string, content []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.puts++
	fails := m.failAt > 0 && m.puts >= m.failAt
	if !fails || m.isDone && m.puts == m.failAt {
		m.objects[key] = slices.Clone(content)
	}
	if fails {
		return errDown
	}
	return nil
}

func (m *memory) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	content, ok := m.objects[key]
	if !ok {
		return nil, ErrNotFound
	}
	return content, nil
}

func (m *memory) List(_ context.Context, prefix, after string) iter.Seq2[Object, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := slices.Sorted(maps.Keys(m.objects))
	return func(yield func(Object, error) bool) {
		for _, key := range keys {
			if strings.HasPrefix(key, prefix) && key > after && !yield(Object{Key: key, Written: began}, nil) {
				return
			}
		}
	}
}

func (m *memory) Delete(_ context.Context, keys []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		delete(m.objects, key)
	}
	return nil
}

// failer is a test, or what rapid has in place of one.
type failer interface {
	Helper()
	Fatal(args ...any)
}

func newArchive(f failer, store Store, chunkSize int) *Archive {
	f.Helper()
	a, err := NewArchive(store)
	if err != nil {
		f.Fatal(err)
	}
	a.chunkSize = chunkSize
	return a
}

// container is a container's log as a kubelet has it. It implements Source and Live.
type container struct {
	lines  []Line
	gone   bool
	failAt int // read fails after so many bytes; 0 never
	reads  int
}

func (c *container) text(since time.Time) string {
	var b []byte
	for _, l := range c.lines {
		if at := time.Unix(0, l.Time); !at.Before(since) {
			b = append(b, at.UTC().Format(time.RFC3339Nano)+" "+l.Text+"\n"...)
		}
	}
	return string(b)
}

func (c *container) Read(_ context.Context, _ Origin, since time.Time, _ bool) (io.ReadCloser, error) {
	c.reads++
	if c.gone {
		return nil, ErrNotFound
	}
	text := c.text(since)
	if c.failAt > 0 && len(text) > c.failAt {
		return io.NopCloser(io.MultiReader(strings.NewReader(text[:c.failAt]), broken{})), nil
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

// Fate is that of a pod which nobody keeps.
func (c *container) Fate(context.Context, string, *Origin, string) (Fate, error) {
	if c.gone {
		return FateGone, nil
	}
	return FateOpen, nil
}

func (c *container) Find(context.Context, string) (Origin, string, error) {
	if c.gone {
		return Origin{}, "", ErrNotFound
	}
	return Origin{Pod: "p"}, testJob, nil
}

func (c *container) Open(ctx context.Context, o Origin, since time.Time) (io.ReadCloser, error) {
	return c.Read(ctx, o, since, false)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection is broken") }

// numbered are lines that say which they are, so many nanoseconds apart.
func numbered(n int, apart time.Duration) []Line {
	lines := make([]Line, n)
	for i := range lines {
		lines[i] = Line{began.Add(time.Duration(i) * apart).UnixNano(), fmt.Sprintf("line %d", i)}
	}
	return lines
}

func texts(lines []Line) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = l.Text
	}
	return out
}

// all reads a log as a client does, from after a time on.
func all(ctx context.Context, l *Log, after int64) ([]Line, error) {
	var lines []Line
	for line, err := range l.After(ctx, after) {
		if err != nil {
			return lines, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}
