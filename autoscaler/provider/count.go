// SPDX-License-Identifier: Apache-2.0

package provider

// Count is how many instances there are, of whichever environment: launching, pending, running and terminating ones.
func (p *Provider) Count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, g := range p.groups {
		n += len(g.instances) - g.failedInstances
	}
	return n
}
