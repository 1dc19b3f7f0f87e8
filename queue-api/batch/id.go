// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"strings"
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
	return formatJobID(queue, b), nil
}

// DeriveJobID makes the id of the job that one request to the numbered queue submits, always the same for the same request:
// so a repeat of it finds the job that the first one stored. The id looks like NewJobID's.
func DeriveJobID(queue int, request string) string {
	sum := sha256.Sum256([]byte(request))
	return formatJobID(queue, [16]byte(sum[:16]))
}

func formatJobID(queue int, b [16]byte) string {
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
	return string(out[:])
}

// ChildID is the id of an array's child.
func ChildID(parent string, index int) string { return parent + ":" + strconv.Itoa(index) }

// NodeID is the id of a node of a multi-node job.
func NodeID(job string, node int) string { return job + "#" + strconv.Itoa(node) }

// JobRef is what an id means: a job, a child of an array or a node of a multi-node job.
type JobRef struct {
	Job   string // the job's own id, or the parent's
	Child int    // index of an array's child, else -1
	Node  int    // index of a node, else -1
}

// ParseJobID reads a job's id, "id:index" or "id#node".
func ParseJobID(id string) (JobRef, error) {
	ref := JobRef{Job: id, Child: -1, Node: -1}
	if i := strings.IndexAny(id, ":#"); i >= 0 {
		index, err := strconv.Atoi(id[i+1:])
		if err != nil || index < 0 || strconv.Itoa(index) != id[i+1:] {
			return ref, errBadJobID
		}
		ref.Job = id[:i]
		if id[i] == ':' {
			ref.Child = index
		} else {
			ref.Node = index
		}
	}
	if !isUUID(ref.Job) {
		return ref, errBadJobID
	}
	return ref, nil
}

// QueueNumber reads the queue's number out of the id of a job, a child or a node.
func QueueNumber(jobID string) (int, error) {
	if _, err := ParseJobID(jobID); err != nil {
		return 0, err
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

// AttemptID names an attempt of a job or child.
func AttemptID(jobID string, attempt int) string { return jobID + "/" + strconv.Itoa(attempt) }

// ParseAttemptID reads an AttemptID.
func ParseAttemptID(s string) (jobID string, attempt int, err error) {
	jobID, number, _ := strings.Cut(s, "/")
	attempt, err = strconv.Atoi(number)
	if err != nil || attempt < 1 {
		return "", 0, errBadJobID
	}
	_, err = ParseJobID(jobID)
	return jobID, attempt, err
}
