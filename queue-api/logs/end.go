// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// EndState is how much of a log there is, once nothing more will come.
type EndState string

// The states of a log that has ended.
const (
	EndComplete   EndState = "COMPLETE"   // all that was written
	EndTruncated  EndState = "TRUNCATED"  // it was too long: the middle was dropped
	EndIncomplete EndState = "INCOMPLETE" // its kubelet did not give the rest, or the machine is gone
	EndLost       EndState = "LOST"       // the archive did not take the rest
)

// End is how a log ended, and why it is not whole.
type End struct {
	State   EndState `json:"state"`
	Reason  string   `json:"reason,omitempty"`       // empty if the log is whole
	Dropped int64    `json:"droppedBytes,omitempty"` // that are known not to be kept
}

// note is the line with which a log ends that is not whole; empty if there is none.
func (e End) note() string {
	if e.State != EndIncomplete && e.State != EndLost {
		return ""
	}
	return "[the log ends here: " + e.Reason + "]"
}

// An end that is not EndComplete stands before the lines of the last chunk, in a frame that zstd skips: 4 bytes that say so,
// 4 with the length, and JSON. Programs that know nothing of it read the chunk as any other.
const (
	skippableMagic = 0x184D2A50
	frameHeader    = 8
	maxEndFrame    = 4 << 10
)

// appendFrame puts the end before a chunk's content.
func (e End) appendFrame(b []byte) ([]byte, error) {
	if e.State == EndComplete {
		return b, nil
	}
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode end of log: %w", err)
	}
	b = binary.LittleEndian.AppendUint32(b, skippableMagic)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	return append(b, text...), nil
}

// parseEnd reads what appendFrame wrote; a chunk without it is of a log that is complete.
func parseEnd(packed []byte) (End, error) {
	whole := End{State: EndComplete}
	if len(packed) < frameHeader || binary.LittleEndian.Uint32(packed) != skippableMagic {
		return whole, nil
	}
	size := int(binary.LittleEndian.Uint32(packed[4:]))
	if size > maxEndFrame || size > len(packed)-frameHeader {
		return End{}, errors.New("end of log is cut off")
	}
	var e End
	if err := json.Unmarshal(packed[frameHeader:frameHeader+size], &e); err != nil {
		return End{}, fmt.Errorf("decode end of log: %w", err)
	}
	return e, nil
}

// Fate is what is to come of a log that has no end in the archive.
type Fate int

// The fates of a log.
const (
	FateOpen      Fate = iota // its container runs, or what it wrote is being kept
	FateUnstarted             // its container never ran, and will not
	FateGone                  // nothing more will be kept: its pod is gone, or was let go
)

// End tells how the log ended; false means that more may come, or that it is not known. What it has is to be read by After
// first: who then has read all there is has the whole log. It returns ErrNotFound if there is no log any more.
func (l *Log) End(ctx context.Context) (End, bool, error) {
	if l.isEnded() {
		e, err := l.kept(ctx)
		return e, err == nil, err
	}
	fate, err := l.view.live.Fate(ctx, l.stream, l.origin, l.job)
	switch {
	case err != nil:
		return End{}, false, err
	case fate == FateOpen:
		return End{}, false, nil
	}
	// It may have been kept after the archive was looked at, and before the pod was let go: then there may be more to read.
	if err := l.look(ctx); err != nil || l.isEnded() {
		return End{}, false, err
	}
	switch {
	case fate == FateUnstarted:
		return End{State: EndComplete}, true, nil
	case len(l.chunks) == 0:
		return End{}, false, ErrNotFound
	}
	return End{State: EndLost, Reason: "the archive did not take the rest"}, true, nil
}

// kept is the end as the archive has it. Two who collected the same log may have had different luck: the better one counts.
func (l *Log) kept(ctx context.Context) (end End, err error) {
	for i := range l.chunks {
		if !l.chunks[i].isEnd {
			continue
		}
		packed, err := l.view.archive.store.Get(ctx, l.chunks[i].key)
		if err != nil {
			return End{}, err
		}
		e, err := parseEnd(packed)
		if err != nil {
			return End{}, fmt.Errorf("chunk %s: %w", l.chunks[i].key, err)
		}
		if end.State == "" || e.State == EndComplete {
			end = e
		}
	}
	return end, nil
}
