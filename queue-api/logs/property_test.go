// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// drawLines draws a log: lines of all sizes and bytes, some of which have the time of the line before, or an earlier one.
func drawLines(rt *rapid.T) []Line {
	at := began
	text := rapid.OneOf(
		rapid.StringOf(rapid.RuneFrom([]rune("ab \té世\x00\r"))),
		rapid.Custom(func(rt *rapid.T) string { return strings.Repeat("0123456789", rapid.IntRange(0, 40).Draw(rt, "long")) }),
		rapid.Custom(func(rt *rapid.T) string { return string(rapid.SliceOf(rapid.ByteRange(128, 255)).Draw(rt, "bytes")) }),
	)
	return rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) Line {
		at = at.Add(time.Duration(rapid.SampledFrom([]int{-500, 0, 0, 1, 1e3, 1e6, 2e9}).Draw(rt, "step")))
		return Line{at.UnixNano(), text.Draw(rt, "text")}
	}), 0, 60).Draw(rt, "lines")
}

// TestWhatIsWrittenIsRead collects a log with crashes at any write and broken connections at any byte, and reads it from any
// place, forward and backward, at any size of chunk.
func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		kubelet := &container{lines: drawLines(rt)}
		store := newMemory()
		archive := newArchive(rt, store, rapid.IntRange(1, 400).Draw(rt, "chunk"))
		want := texts(kubelet.lines)
		for tries := 0; ; tries++ {
			store.puts, store.failAt, kubelet.failAt = 0, 0, 0
			if tries < 5 {
				store.failAt, store.isDone = rapid.IntRange(0, 4).Draw(rt, "fail"), rapid.Bool().Draw(rt, "done")
				kubelet.failAt = rapid.IntRange(0, 300).Draw(rt, "break")
			}
			if collectOnce(rt, archive, kubelet) == nil {
				break
			}
		}
		// Whoever else collects it, from the beginning and without a crash, writes the same.
		kubelet.failAt = 0
		other := newMemory()
		if err := collectOnce(rt, newArchive(rt, other, archive.chunkSize), kubelet); err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(other.objects, store.objects); diff != "" {
			rt.Fatalf("chunks mismatch (-at once +after crashes):\n%s", diff)
		}
		kubelet.gone = true
		checkReading(rt, archive, kubelet, want)
	})
}

// collectOnce does what a Collector does with one container.
func collectOnce(rt *rapid.T, archive *Archive, kubelet *container) error {
	w, err := archive.resume(rt.Context(), testStream, testJob, 64<<20)
	if err != nil || w.isEnded {
		return err
	}
	c := &Collector{archive: archive, source: kubelet, cfg: CollectorConfig{Timeout: time.Minute}}
	r := &reading{w: w}
	for isQuiet := false; !isQuiet; {
		var err error
		if isQuiet, err = c.read(rt.Context(), newCollection(), r, "default"); err != nil {
			return err
		}
	}
	return w.end(rt.Context(), began.Add(time.Hour).UnixNano(), End{State: EndComplete})
}

// checkReading reads a log in every way.
func checkReading(rt *rapid.T, archive *Archive, live Live, want []string) {
	log, err := NewView(archive, live).Open(rt.Context(), testStream)
	if err != nil {
		rt.Fatal(err)
	}
	if log.Job() != testJob {
		rt.Fatalf("job %s", log.Job())
	}
	lines, err := all(rt.Context(), log, 0)
	if err != nil {
		rt.Fatal(err)
	}
	if diff := cmp.Diff(want, texts(lines)); diff != "" {
		rt.Fatalf("forward (-want +got):\n%s", diff)
	}
	for i := range lines[min(1, len(lines)):] {
		if lines[i].Time >= lines[i+1].Time {
			rt.Fatalf("line %d is no later than the one before it", i+1)
		}
	}
	if len(lines) == 0 {
		return
	}
	from := rapid.IntRange(0, len(lines)-1).Draw(rt, "from")
	rest, err := all(rt.Context(), log, lines[from].Time)
	if err != nil {
		rt.Fatal(err)
	}
	if diff := cmp.Diff(want[from+1:], append([]string{}, texts(rest)...)); diff != "" && len(rest)+from+1 != len(want) {
		rt.Fatalf("from line %d (-want +got):\n%s", from, diff)
	}
	size := rapid.IntRange(1, len(lines)).Draw(rt, "page")
	page, err := log.Before(rt.Context(), lines[from].Time, func(count int, _ int64) bool { return count <= size })
	if err != nil {
		rt.Fatal(err)
	}
	if diff := cmp.Diff(want[max(0, from-size):from], append([]string{}, texts(page)...)); diff != "" && from > 0 {
		rt.Fatalf("before line %d (-want +got):\n%s", from, diff)
	}
}

// TestOneViewWhileItRuns reads on and on by the last line's time while a container writes, its pod ends, is collected and
// goes: no line is missing, none comes twice, and the end is told when all have been read and not before.
func TestOneViewWhileItRuns(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		whole := drawLines(rt)
		kubelet := &container{}
		store := newMemory()
		archive := newArchive(rt, store, rapid.IntRange(1, 400).Draw(rt, "chunk"))
		view := NewView(archive, kubelet)
		var got []string
		last := int64(0)
		hasEnded := false
		read := func() {
			log, err := view.Open(rt.Context(), testStream)
			if errors.Is(err, ErrNotFound) {
				return
			}
			if err != nil {
				rt.Fatal(err)
			}
			lines, err := all(rt.Context(), log, last)
			if err != nil {
				rt.Fatal(err)
			}
			for _, l := range lines {
				got, last = append(got, l.Text), l.Time
			}
			end, isEnded, err := log.End(rt.Context())
			if err != nil || isEnded && (end != End{State: EndComplete} || len(got) != len(whole)) {
				rt.Fatalf("after %d of %d lines it ended as %v, %v", len(got), len(whole), end, err)
			}
			hasEnded = isEnded
		}
		for len(kubelet.lines) < len(whole) {
			kubelet.lines = whole[:min(len(whole), len(kubelet.lines)+rapid.IntRange(1, 20).Draw(rt, "more"))]
			read()
		}
		store.failAt = rapid.IntRange(0, 5).Draw(rt, "crash") // in the middle of it
		isCrashed := collectOnce(rt, archive, kubelet) != nil
		read()
		if store.failAt = 0; isCrashed {
			if err := collectOnce(rt, archive, kubelet); err != nil {
				rt.Fatal(err)
			}
		}
		if read(); !hasEnded {
			rt.Fatal("all is kept, and the end is not told")
		}
		kubelet.gone = true
		if read(); !hasEnded {
			rt.Fatal("the end is forgotten")
		}
		if diff := cmp.Diff(texts(whole), append([]string{}, got...)); diff != "" {
			rt.Fatalf("lines mismatch (-want +got):\n%s", diff)
		}
	})
}
