// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// paceMinutes is for how long a queue's admissions are remembered.
const paceMinutes = 60

// Pace is how many jobs of a queue were admitted lately, by minute. The zero value has seen none.
type Pace struct {
	Minutes []PaceMinute `json:"m,omitempty"` // oldest first; at most paceMinutes
}

// PaceMinute is one minute in which jobs were admitted.
type PaceMinute struct {
	At    int64 `json:"t"` // minutes since 1970
	Count int   `json:"n"`
}

// ReadPace reads what Bytes wrote; nothing is the zero value.
func ReadPace(text []byte) (Pace, error) {
	var p Pace
	if len(text) == 0 {
		return p, nil
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return Pace{}, fmt.Errorf("read pace: %w", err)
	}
	return p, nil
}

// Bytes is the pace as it is kept.
func (p *Pace) Bytes() ([]byte, error) { return json.Marshal(p) }

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }

// Note counts admissions.
func (p *Pace) Note(now time.Time, n int) {
	minute := minuteOf(now)
	if last := len(p.Minutes) - 1; last >= 0 && p.Minutes[last].At >= minute { // a clock that went back adds to the latest
		p.Minutes[last].Count += n
	} else {
		p.Minutes = append(p.Minutes, PaceMinute{At: minute, Count: n})
	}
	p.Minutes = slices.DeleteFunc(p.Minutes, func(m PaceMinute) bool { return m.At <= p.Minutes[len(p.Minutes)-1].At-paceMinutes })
}

// enough is how many admissions in a window tell of a pace.
var enough = []struct{ minutes, admissions int }{{5, 10}, {15, 5}, {paceMinutes, 1}}

// Rate is how many jobs a minute were admitted over the shortest time that tells; over is 0 if none does.
func (p *Pace) Rate(now time.Time) (perMinute float64, over time.Duration) {
	for _, w := range enough {
		since := now.Add(-time.Duration(w.minutes) * time.Minute)
		n := 0
		for _, m := range p.Minutes {
			if m.At > minuteOf(since) && m.At <= minuteOf(now) {
				n += m.Count
			}
		}
		if n < w.admissions {
			continue
		}
		if first := time.Unix(p.Minutes[0].At*60, 0); first.After(since) {
			since = first // it began less long ago
		}
		over = max(now.Sub(since), time.Minute)
		return float64(n) / over.Minutes(), over
	}
	return 0, 0
}
