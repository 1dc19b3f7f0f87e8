// SPDX-License-Identifier: Apache-2.0

package provider

import "time"

// use is what became of an instance that was bought. The zero value is one that is not a ready node yet.
type use struct {
	bought  bool      // by this process; of others it is not known what they were before
	counted time.Time // until when stranded time has been counted; its node's readiness at first
	begun   bool      // its node has had a pod
}

// NoteUse adds up stranded node-seconds: for how long nodes are ready, and paid for, before the first pod is on them. busy
// are the nodes, by name, that have a pod of their own now; DaemonSets' do not count.
func (p *Provider) NoteUse(busy map[string]bool) {
	now := p.cfg.Clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range p.instances {
		u := &i.use
		if !u.bought || u.begun || u.counted.IsZero() || i.node == "" {
			continue
		}
		p.cfg.Metrics.stranded(i.group.environmentName(), now.Sub(u.counted))
		u.counted, u.begun = now, busy[i.node]
	}
}
