// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"encoding/binary"
	"testing"
)

func TestEndIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	codec, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]End{
		"complete":   {State: EndComplete},
		"truncated":  {State: EndTruncated, Reason: "it is longer than 7 bytes", Dropped: 1 << 40},
		"incomplete": {State: EndIncomplete, Reason: "no route to \"host\"\n\x00\u2028"},
		"lost":       {State: EndLost, Reason: "the archive took nothing", Dropped: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, text := range []string{"", "2026-01-02T03:04:05Z line\n"} {
				content, err := want.appendFrame(nil)
				if err != nil {
					t.Fatal(err)
				}
				content = append(content, codec.pack([]byte(text))...)
				if got, err := parseEnd(content); err != nil || got != want {
					t.Errorf("got %+v, %v, want %+v", got, err, want)
				}
				// Who knows of no ends reads the lines.
				if got, err := codec.decoder.DecodeAll(content, nil); err != nil || string(got) != text {
					t.Errorf("got %q, %v, want %q", got, err, text)
				}
			}
		})
	}
}

func TestEndThatIsNone(t *testing.T) {
	t.Parallel()
	frame := func(size uint32, text string) []byte {
		b := binary.LittleEndian.AppendUint32(nil, skippableMagic)
		return append(binary.LittleEndian.AppendUint32(b, size), text...)
	}
	for name, content := range map[string][]byte{
		"longer than the object": frame(100, "{}"),
		"longer than any is":     frame(1<<31, "{}"),
		"no JSON":                frame(2, "}{"),
	} {
		if got, err := parseEnd(content); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
