// SPDX-License-Identifier: Apache-2.0

package batch

import "strings"

// Check names a rule that a store must keep. It is the label of a metric: one of few.
type Check string

// The checks. Of each record its indexes can be made again; a record itself cannot.
const (
	CheckRecord         Check = "record"          // a record is lost that an index, an array or a dependent names, or cannot be read
	CheckStatus         Check = "status"          // a job is in the index of its status and in no other
	CheckWaiting        Check = "waiting"         // what waits is in its share, at its place, and nothing else is
	CheckShares         Check = "shares"          // the sets of shares have those in which something waits or runs
	CheckLive           Check = "live"            // the attempts under way are known
	CheckUsage          Check = "usage"           // what they hold is counted by environment and by share
	CheckEnded          Check = "ended"           // a finished job will be forgotten
	CheckConsumers      Check = "consumers"       // a job is found by the consumable resources that it names
	CheckArray          Check = "array"           // an array's letters and counts are those of its children
	CheckSpec           Check = "spec"            // what jobs have in common is there, and counted
	CheckDependents     Check = "dependents"      // who waits for a job is known to it, and is told of its end
	CheckHolders        Check = "holders"         // what attempts hold of consumable resources is counted
	CheckCounters       Check = "counters"        // numbers that must never be given out twice
	CheckOutbox         Check = "outbox"          // changes can be read, and no sink is ahead of them
	CheckQueue          Check = "queue"           // the jobs of a queue have one
	CheckDefinition     Check = "definition"      // revisions are known by name
	CheckPod            Check = "pod"             // a pod's job is known, and no older than the pod; found by package podwatch
	CheckUnreadableKeys Check = "unreadable-keys" // a key has the type that it should have
)

// Checks are all there are.
var Checks = [...]Check{
	CheckRecord, CheckStatus, CheckWaiting, CheckShares, CheckLive, CheckUsage, CheckEnded, CheckConsumers, CheckArray, CheckSpec,
	CheckDependents, CheckHolders, CheckCounters, CheckOutbox, CheckQueue, CheckDefinition, CheckPod, CheckUnreadableKeys,
}

// Finding is a rule that was found broken.
type Finding struct {
	Check    Check
	Key      string // of the store; may be empty
	Job      string // id; may be empty
	Detail   string
	Mendable bool // whether a repair makes it right
	Mended   bool // whether this one did
}

// String is one line.
func (f Finding) String() string {
	state := "cannot be repaired"
	switch {
	case f.Mended:
		state = "repaired"
	case f.Mendable:
		state = "can be repaired"
	}
	parts := []string{string(f.Check)}
	if f.Job != "" {
		parts = append(parts, "job "+f.Job)
	}
	if f.Key != "" {
		parts = append(parts, f.Key)
	}
	return strings.Join(append(parts, f.Detail, state), ": ")
}
