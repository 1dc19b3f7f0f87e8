// SPDX-License-Identifier: Apache-2.0

package gang

// IsOpen reports whether p is neither released nor withdrawn.
func (l *Ledger) IsOpen(p *Plan) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return p.open
}
