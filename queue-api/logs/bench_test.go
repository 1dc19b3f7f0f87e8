// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// BenchmarkKeep is what a job's log of 20 lines costs in a directory, without what the kubelet takes to show it.
func BenchmarkKeep(b *testing.B) {
	dir, err := OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	archive := newArchive(b, dir, 256<<10)
	c := &Collector{archive: archive, source: &container{lines: numbered(20, time.Millisecond)}, cfg: CollectorConfig{Timeout: time.Minute}}
	var stream string
	for i := 0; b.Loop(); i++ {
		stream = fmt.Sprintf("d/default/%08x%024d", i*2654435761%(1<<32), i)
		w, err := archive.resume(b.Context(), stream, testJob, 64<<20)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.pass(b.Context(), Origin{}, &reading{w: w}, false); err != nil {
			b.Fatal(err)
		}
		if err := w.end(b.Context(), 0, End{State: EndComplete}); err != nil {
			b.Fatal(err)
		}
	}
	chunks, err := archive.chunks(b.Context(), stream)
	if err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(dir.path(chunks[0].key))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size()), "bytes/log")
}
