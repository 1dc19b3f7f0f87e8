// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// Archive is the logs that are kept.
type Archive struct {
	codec

	store     Store
	chunkSize int
}

// NewArchive makes an Archive of a store.
func NewArchive(store Store) (*Archive, error) {
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	return &Archive{codec: c, store: store, chunkSize: 256 << 10}, nil
}

// Stream is what the archive knows of a stream without reading it.
type Stream struct {
	Name    string
	Job     string
	First   time.Time // of the first line; of the end, if there is none
	Last    time.Time // of the last line
	Lines   int
	Bytes   int64
	Written time.Time // when the first part was kept
	IsEnded bool      // the log is complete
}

// Streams gives the streams whose names begin with prefix and come after another one, in the order of their names.
func (a *Archive) Streams(ctx context.Context, prefix, after string) iter.Seq2[Stream, error] {
	if after != "" {
		after += "/~" // behind all its chunks
	}
	return func(yield func(Stream, error) bool) {
		var s Stream
		for o, err := range a.store.List(ctx, prefix, after) {
			if err != nil {
				yield(Stream{}, err)
				return
			}
			c, ok := parseKey(o)
			if !ok {
				continue
			}
			if c.stream != s.Name {
				if s.Name != "" && !yield(s, nil) {
					return
				}
				s = Stream{Name: c.stream, Job: c.job, First: time.Unix(0, c.first), Written: c.written}
			}
			s.add(&c)
		}
		if s.Name != "" {
			yield(s, nil)
		}
	}
}

func (s *Stream) add(c *chunk) {
	if last := time.Unix(0, c.last); last.After(s.Last) {
		s.Last = last
	}
	if c.written.Before(s.Written) {
		s.Written = c.written
	}
	s.Lines, s.Bytes, s.IsEnded = s.Lines+c.lines, s.Bytes+c.bytes, s.IsEnded || c.isEnd
}

// chunks lists a stream's parts in order.
func (a *Archive) chunks(ctx context.Context, stream string) ([]chunk, error) {
	var list []chunk
	for o, err := range a.store.List(ctx, stream+"/", "") {
		if err != nil {
			return nil, err
		}
		if c, ok := parseKey(o); ok {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(x, y chunk) int { return cmp.Or(cmp.Compare(x.first, y.first), cmp.Compare(x.last, y.last)) })
	return list, nil
}

// Expire deletes the streams that were kept before a time, and returns how many.
func (a *Archive) Expire(ctx context.Context, before time.Time) (int, error) {
	var old []string
	n := 0
	for o, err := range a.store.List(ctx, "", "") {
		if err != nil {
			return n, err
		}
		if c, ok := parseKey(o); ok && o.Written.Before(before) {
			old = append(old, o.Key)
			n += strings.Count(c.key, endSuffix)
		}
		if len(old) == maxDeleted {
			if err := a.store.Delete(ctx, old); err != nil {
				return n, err
			}
			old = nil
		}
	}
	if len(old) == 0 {
		return n, nil
	}
	return n, a.store.Delete(ctx, old)
}

// maxDeleted is how many objects are deleted at once. Amazon S3: at most 1,000.
const maxDeleted = 1000

// RunExpiry deletes streams older than age, at once and every hour, until ctx ends.
func (a *Archive) RunExpiry(ctx context.Context, age time.Duration, clk clock.WithTicker) error {
	ticker := clk.NewTicker(time.Hour)
	defer ticker.Stop()
	for {
		n, err := a.Expire(ctx, clk.Now().Add(-age))
		if err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Old logs are deleted later")
		}
		if n > 0 {
			klog.FromContext(ctx).Info("Deleted old logs", "count", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
	}
}
