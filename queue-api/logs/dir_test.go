// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// keyIn draws keys, many of which are near each other.
func keyIn(rt *rapid.T) string {
	part := rapid.StringMatching(`[a-c_-]{1,2}`)
	c := chunk{
		stream: part.Draw(rt, "definition") + "/" + part.Draw(rt, "container") + "/" + rapid.StringMatching(`[01]{4}`).Draw(rt, "task") + "0123456789abcdef0123456789ab",
		job:    testJob, first: int64(rapid.IntRange(1, 3).Draw(rt, "first")), isEnd: rapid.Bool().Draw(rt, "end"),
	}
	return c.makeKey()
}

// TestDirIsAStore holds a directory to what a map does.
func TestDirIsAStore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		root := t.TempDir()
		dir, err := OpenDir(filepath.Join(root, "a", "b"))
		if err != nil {
			rt.Fatal(err)
		}
		want := newMemory()
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				key, content := keyIn(rt), rapid.SliceOf(rapid.Byte()).Draw(rt, "content")
				if err := errors.Join(dir.Put(rt.Context(), key, content), want.Put(rt.Context(), key, content)); err != nil {
					rt.Fatal(err)
				}
			},
			"delete": func(rt *rapid.T) {
				keys := rapid.SliceOfN(rapid.Custom(keyIn), 0, 5).Draw(rt, "keys")
				for key := range want.objects {
					keys = append(keys, key)
					break
				}
				if err := errors.Join(dir.Delete(rt.Context(), keys), want.Delete(rt.Context(), keys)); err != nil {
					rt.Fatal(err)
				}
			},
			"crash": func(rt *rapid.T) {
				for key := range want.objects {
					if err := os.WriteFile(filepath.Join(filepath.Dir(dir.path(key)), tempPrefix+"1"), nil, 0o600); err != nil {
						rt.Fatal(err)
					}
					break
				}
			},
			"": func(rt *rapid.T) { compareStores(rt, want, dir) },
		})
	})
}

func compareStores(rt *rapid.T, want *memory, got Store) {
	prefix, after := "", ""
	if rapid.Bool().Draw(rt, "some") {
		prefix, after = keyIn(rt), keyIn(rt)
		prefix = prefix[:rapid.IntRange(0, len(prefix)).Draw(rt, "prefix")]
		after = after[:rapid.IntRange(0, len(after)).Draw(rt, "after")]
	}
	list := func(s Store) (keys []string) {
		for o, err := range s.List(rt.Context(), prefix, after) {
			if err != nil {
				rt.Fatal(err)
			}
			keys = append(keys, o.Key)
		}
		return keys
	}
	if diff := cmp.Diff(list(want), list(got)); diff != "" {
		rt.Fatalf("keys from %q after %q (-want +got):\n%s", prefix, after, diff)
	}
	key := keyIn(rt)
	content, wantErr := want.Get(rt.Context(), key)
	gotContent, err := got.Get(rt.Context(), key)
	if errors.Is(err, ErrNotFound) != errors.Is(wantErr, ErrNotFound) || !bytes.Equal(content, gotContent) {
		rt.Fatalf("%s: got %q, %v, want %q, %v", key, gotContent, err, content, wantErr)
	}
}

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
