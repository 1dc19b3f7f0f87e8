// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"
)

// Origin is where a log is written.
type Origin struct {
	Cluster   string // ARN of a registered cluster; empty for the home cluster
	Namespace string
	Pod       string
	Container string
}

// Live is the logs of pods that live.
type Live interface {
	// Find tells where a stream is written, and of which job it is. It returns ErrNotFound if no pod writes it, and another error
	// if that could not be found out.
	Find(ctx context.Context, stream string) (origin Origin, job string, err error)
	// Open reads what the container wrote since a time, each line with its own. It returns ErrNotFound if the pod is gone.
	Open(ctx context.Context, origin Origin, since time.Time) (io.ReadCloser, error)
	// Fate tells what is to come of a job's log that has no end in the archive. origin is nil if no pod is known that writes it.
	Fate(ctx context.Context, stream string, origin *Origin, job string) (Fate, error)
}

// View is all logs, of pods that live and of those that are gone.
type View struct {
	archive *Archive
	live    Live
}

// NewView makes a View.
func NewView(archive *Archive, live Live) *View { return &View{archive, live} }

// Streams are the archive's: those whose names begin with prefix and come after another one, in the order of their names.
func (v *View) Streams(ctx context.Context, prefix, after string) iter.Seq2[Stream, error] {
	return v.archive.Streams(ctx, prefix, after)
}

// Log is one stream as it is read.
type Log struct {
	view   *View
	stream string
	job    string
	chunks []chunk
	origin *Origin // where the rest is; nil if there is none
}

// Job is the id of the job, or the array's child, whose log it is.
func (l *Log) Job() string { return l.job }

// Open finds a stream. It returns ErrNotFound if there is none.
func (v *View) Open(ctx context.Context, stream string) (*Log, error) {
	if !IsStream(stream) {
		return nil, ErrNotFound
	}
	l := &Log{view: v, stream: stream}
	if err := l.look(ctx); err != nil || l.isEnded() {
		return l, err
	}
	origin, job, err := v.live.Find(ctx, stream)
	if err == nil {
		l.job, l.origin = job, &origin
		return l, nil
	}
	// The pod may have gone after the archive was looked at. What is there is shown also if it is not known where the rest is.
	if err := l.look(ctx); err != nil {
		return nil, err
	}
	if len(l.chunks) == 0 {
		return nil, err
	}
	return l, nil
}

func (l *Log) look(ctx context.Context) (err error) {
	l.chunks, err = l.view.archive.chunks(ctx, l.stream)
	if err == nil && len(l.chunks) > 0 {
		l.job = l.chunks[0].job
	}
	return err
}

func (l *Log) isEnded() bool {
	return slices.ContainsFunc(l.chunks, func(c chunk) bool { return c.isEnd })
}

// Summary is what is known of the stream without reading it, as of a log in the archive.
func (l *Log) Summary() Stream {
	s := Stream{Name: l.stream, Job: l.job}
	for i := range l.chunks {
		if i == 0 {
			s.First, s.Written = time.Unix(0, l.chunks[0].first), l.chunks[0].written
		}
		s.add(&l.chunks[i])
	}
	return s
}

// After gives the lines later than a time, in order. An error ends it.
func (l *Log) After(ctx context.Context, after int64) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		r := logReader{log: l, ctx: ctx, after: after, yield: yield}
		r.run()
	}
}

// logReader gives out lines, each once.
type logReader struct {
	log   *Log
	ctx   context.Context
	after int64
	yield func(Line, error) bool
}

func (r *logReader) run() {
	if !r.archived() || r.log.isEnded() || r.log.origin == nil {
		return
	}
	goesOn, err := r.live()
	if errors.Is(err, ErrNotFound) { // the pod has gone since: all is in the archive
		if err = r.log.look(r.ctx); err == nil {
			r.archived()
			return
		}
	}
	if goesOn && err != nil {
		r.yield(Line{}, err)
	}
}

// archived gives what the archive has. It returns false when nothing more is wanted.
func (r *logReader) archived() bool {
	for i := range r.log.chunks {
		c := &r.log.chunks[i]
		if c.last <= r.after {
			continue
		}
		lines, err := r.log.view.archive.read(r.ctx, r.log.view.archive.store, c)
		if err != nil {
			return r.yield(Line{}, err) && false
		}
		for _, line := range lines {
			if !r.give(line) {
				return false
			}
		}
	}
	return true
}

