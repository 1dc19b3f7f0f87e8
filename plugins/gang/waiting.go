// SPDX-License-Identifier: Apache-2.0

package gang

// Wait is why a gang's members are not placed.
type Wait string

// Why a gang waits.
const (
	WaitIncomplete Wait = "incomplete" // members are missing
	WaitMalformed  Wait = "malformed"  // what its members say of it cannot be read, or differs
	WaitRefused    Wait = "refused"    // it did not fit
	WaitReady      Wait = "ready"      // to be tried, or under way
)

// Count is a number of gangs and of their members that wait.
type Count struct{ Gangs, Members int }

// Waiting counts what waits, by why. All reasons are in it.
func (l *Ledger) Waiting() map[Wait]Count {
	l.mu.RLock()
	defer l.mu.RUnlock()
	counts := map[Wait]Count{WaitIncomplete: {}, WaitMalformed: {}, WaitRefused: {}, WaitReady: {}}
	for _, r := range l.gangs {
		pending := len(r.members) - r.held
		if pending == 0 {
			continue
		}
		why := r.wait()
		c := counts[why]
		counts[why] = Count{Gangs: c.Gangs + 1, Members: c.Members + pending}
	}
	return counts
}

func (r *record) wait() Wait {
	switch {
	case r.claim().fault != "":
		return WaitMalformed
	case !r.isReady():
		return WaitIncomplete
	case r.refusal != nil:
		return WaitRefused
	}
	return WaitReady
}
