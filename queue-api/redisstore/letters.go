// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"errors"
	"strconv"
	"strings"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Letters of statuses. An array's string has one for each child, and there W is RUNNABLE, waiting and never tried; "-" is a
// child without a record, "x" one that failed with its array and has no record either.
var statusOf = map[byte]batch.JobStatus{
	'S': batch.StatusSubmitted, 'P': batch.StatusPending, 'R': batch.StatusRunnable, 'T': batch.StatusStarting,
	'U': batch.StatusRunning, 'D': batch.StatusSucceeded, 'F': batch.StatusFailed,
}

const (
	statusLetters    = "SPRTUDF"
	unrecorded       = '-'
	unrecordedFailed = 'x'
	untried          = 'W'
)

var errUnknownLetter = errors.New("not a status")

// letterOf is empty for what is no status.
func letterOf(status batch.JobStatus) string {
	for i := range len(statusLetters) {
		if statusOf[statusLetters[i]] == status {
			return statusLetters[i : i+1]
		}
	}
	return ""
}

// letterOfChild is what an array's string has for a child with a record.
func letterOfChild(child *batch.Job) string {
	if isUntried(child) {
		return string(untried)
	}
	return letterOf(child.Status)
}

// isUntried reports whether a child waits with its array, not by itself.
func isUntried(child *batch.Job) bool { return child.IsWaiting() && len(child.Attempts) == 0 }

// isOpen reports whether an array's children without a record may run.
func isOpen(array *batch.Job) bool {
	return array.IsArray() && !array.Status.IsTerminal() && array.InitialChildStatus() == batch.StatusRunnable
}

// statusOfLetter is what a letter of an array's string means.
func statusOfLetter(array *batch.Job, letter byte) batch.JobStatus {
	switch letter {
	case unrecorded:
		return array.InitialChildStatus()
	case unrecordedFailed:
		return batch.StatusFailed
	case untried:
		return batch.StatusRunnable
	default:
		return statusOf[letter]
	}
}

// countedLetters are the order of an array's counts, as in lua/prelude.lua.
const countedLetters = "PRWTUDF"

// children are an array's by status: those counted, and those without a record.
func children(array *batch.Job, counts string) map[batch.JobStatus]int {
	out := map[batch.JobStatus]int{}
	rest := array.ArraySize
	for i, number := range strings.Fields(counts) {
		n, err := strconv.Atoi(number)
		if err != nil || i >= len(countedLetters) || n == 0 {
			continue
		}
		out[statusOfLetter(array, countedLetters[i])] += n
		rest -= n
	}
	if rest > 0 {
		out[array.InitialChildStatus()] += rest
	}
	return out
}
