// SPDX-License-Identifier: Apache-2.0

package clusters

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// rereadAfter is how long a change of a file may go unseen.
const rereadAfter = 2 * time.Second

// Registry is the registrations of a directory.
type Registry struct {
	dir   string
	clock clock.Clock

	mu    sync.Mutex // guards what follows
	known []Registration
	told  map[string]string // by file: the trouble that was logged last
}

// Open reads the directory, which must exist.
func Open(ctx context.Context, dir string, clk clock.Clock) (*Registry, error) {
	r := &Registry{dir: dir, clock: clk, told: map[string]string{}}
	_, err := r.reread(ctx)
	return r, err
}

// All are the registrations by name.
func (r *Registry) All() []Registration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.known)
}

// Run reads the directory again and again until ctx ends, and calls changed whenever a registration came, went or changed.
func (r *Registry) Run(ctx context.Context, changed func()) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.clock.After(rereadAfter):
		}
		different, err := r.reread(ctx)
		if err != nil {
			klog.FromContext(ctx).Error(err, "Registered clusters could not be read again; those that were known still count")
		}
		if different {
			changed()
		}
	}
}

// reread reads every file. One that cannot be used counts as what it last held.
func (r *Registry) reread(ctx context.Context) (changed bool, err error) {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return false, fmt.Errorf("read clusters: %w", err)
	}
	var next []Registration
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") { // ..data and its like
			continue
		}
		one, err := r.read(name, next)
		r.tell(ctx, name, err)
		if err == nil {
			next = append(next, one)
		} else if last := r.last(name); last != nil && !isTaken(last, next) {
			next = append(next, *last)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	same := slices.EqualFunc(r.known, next, func(a, b Registration) bool { return a.Same(&b) })
	r.known = next
	return !same, nil
}

// read gives what a file holds; others are those before it.
func (r *Registry) read(name string, others []Registration) (Registration, error) {
	path := filepath.Join(r.dir, name)
	content, err := os.ReadFile(path)
	if err != nil {
		return Registration{}, err
	}
	one, err := parse(path, content)
	if err == nil && isTaken(&one, others) {
		err = errors.New("another file is for the same cluster")
	}
	return one, err
}

// isTaken reports whether some ARN would mean both the registration and another.
func isTaken(one *Registration, others []Registration) bool {
	return slices.ContainsFunc(others, func(o Registration) bool { return o.Cluster == one.Cluster || o.Is(one.Cluster) || one.Is(o.Cluster) })
}

// last is what was known of a file.
func (r *Registry) last(name string) *Registration {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.known {
		if r.known[i].Name == name {
			return &r.known[i]
		}
	}
	return nil
}

// tell logs a file's trouble once. The error names the file's members, never their values.
func (r *Registry) tell(ctx context.Context, name string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if r.told[name] == text {
		return
	}
	r.told[name] = text
	if err != nil {
		klog.FromContext(ctx).Error(err, "Cluster is not registered as its file says", "file", name)
	}
}