func (r *logReader) give(line Line) bool {
	if line.Time <= r.after {
		return true
	}
	r.after = line.Time
	return r.yield(line, nil)
}

// overlap is read once more where reading goes on: lines at the very second, and those whose times differ from what was
// written because of lines before them.
const overlap = time.Second

// sinceOf is from when on a container's log is read to find what follows a line.
func sinceOf(last int64) time.Time {
	if last <= 0 {
		return time.Time{}
	}
	return time.Unix(0, last).Add(-overlap).Truncate(time.Second)
}

// live gives what the kubelet has. It returns false when nothing more is wanted.
func (r *logReader) live() (bool, error) {
	last := r.after
	for i := range r.log.chunks {
		last = max(last, r.log.chunks[i].last)
	}
	r.after = last
	body, err := r.log.view.live.Open(r.ctx, *r.log.origin, sinceOf(last))
	if err != nil {
		return true, fmt.Errorf("read log of %s: %w", r.log.stream, err)
	}
	defer body.Close()
	scanner := NewScanner(body, 0)
	for {
		line, err := scanner.Next()
		switch {
		case errors.Is(err, io.EOF), err == nil && scanner.isSpoken: // with a line that has no end yet, perhaps
			return true, nil
		case err != nil:
			return true, fmt.Errorf("read log of %s: %w", r.log.stream, err)
		case !r.give(line):
			return false, nil
		}
	}
}

// Before gives the latest lines before a time that fit, in order.
func (l *Log) Before(ctx context.Context, before int64, fits func(count int, size int64) bool) ([]Line, error) {
	page := pageEnd{before: before, fits: fits}
	// What the kubelet has is the end of the log, so it is read first; what comes before it is in the archive.
	if !l.isEnded() && l.origin != nil {
		if err := l.liveBefore(ctx, &page); err != nil {
			return nil, err
		}
	}
	for i := len(l.chunks) - 1; i >= 0 && !page.isFull; i-- {
		c := &l.chunks[i]
		if c.first >= page.before {
			continue
		}
		lines, err := l.view.archive.read(ctx, l.view.archive.store, c)
		if err != nil {
			return nil, err
		}
		page.prepend(lines)
	}
	slices.Reverse(page.lines)
	return page.lines, nil
}

func (l *Log) liveBefore(ctx context.Context, page *pageEnd) error {
	last := int64(0)
	for i := range l.chunks {
		last = max(last, l.chunks[i].last)
	}
	if last >= page.before-1 {
		return nil
	}
	latest := window{before: page.before, fits: page.fits}
	r := logReader{log: l, ctx: ctx, after: last, yield: func(line Line, _ error) bool { return latest.add(line) }}
	_, err := r.live()
	if errors.Is(err, ErrNotFound) {
		return l.look(ctx)
	}
	page.prepend(latest.lines)
	return err
}

// pageEnd collects lines backwards.
type pageEnd struct {
	before int64
	fits   func(count int, size int64) bool
	lines  []Line // the latest first
	size   int64
	isFull bool
}

func (p *pageEnd) prepend(lines []Line) {
	for i := len(lines) - 1; i >= 0 && !p.isFull; i-- {
		if lines[i].Time >= p.before {
			continue
		}
		size := p.size + int64(lines[i].size())
		if p.isFull = !p.fits(len(p.lines)+1, size); p.isFull {
			return
		}
		p.lines, p.size, p.before = append(p.lines, lines[i]), size, lines[i].Time
	}
}

// window keeps the latest of the lines that it is given.
type window struct {
	before int64
	fits   func(count int, size int64) bool
	lines  []Line
	size   int64
}

// add returns false when no later line is wanted.
func (w *window) add(line Line) bool {
	if line.Time >= w.before {
		return false
	}
	w.lines, w.size = append(w.lines, line), w.size+int64(line.size())
	// One line more than enough is held: whoever reads backwards must see that it is too much.
	for len(w.lines) > 1 && !w.fits(len(w.lines)-1, w.size-int64(w.lines[0].size())) {
		w.size -= int64(w.lines[0].size())
		w.lines = w.lines[1:]
	}
	return true
}
