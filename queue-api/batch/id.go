// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
)

// MaxQueueNumber is the largest queue number that a job id can carry.
const MaxQueueNumber = 1<<queueBits - 1

const queueBits = 20

var errBadJobID = errors.New("not a job id")

// NewJobID makes an id for a job of the numbered queue: a version 4 UUID whose first 20 bits are the queue's number, so
// that an id finds its queue without a look-up. random may be nil for crypto/rand.
func NewJobID(queue int, random io.Reader) (string, error) {
	if random == nil {
		random = rand.Reader
	}
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", err
	}
	b[0] = byte(queue >> 12)
	b[1] = byte(queue >> 4)
	b[2] = byte(queue<<4) | b[2]&0x0f
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:], b[10:])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:]), nil
}

// QueueNumber reads the queue's number out of a job id.
func QueueNumber(jobID string) (int, error) {
	if !isUUID(jobID) {
		return 0, errBadJobID
	}
	n, err := strconv.ParseUint(jobID[:queueBits/4], 16, 32)
	if err != nil {
		return 0, errBadJobID
	}
	return int(n), nil
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
			continue
		}
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
