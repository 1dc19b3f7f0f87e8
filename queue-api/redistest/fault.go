// SPDX-License-Identifier: Apache-2.0

package redistest

import "time"

// Fault is a way in which a master is taken away from those that watch it.
type Fault string

// The faults.
const (
	Killed Fault = "killed"
	Paused Fault = "paused"
	Parted Fault = "parted" // from all but the clients: they go on writing to it
)

// Faults are all of them.
func Faults() []Fault { return []Fault{Killed, Paused, Parted} }

const (
	// watchful is for how long a master may not answer, after a Fail, before another node takes its place.
	watchful = 2 * time.Second
	// steady is the same at any other time: a machine that does other things, too, is no failure of Redis.
	steady = time.Hour
)
