// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"strconv"
	"strings"
)

// Save writes all that the server holds at one moment, as an RDB file, and tells its length.
func Save(ctx context.Context, s Server, to io.Writer) (int64, error) {
	c, stop, err := s.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer stop()
	// Since Redis 7.0: no changes are to follow. Before, they are not read.
	if _, err := c.ask("REPLCONF", "rdb-only", "1"); err != nil && !errors.Is(err, errReply) {
		return 0, err
	}
	if err := c.send("SYNC"); err != nil {
		return 0, err
	}
	line, err := c.line()
	if err != nil {
		return 0, fmt.Errorf("SYNC: %w", err)
	}
	length, err := strconv.ParseInt(strings.TrimPrefix(line, "$"), 10, 64)
	if err != nil || !strings.HasPrefix(line, "$") {
		return 0, fmt.Errorf("SYNC: %w: %s", errReply, strings.TrimPrefix(line, "-"))
	}
	n, err := io.CopyN(to, c.in, length)
	if err != nil {
		return n, fmt.Errorf("SYNC: after %d of %d bytes: %w", n, length, err)
	}
	return n, nil
}

// ErrNotWhole says that a file is not a whole RDB file.
var ErrNotWhole = errors.New("not a whole RDB file")

// polynomial is Redis's, of Jones, as package hash/crc64 wants it.
const polynomial = 0x95ac9329ac4bc9b5

const (
	magic       = "REDIS"
	checksumLen = 8
)

// Check reads an RDB file to its end and fails with ErrNotWhole if its checksum is not that of its content. It tells its
// length.
func Check(from io.Reader) (int64, error) {
	in := bufio.NewReaderSize(from, 1<<16)
	head, err := in.Peek(len(magic))
	if err != nil || string(head) != magic {
		return 0, fmt.Errorf("%w: it does not begin with %s", ErrNotWhole, magic)
	}
	table := crc64.MakeTable(polynomial)
	var length int64
	sum := ^uint64(0) // hash/crc64 begins and ends with an inversion, Redis with none
	block, kept := make([]byte, 1<<16), []byte{}
	for {
		n, err := in.Read(block)
		length += int64(n)
		kept = append(kept, block[:n]...)
		if over := len(kept) - checksumLen; over > 0 {
			sum = crc64.Update(sum, table, kept[:over])
			kept = append(kept[:0], kept[over:]...)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return length, err
		}
	}
	if len(kept) < checksumLen {
		return length, fmt.Errorf("%w: it ends after %d bytes", ErrNotWhole, length)
	}
	// A server with rdbchecksum no writes zeros.
	if !bytes.Equal(kept, make([]byte, checksumLen)) && binary.LittleEndian.Uint64(kept) != ^sum {
		return length, fmt.Errorf("%w: its checksum is another", ErrNotWhole)
	}
	return length, nil
}
