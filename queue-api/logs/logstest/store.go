// SPDX-License-Identifier: Apache-2.0

package logstest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/logs"
)

// Objects are what a store must have.
type Objects map[string][]byte

// Any gives one of the keys; empty if there is none.
func (o Objects) Any(rt *rapid.T) string {
	if len(o) == 0 {
		return ""
	}
	return rapid.SampledFrom(slices.Sorted(maps.Keys(o))).Draw(rt, "key")
}

// CheckStore holds an empty store to what a map does, in steps that are drawn. more are other things that may happen to the store
// and change nothing of what it shows.
func CheckStore(rt *rapid.T, store logs.Store, more map[string]func(*rapid.T, Objects)) {
	want := Objects{}
	steps := map[string]func(*rapid.T){
		"put": func(rt *rapid.T) {
			key, content := drawKey(rt), rapid.SliceOf(rapid.Byte()).Draw(rt, "content")
			if err := store.Put(rt.Context(), key, content); err != nil {
				rt.Fatal(err)
			}
			want[key] = content
		},
		"put another": func(rt *rapid.T) {
			if key := want.Any(rt); key != "" {
				if err := store.Put(rt.Context(), key, []byte("another")); err != nil {
					rt.Fatal(err)
				}
				want[key] = []byte("another")
			}
		},
		"delete": func(rt *rapid.T) {
			keys := rapid.SliceOfNDistinct(rapid.Custom(drawKey), 0, 5, rapid.ID[string]).Draw(rt, "keys")
			if one := want.Any(rt); one != "" && !slices.Contains(keys, one) {
				keys = append(keys, one)
			}
			if err := store.Delete(rt.Context(), keys); err != nil {
				rt.Fatal(err)
			}
			for _, key := range keys {
				delete(want, key)
			}
		},
		"": func(rt *rapid.T) {
			want.checkList(rt, store)
			want.checkGet(rt, store)
		},
	}
	for name, step := range more {
		steps[name] = func(rt *rapid.T) { step(rt, want) }
	}
	rt.Repeat(steps)
}

// drawKey draws keys as logs have them, many of which are near each other.
func drawKey(rt *rapid.T) string {
	part := rapid.StringMatching(`[a-c_-]{1,2}`)
	return fmt.Sprintf("%s/%s/%s0123456789abcdef0123456789ab/%016x-%016x-0-0-00001aaa-bbbb-4ccc-8ddd-eeeeeeeeeeee_3%s",
		part.Draw(rt, "definition"), part.Draw(rt, "container"), rapid.StringMatching(`[01]{4}`).Draw(rt, "task"),
		rapid.IntRange(1, 3).Draw(rt, "first"), rapid.IntRange(1, 3).Draw(rt, "last"), rapid.SampledFrom([]string{".zst", ".end.zst"}).Draw(rt, "suffix"))
}

// checkList lists all, or what begins somehow and comes after something.
func (o Objects) checkList(rt *rapid.T, store logs.Store) {
	prefix, after := "", ""
	if rapid.Bool().Draw(rt, "some") {
		prefix, after = drawKey(rt), drawKey(rt)
		prefix = prefix[:rapid.IntRange(0, len(prefix)).Draw(rt, "prefix")]
		after = after[:rapid.IntRange(0, len(after)).Draw(rt, "after")]
		if stream := strings.LastIndexByte(after, '/'); stream > 0 && rapid.Bool().Draw(rt, "behind") {
			after = after[:stream] + "/~" // as Archive.Streams goes on behind a stream
		}
	}
	var want, got []string
	for _, key := range slices.Sorted(maps.Keys(o)) {
		if strings.HasPrefix(key, prefix) && key > after {
			want = append(want, key)
		}
	}
	for object, err := range store.List(rt.Context(), prefix, after) {
		if err != nil {
			rt.Fatal(err)
		}
		if object.Written.IsZero() {
			rt.Fatalf("%s was never written", object.Key)
		}
		got = append(got, object.Key)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		rt.Fatalf("keys from %q after %q (-want +got):\n%s", prefix, after, diff)
	}
}

// checkGet reads an object that is there, and one that may be.
func (o Objects) checkGet(rt *rapid.T, store logs.Store) {
	for _, key := range []string{o.Any(rt), drawKey(rt)} {
		if key == "" {
			continue
		}
		want, isThere := o[key]
		got, err := store.Get(rt.Context(), key)
		switch {
		case isThere && err != nil, !isThere && !errors.Is(err, logs.ErrNotFound):
			rt.Fatalf("%s: %v", key, err)
		case !bytes.Equal(got, want):
			rt.Fatalf("%s: got %q, want %q", key, got, want)
		}
	}
}
