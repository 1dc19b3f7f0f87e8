// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// chunk is a part of a stream in the archive, as its key tells.
type chunk struct {
	key     string
	stream  string
	job     string // whose log it is; of an array's child its own id, of a node the job's
	first   int64  // Time of the first line
	last    int64  // Time of the last line
	lines   int
	bytes   int64 // of the lines, uncompressed and without their times
	isEnd   bool  // nothing follows
	written time.Time
}

const (
	endSuffix   = ".end.zst"
	chunkSuffix = ".zst"
)

func (c *chunk) makeKey() string {
	suffix := chunkSuffix
	if c.isEnd {
		suffix = endSuffix
	}
	return fmt.Sprintf("%s/%016x-%016x-%d-%d-%s%s", c.stream, c.first, c.last, c.lines, c.bytes, strings.ReplaceAll(c.job, ":", "_"), suffix)
}

// parseKey reads a chunk's key; false means that it is none.
func parseKey(o Object) (chunk, bool) {
	slash := strings.LastIndexByte(o.Key, '/')
	if slash < 0 || !IsStream(o.Key[:slash]) {
		return chunk{}, false
	}
	c := chunk{key: o.Key, stream: o.Key[:slash], written: o.Written}
	name, isEnd := strings.CutSuffix(o.Key[slash+1:], endSuffix)
	name, isChunk := strings.CutSuffix(name, chunkSuffix)
	c.isEnd = isEnd
	parts := strings.SplitN(name, "-", 5)
	if isEnd == isChunk || len(parts) != 5 {
		return chunk{}, false
	}
	var errs [4]error
	c.first, errs[0] = strconv.ParseInt(parts[0], 16, 64)
	c.last, errs[1] = strconv.ParseInt(parts[1], 16, 64)
	c.lines, errs[2] = strconv.Atoi(parts[2])
	c.bytes, errs[3] = strconv.ParseInt(parts[3], 10, 64)
	for _, err := range errs {
		if err != nil {
			return chunk{}, false
		}
	}
	c.job = strings.ReplaceAll(parts[4], "_", ":")
	return c, c.makeKey() == o.Key
}

// IsStream reports whether name is of the form <definition>/<container>/<task>.
func IsStream(name string) bool {
	parts := strings.Split(name, "/")
	if len(parts) != 3 || len(parts[2]) != 32 || len(name) > 512 {
		return false
	}
	for _, part := range parts {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
			return false
		}
	}
	return strings.Trim(parts[2], "0123456789abcdef") == ""
}

// codec compresses chunks and reads them.
type codec struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

// maxChunk bounds what one chunk may hold uncompressed; no chunk of ours does.
const maxChunk = 64 << 20

func newCodec() (codec, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(256<<10))
	if err != nil {
		return codec{}, fmt.Errorf("compress logs: %w", err)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxChunk))
	if err != nil {
		return codec{}, fmt.Errorf("read logs: %w", err)
	}
	return codec{encoder, decoder}, nil
}

func (c codec) pack(text []byte) []byte { return c.encoder.EncodeAll(text, nil) }

// read gives a chunk's lines.
func (c codec) read(ctx context.Context, store Store, one *chunk) ([]Line, error) {
	packed, err := store.Get(ctx, one.key)
	if err != nil {
		return nil, err
	}
	text, err := c.decoder.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("chunk %s: %w", one.key, err)
	}
	return parseLines(text, one)
}

// parseLines reads what Line.appendTo wrote.
func parseLines(text []byte, one *chunk) ([]Line, error) {
	lines := make([]Line, 0, min(one.lines, len(text)))
	for len(text) > 0 {
		raw, rest, _ := bytes.Cut(text, []byte("\n"))
		stamp, words, ok := bytes.Cut(raw, []byte(" "))
		at, err := time.Parse(time.RFC3339Nano, string(stamp))
		if err != nil || !ok {
			return nil, fmt.Errorf("chunk %s: line %d has no time", one.key, len(lines)+1)
		}
		lines = append(lines, Line{Time: at.UnixNano(), Text: string(words)})
		text = rest
	}
	return lines, nil
}
