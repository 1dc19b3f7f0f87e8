// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"cmp"
	"time"

	"k8s.io/autoscaler/cluster-autoscaler/cloudprovider"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// state of an instance; doc.go draws how they follow one another.
type state string

const (
	launching   state = "launching"
	failed      state = "failed"
	pending     state = "pending"
	running     state = "running"
	terminating state = "terminating"
)

var states = [...]state{launching, failed, pending, running, terminating}

// instance is one instance of a group, or a placeholder for one. Guarded by Provider.mu.
type instance struct {
	id         string // the fleet's; empty for a placeholder
	providerID string // the node's; for a placeholder something that no node has
	token      string
	group      *Group
	// instanceType is what the instance is of; empty for a placeholder.
	instanceType string
	price        float64 // an hour, as the fleet says; 0 if it does not
	state        state
	failure      *cloudprovider.InstanceErrorInfo // Invariant: set if and only if state is failed.
	node         string                           // name of its node; empty while there is none
	outdated     bool                             // the node is of an older generation than the environment
	since        time.Time                        // when it became known
	missing      time.Time                        // when a list first lacked it; zero if the last one had it
	shown        bool                             // the fleet's list had it
	leaving      time.Time                        // when the cloud said that it stops or ends it; zero if we do, or nobody does
	closed       bool                             // its node takes no more pods: it is outdated, or an interruption was announced
	joined       bool                             // it has had a node
	held         bool                             // its node is being opened again: it may not be ended meanwhile
	spared       time.Time                        // when it could not be ended last; zero if that was never tried
	launched     bool                             // it was launched by us, and not found
	demands      []string                         // keys of what it was launched for
	reserved     batchmeta.Reservation            // for which gang its node is kept, as was last said; of no gang if for none
	use          use
}

const placeholderPrefix = "placeholder:///"

func placeholder(g *Group, token string, now time.Time) *instance {
	return &instance{providerID: placeholderPrefix + token, token: token, group: g, state: launching, since: now}
}

// name tells the instance from others from before it exists.
func (i *instance) name() string { return cmp.Or(i.token, i.providerID) }

// isReal reports whether there is a machine behind the instance.
func (i *instance) isReal() bool { return i.state != launching && i.state != failed }

// isPlanned reports whether the instance counts in its group's target size. One that is leaving counts only while its node
// is there, as core then still counts the node.
func (i *instance) isPlanned() bool { return i.state != terminating || i.node != "" }

// status is how core sees the instance.
func (i *instance) status() cloudprovider.Instance {
	s := &cloudprovider.InstanceStatus{State: cloudprovider.InstanceCreating, ErrorInfo: i.failure}
	switch i.state {
	case running:
		s.State = cloudprovider.InstanceRunning
	case terminating:
		s.State = cloudprovider.InstanceDeleting
	case launching, failed, pending:
	}
	return cloudprovider.Instance{Id: i.providerID, Status: s}
}

func stateOf(f *fleet.Instance) state {
	if f.State == fleet.Running {
		return running
	}
	return pending
}

// note takes over what the fleet says of the machine.
func (i *instance) note(f *fleet.Instance) {
	i.instanceType, i.price = cmp.Or(f.InstanceType, i.instanceType, i.group.key.instanceType), f.PricePerHour
}

// cost is what the instance costs an hour, as far as that is known.
func (i *instance) cost() float64 {
	if i.price > 0 {
		return i.price
	}
	return i.group.price(i.instanceType, i.group.isSpot())
}

// fail marks a placeholder as one that no instance will come for.
func (i *instance) fail(why *cloudprovider.InstanceErrorInfo) {
	i.state, i.failure = failed, why
	i.group.failedInstances++
}

// add puts an instance into the books; drop takes it out. Both are called with mu held.
func (p *Provider) add(i *instance) {
	p.instances[i.providerID] = i
	i.group.instances[i.providerID] = i
}

func (p *Provider) drop(i *instance) {
	delete(p.instances, i.providerID)
	delete(i.group.instances, i.providerID)
	if i.state == failed {
		i.group.failedInstances--
	}
	if i.isReal() {
		p.ended[i.providerID] = p.cfg.Clock.Now()
	}
}

// adopt makes an instance that the fleet started known, in place of its placeholder if there is one.
func (p *Provider) adopt(g *Group, f *fleet.Instance) *instance {
	if known := p.instances[f.ProviderID]; known != nil {
		return known
	}
	bought := false
	if waiting := p.instances[placeholderPrefix+f.Token]; waiting != nil && f.Token != "" {
		g, bought = waiting.group, true
		p.drop(waiting)
	}
	i := &instance{
		id: f.ID, providerID: f.ProviderID, token: f.Token, group: g, state: stateOf(f), since: p.cfg.Clock.Now(),
		use: use{bought: bought},
	}
	i.note(f)
	p.add(i)
	return i
}
