// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"strings"
	"time"
)

// doubtFor is how long after a launch of which nobody knows what came of it its instances can still be missing in the fleet's
// lists. EC2: they are eventually consistent, and usually lag by seconds.
const doubtFor = 2 * time.Minute

// unproven is a launch that was answered, or given up, and stays in the ledger until the fleet's lists show what came of it: a
// successor that reads only those would buy the same again.
type unproven struct {
	group   *Group
	count   int
	at      time.Time // when it was answered or given up
	inDoubt bool      // nobody knows what came of it
}

// prove strikes the launches from the ledger that the list which began then has proven.
func (p *Provider) prove(ctx context.Context, listed time.Time) {
	for _, token := range p.proven(listed) {
		p.forget(ctx, token)
	}
}

func (p *Provider) proven(listed time.Time) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for token, u := range p.unproven {
		if !u.at.After(listed) && !p.isOpen(token, u, listed) {
			out = append(out, token)
		}
	}
	return out
}

// isOpen is called with mu held.
func (p *Provider) isOpen(token string, u unproven, listed time.Time) bool {
	if u.inDoubt && listed.Sub(u.at) < doubtFor {
		return true
	}
	for _, i := range u.group.instances {
		if i.isOf(token) && i.isReal() && !i.shown {
			return true
		}
	}
	return false
}

// isOf reports whether the instance is of the launch.
func (i *instance) isOf(launch string) bool { return strings.HasPrefix(i.token, launch+"-") }

// doubtful is how many instances a group may have beyond those that are known. It is called with mu held.
func (p *Provider) doubtful(g *Group) int {
	n := 0
	for token, u := range p.unproven {
		if u.group != g || !u.inDoubt {
			continue
		}
		n += u.count
		for _, i := range g.instances {
			if i.isOf(token) && i.isReal() {
				n--
			}
		}
	}
	return n
}
