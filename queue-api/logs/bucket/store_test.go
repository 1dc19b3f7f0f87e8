// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/logs"
)

// fakeS3 is as much of Amazon S3 as a Store uses, with pages of two objects.
type fakeS3 struct {
	mu      sync.Mutex // guards what follows
	objects map[string]string
	lists   int
}

func (f *fakeS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key, inBucket := strings.CutPrefix(r.URL.Path, "/b/")
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=k/"):
		w.WriteHeader(http.StatusForbidden)
	case r.Method == http.MethodPut && inBucket:
		body, _ := io.ReadAll(r.Body)
		f.objects[key] = string(body)
	case r.Method == http.MethodPost:
		var in struct {
			Object []struct{ Key string }
		}
		if err := xml.NewDecoder(r.Body).Decode(&in); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, o := range in.Object {
			delete(f.objects, o.Key)
		}
		fmt.Fprint(w, "<DeleteResult/>")
	case r.URL.Query().Get("list-type") == "2":
		f.list(w, r)
	default:
		content, ok := f.objects[key]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, "<Error><Code>NoSuchKey</Code></Error>")
			return
		}
		fmt.Fprint(w, content)
	}
}

func (f *fakeS3) list(w http.ResponseWriter, r *http.Request) {
	f.lists++
	q := r.URL.Query()
	after := max(q.Get("start-after"), q.Get("continuation-token"))
	var b strings.Builder
	n := 0
	for _, key := range slices.Sorted(maps.Keys(f.objects)) {
		if key <= after || !strings.HasPrefix(key, q.Get("prefix")) {
			continue
		}
		if n == 2 {
			b.WriteString("<IsTruncated>true</IsTruncated>")
			break
		}
		n, after = n+1, key
		b.WriteString("<Contents><Key>" + key + "</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>")
	}
	fmt.Fprintf(w, "<ListBucketResult>%s<NextContinuationToken>%s</NextContinuationToken></ListBucketResult>", b.String(), after)
}

func TestStore(t *testing.T) {
	fake := &fakeS3{objects: map[string]string{"other/a": "x"}}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL_S3", server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "k")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	t.Setenv("AWS_REGION", "")
	s, err := Open(t.Context(), "s3://b/some/prefix/", "eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 5 {
		key := fmt.Sprintf("d/c/t/%d", i)
		want = append(want, key)
		if err := s.Put(t.Context(), key, []byte(key)); err != nil {
			t.Fatal(err)
		}
	}
	if content, err := s.Get(t.Context(), "d/c/t/3"); err != nil || string(content) != "d/c/t/3" || fake.objects["some/prefix/d/c/t/3"] == "" {
		t.Errorf("got %q, %v", content, err)
	}
	if _, err := s.Get(t.Context(), "d/c/t/9"); !errors.Is(err, logs.ErrNotFound) {
		t.Errorf("what is not there: %v", err)
	}
	list := func(after string) (keys []string) {
		for o, err := range s.List(t.Context(), "d/", after) {
			if err != nil {
				t.Fatal(err)
			}
			if !o.Written.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
				t.Errorf("%s is of %v", o.Key, o.Written)
			}
			keys = append(keys, o.Key)
		}
		return keys
	}
	if diff := cmp.Diff(want, list("")); diff != "" || fake.lists != 3 {
		t.Errorf("%d pages, keys mismatch (-want +got):\n%s", fake.lists, diff)
	}
	if diff := cmp.Diff(want[3:], list(want[2])); diff != "" {
		t.Errorf("keys after another mismatch (-want +got):\n%s", diff)
	}
	if err := s.Delete(t.Context(), want[1:]); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want[:1], list("")); diff != "" || len(fake.objects) != 2 {
		t.Errorf("of %v keys mismatch (-want +got):\n%s", fake.objects, diff)
	}
	server.Close()
	if err := s.Put(t.Context(), "d/c/t/1", nil); err == nil {
		t.Error("a put to nobody succeeded")
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, location := range []string{"", "b/p", "s3://", "https://b/p", "s3://b/p?x=y", "s3://user@b/p"} {
		if _, err := Open(t.Context(), location, "eu-west-1"); err == nil {
			t.Errorf("%q is taken", location)
		}
	}
}
