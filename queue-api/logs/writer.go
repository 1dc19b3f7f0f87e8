// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"fmt"
)

// writer puts one stream into the archive. What it writes depends on the lines and on limits alone.
type writer struct {
	archive *Archive
	stream  string
	job     string
	limit   int64 // of the stream's bytes

	last    int64  // Time of the last line
	isEnded bool   // nothing is to be added
	kept    int64  // bytes in chunks and in text
	added   int64  // of them, those of this writer
	text    []byte // of the chunk to come
	next    chunk  // what is known of it

	// What comes after the limit is reached: the latest lines are held until the end, those before them are dropped.
	latest     []Line
	latestSize int64
	dropped    int64 // bytes
}

// errArchive is in errors of the archive.
var errArchive = errors.New("archive")

// resume begins where the archive's part of the stream ends.
func (a *Archive) resume(ctx context.Context, stream, job string, limit int64) (*writer, error) {
	w := &writer{archive: a, stream: stream, job: job, limit: limit}
	chunks, err := a.chunks(ctx, stream)
	if err != nil {
		return nil, fmt.Errorf("%w: look at log %s: %w", errArchive, stream, err)
	}
	for _, c := range chunks {
		w.last, w.isEnded = max(w.last, c.last), w.isEnded || c.isEnd
		w.kept += c.bytes
	}
	w.begin()
	return w, nil
}

func (w *writer) begin() {
	w.text, w.next = w.text[:0], chunk{stream: w.stream, job: w.job}
}

// add takes the next line. One that the stream has already is left out.
func (w *writer) add(ctx context.Context, l Line) error {
	if l.Time <= w.last {
		return nil
	}
	tail := min(w.limit/4, maxTail)
	if w.dropped > 0 || len(w.latest) > 0 || w.kept+int64(l.size()) > w.limit-tail {
		w.hold(l, tail)
		return nil
	}
	if len(w.text) > 0 && len(w.text)+l.size()+maxStamp > w.archive.chunkSize {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	w.write(l)
	return nil
}

func (w *writer) write(l Line) {
	if w.next.lines == 0 {
		w.next.first = l.Time
	}
	w.text = l.appendTo(w.text)
	w.next.last, w.next.lines, w.next.bytes = l.Time, w.next.lines+1, w.next.bytes+int64(l.size())
	w.kept, w.added = w.kept+int64(l.size()), w.added+int64(l.size())
	w.last = l.Time
}

// hold keeps the latest lines, no more than tail bytes of them.
func (w *writer) hold(l Line, tail int64) {
	w.latest, w.latestSize, w.last = append(w.latest, l), w.latestSize+int64(l.size()), l.Time
	gone := 0
	for w.latestSize > tail && gone < len(w.latest)-1 {
		size := int64(w.latest[gone].size())
		w.latest[gone].Text = ""
		w.latestSize, w.dropped, gone = w.latestSize-size, w.dropped+size, gone+1
	}
	w.latest = w.latest[gone:]
}

// maxTail bounds what is held of the end of a log that is too long.
const maxTail = 1 << 20

// flush writes the chunk that is under way.
func (w *writer) flush(ctx context.Context) error {
	return w.put(ctx, w.archive.pack(w.text))
}

func (w *writer) put(ctx context.Context, content []byte) error {
	if err := w.archive.store.Put(ctx, w.next.makeKey(), content); err != nil {
		return fmt.Errorf("%w: keep log %s: %w", errArchive, w.stream, err)
	}
	w.begin()
	return nil
}

// end completes the stream. at is when that was, should the stream have no line.
func (w *writer) end(ctx context.Context, at int64, e End) error {
	if w.isEnded {
		return nil
	}
	if w.dropped > 0 {
		if len(w.text) > 0 {
			if err := w.flush(ctx); err != nil {
				return err
			}
		}
		why := fmt.Sprintf("it is longer than %d bytes", w.limit)
		// Lines were dropped before the first that was held, so this time is free.
		w.write(Line{w.latest[0].Time - 1, fmt.Sprintf("[%d bytes of this log were dropped here: %s]", w.dropped, why)})
		if e.Dropped += w.dropped; e.State == EndComplete {
			e.State, e.Reason = EndTruncated, why
		}
	}
	for _, l := range w.latest {
		w.write(l)
	}
	if note := e.note(); note != "" {
		w.write(Line{max(w.last+1, at), note})
	}
	if w.next.lines == 0 {
		w.next.first, w.next.last = max(w.last+1, at), max(w.last+1, at)
	}
	content, err := e.appendFrame(nil)
	if err != nil {
		return err
	}
	w.next.isEnd = true
	if err := w.put(ctx, append(content, w.archive.pack(w.text)...)); err != nil {
		return err
	}
	w.isEnded = true
	return nil
}
