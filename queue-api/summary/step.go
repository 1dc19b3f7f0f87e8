// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"encoding/json"
	"time"

	"github.com/muster-batch/muster/queue-api/viewapi"
)

const (
	// stepLength is how long a step lasts, and steps is how many are kept: a day.
	stepLength = 5 * time.Minute
	steps      = 288
)

// step is a queue during five minutes. Its names are short because there are 288 of each queue.
type step struct {
	Number    int64  `json:"n"` // since 1970
	Runnable  int64  `json:"r,omitempty"`
	Running   int64  `json:"u,omitempty"` // attempts under way
	Succeeded int64  `json:"s,omitempty"`
	Failed    int64  `json:"f,omitempty"`
	MilliVCPU int64  `json:"v,omitempty"`
	Cursor    string `json:"c,omitempty"` // up to which the outbox is counted
}

// numberOf is that of the step that a time is in.
func numberOf(t time.Time) int64 { return t.Unix() / int64(stepLength/time.Second) }

// place is where a step is kept.
func (s *step) place() int { return int(s.Number % steps) }

// decodeSteps are those of the day before now, oldest first; a step that is missing is zero but for its number. What cannot be
// read, or is of another day, counts as missing.
func decodeSteps(records [][]byte, now time.Time) []step {
	last := numberOf(now)
	first := last - steps + 1
	out := make([]step, steps)
	for i := range out {
		out[i].Number = first + int64(i)
	}
	for _, record := range records {
		var s step
		if json.Unmarshal(record, &s) == nil && s.Number >= first && s.Number <= last {
			out[s.Number-first] = s
		}
	}
	return out
}

// history is what readers get of a day's steps.
func history(list []step) *viewapi.History {
	h := &viewapi.History{
		From: list[0].Number * stepLength.Milliseconds(), StepSeconds: int(stepLength / time.Second),
		Runnable: make([]int64, len(list)), Running: make([]int64, len(list)),
		Succeeded: make([]int64, len(list)), Failed: make([]int64, len(list)), VCPUs: make([]float64, len(list)),
	}
	for i, s := range list {
		h.Runnable[i], h.Running[i], h.Succeeded[i], h.Failed[i] = s.Runnable, s.Running, s.Succeeded, s.Failed
		h.VCPUs[i] = float64(s.MilliVCPU) / 1000
	}
	return h
}
