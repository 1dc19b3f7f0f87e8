// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"iter"
	"time"
)

// ErrNotFound means that there is no such stream, or no such object.
var ErrNotFound = errors.New("log not found")

// Object is what a Store tells of an object without reading it.
type Object struct {
	Key     string
	Written time.Time
}

// Store keeps objects under keys of the form a/b/c/d, all parts of letters, digits and "._-". An object is there wholly or not
// at all, and durable once Put has returned; another Put of the same key may overwrite it. Errors are worth another try.
type Store interface {
	Put(ctx context.Context, key string, content []byte) error
	// Get returns ErrNotFound if there is no such object.
	Get(ctx context.Context, key string) ([]byte, error)
	// List gives the objects whose keys begin with prefix and come after another key, in the order of their keys. An error ends it.
	List(ctx context.Context, prefix, after string) iter.Seq2[Object, error]
	// Delete succeeds if there is no such object.
	Delete(ctx context.Context, keys []string) error
}
