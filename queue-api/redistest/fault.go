// SPDX-License-Identifier: Apache-2.0

package redistest

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
