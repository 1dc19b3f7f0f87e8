// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Dir is a Store in a directory, which may be a volume that several programs share. The tasks of a job definition are spread
// over 256 directories: there may be a million of them.
type Dir struct{ root string }

var _ Store = (*Dir)(nil)

// OpenDir makes the directory if it is not there.
func OpenDir(root string) (*Dir, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("log directory: %w", err)
	}
	return &Dir{root}, nil
}

// tempPrefix begins the names of files that are not objects yet.
const tempPrefix = ".new-"

// spread is how much of a key's third part is the name of a directory of its own.
const spread = 2

// path is the file of a key.
func (d *Dir) path(key string) string {
	parts := strings.Split(key, "/")
	if len(parts) == 4 && len(parts[2]) > spread {
		parts[2] = filepath.Join(parts[2][:spread], parts[2][spread:])
	}
	return filepath.Join(append([]string{d.root}, parts...)...)
}

// Put implements Store.
func (d *Dir) Put(_ context.Context, key string, content []byte) error {
	path := d.path(key)
	dir := filepath.Dir(path)
	made, err := d.mkdir(dir)
	if err != nil {
		return fmt.Errorf("keep %s: %w", key, err)
	}
	temp, err := os.CreateTemp(dir, tempPrefix)
	if err != nil {
		return fmt.Errorf("keep %s: %w", key, err)
	}
	_, err = temp.Write(content)
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep %s: %w", key, err), os.Remove(temp.Name()))
	}
	for _, changed := range append(made, dir) {
		if err := syncDir(changed); err != nil {
			return fmt.Errorf("keep %s: %w", key, err)
		}
	}
	return nil
}

// mkdir makes a directory and those above it, and returns those in which one was made.
func (d *Dir) mkdir(dir string) ([]string, error) {
	err := os.Mkdir(dir, 0o700)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, nil
	case errors.Is(err, fs.ErrNotExist) && dir != d.root:
		above, err := d.mkdir(filepath.Dir(dir))
		if err != nil {
			return nil, err
		}
		made, err := d.mkdir(dir)
		return append(above, made...), err
	case err != nil:
		return nil, err
	}
	return []string{filepath.Dir(dir)}, nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Get implements Store.
func (d *Dir) Get(_ context.Context, key string) ([]byte, error) {
	content, err := os.ReadFile(d.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", key, ErrNotFound)
	}
	return content, err
}

// Delete implements Store.
func (d *Dir) Delete(_ context.Context, keys []string) error {
	for _, key := range keys {
		path := d.path(key)
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete log: %w", err)
		}
		d.tidy(filepath.Dir(path))
	}
	return nil
}

// tidy removes the directory of a task that has no objects any more, with what a crash left there. Those above it may be just
// about to be used.
func (d *Dir) tidy(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil || slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), tempPrefix) }) {
		return
	}
	_ = os.RemoveAll(dir) // an empty directory harms nobody
}

// List implements Store.
func (d *Dir) List(ctx context.Context, prefix, after string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		w := dirWalk{ctx: ctx, prefix: prefix, after: after, yield: yield}
		w.walk(d.root, "", 0)
	}
}

// A dirWalk visits files in the order of their keys.
type dirWalk struct {
	ctx           context.Context
	prefix, after string
	yield         func(Object, error) bool
}

// separators follow the parts of a key by how deep their directory is.
var separators = [...]string{"/", "/", "", "/"}

// walk visits a directory, whose keys begin with base. It returns false when nothing more is wanted.
func (w *dirWalk) walk(dir, base string, depth int) bool {
	if err := w.ctx.Err(); err != nil {
		return w.yield(Object{}, err) && false
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) { // deleted meanwhile
		return true
	}
	if err != nil {
		return w.yield(Object{}, fmt.Errorf("list logs: %w", err)) && false
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(keyPart(a, depth), keyPart(b, depth)) })
	for _, entry := range entries {
		key := base + keyPart(entry, depth)
		if strings.HasPrefix(entry.Name(), ".") || w.isBeside(key) {
			continue
		}
		switch {
		case depth < len(separators) && entry.IsDir():
			if !w.walk(filepath.Join(dir, entry.Name()), key, depth+1) {
				return false
			}
		case depth == len(separators) && key > w.after && !w.visit(entry, key):
			return false
		}
	}
	return true
}

func (w *dirWalk) visit(entry fs.DirEntry, key string) bool {
	if !entry.Type().IsRegular() {
		return true
	}
	info, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil {
		return w.yield(Object{}, fmt.Errorf("list logs: %w", err)) && false
	}
	return w.yield(Object{Key: key, Written: info.ModTime()}, nil)
}

// isBeside reports whether no key that begins with base is wanted.
func (w *dirWalk) isBeside(base string) bool {
	if !strings.HasPrefix(base, w.prefix) && !strings.HasPrefix(w.prefix, base) {
		return true
	}
	return base < w.after && !strings.HasPrefix(w.after, base)
}

func keyPart(entry fs.DirEntry, depth int) string {
	if depth < len(separators) {
		return entry.Name() + separators[depth]
	}
	return entry.Name()
}
