// SPDX-License-Identifier: Apache-2.0

package fairshare

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Ledger remembers what the shares of a queue have used. Use fades: U of a share obeys dU/dt = running - U/tau, so that a
// share that runs steadily has U = running x tau, and one that stopped keeps a third of it after tau.
//
// Integration is exact while what runs stays the same: a ledger that was not saved for a while is only as wrong as what
// changed meanwhile.
type Ledger struct {
	At     time.Time           `json:"at"` // up to when use is counted
	Shares map[string]*Account `json:"shares"`
}

// Account is one share's line of a Ledger.
type Account struct {
	Used float64   `json:"used"` // U, in thousandths of a vCPU times seconds
	Busy time.Time `json:"busy"` // when the share last had a job that waited or ran
}

// ReadLedger reads what Bytes wrote; nothing gives an empty ledger.
func ReadLedger(text []byte) (*Ledger, error) {
	l := &Ledger{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, l); err != nil {
			return nil, fmt.Errorf("read share ledger: %w", err)
		}
	}
	if l.Shares == nil {
		l.Shares = map[string]*Account{}
	}
	return l, nil
}

// Bytes is the ledger as text.
func (l *Ledger) Bytes() ([]byte, error) { return json.Marshal(l) }

// Advance counts the use up to now. running is what each share has held since the last call, in thousandths of a vCPU.
// A clock that went back counts nothing.
func (l *Ledger) Advance(now time.Time, running map[string]int64, tau time.Duration) {
	elapsed := now.Sub(l.At).Seconds()
	if l.At.IsZero() || elapsed < 0 {
		elapsed = 0
	}
	l.At = now
	kept := math.Exp(-elapsed / tau.Seconds())
	gained := -math.Expm1(-elapsed/tau.Seconds()) * tau.Seconds()
	for id, milli := range running {
		if milli > 0 {
			l.account(id).Busy = now
		}
	}
	for id, a := range l.Shares {
		a.Used = a.Used*kept + float64(running[id])*gained
	}
}

// Idle gives those of the shares that count as active no more, and forgets them. AWS Batch: a share stays active for the
// decay window after its last job. Its use has faded to a seventh by then, and counts for nothing from then on.
func (l *Ledger) Idle(shares []string, isWaiting func(share string) bool, window time.Duration) []string {
	var idle []string
	for _, id := range shares {
		a := l.account(id)
		switch {
		case isWaiting(id):
			a.Busy = l.At
		case l.At.Sub(a.Busy) >= window:
			idle = append(idle, id)
			delete(l.Shares, id)
		}
	}
	return idle
}

// account is the share's line. One that is new begins to be busy now.
func (l *Ledger) account(share string) *Account {
	a := l.Shares[share]
	if a == nil {
		a = &Account{Busy: l.At}
		l.Shares[share] = a
	}
	return a
}

// Score orders shares that wait, the lowest first. running is what the share holds now. The ledger must have been advanced to now.
func (l *Ledger) Score(share string, running int64, policy Policy) float64 {
	return (l.average(share, policy.Tau()) + float64(running)) * policy.Weight(share)
}

// average is the share's use as what it would run to keep it, in thousandths of a vCPU.
func (l *Ledger) average(share string, tau time.Duration) float64 {
	if a := l.Shares[share]; a != nil {
		return a.Used / tau.Seconds()
	}
	return 0
}
