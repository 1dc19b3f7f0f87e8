// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestExpiry deletes what is old, directories included, and nothing else.
func TestExpiry(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir, err := OpenDir(root)
	if err != nil {
		t.Fatal(err)
	}
	archive := newArchive(t, dir, 1000)
	for _, task := range []string{"0", "1"} {
		w, err := archive.resume(t.Context(), "d/default/"+task+testStream[len("d/default/")+1:], testJob, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range numbered(200, time.Second) {
			if err := w.add(t.Context(), line); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.end(t.Context(), 0, End{State: EndComplete}); err != nil {
			t.Fatal(err)
		}
	}
	old := began.AddDate(-1, 0, 0)
	chunks, err := archive.chunks(t.Context(), testStream)
	if err != nil || len(chunks) < 3 {
		t.Fatalf("%d chunks, %v", len(chunks), err)
	}
	for _, c := range chunks {
		if err := os.Chtimes(dir.path(c.key), old, old); err != nil {
			t.Fatal(err)
		}
	}
	n, err := archive.Expire(t.Context(), old.AddDate(0, 1, 0))
	if err != nil || n != 1 {
		t.Errorf("%d logs are old, %v", n, err)
	}
	var left []string
	for s, err := range archive.Streams(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, s.Name)
		if s.Lines != 200 || !s.IsEnded || s.Job != testJob || !s.First.Equal(began) || !s.Last.Equal(began.Add(199*time.Second)) {
			t.Errorf("the archive says %+v", s)
		}
	}
	if len(left) != 1 || left[0] == testStream {
		t.Errorf("left are %v", left)
	}
	if _, err := os.Stat(filepath.Dir(dir.path(chunks[0].key))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory of what is deleted: %v", err)
	}
}
