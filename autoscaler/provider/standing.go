// SPDX-License-Identifier: Apache-2.0

package provider

import "time"

// Health is told what becomes of the launches of an environment, by its UUID: an *envhealth.Tracker. It does not block.
type Health interface {
	Launched(environmentUUID string)
	LaunchFailed(environmentUUID, instanceType string, err error)
	// Joined is called when an instance's node is first seen.
	Joined(environmentUUID string)
	// NotJoined is called when an instance was ended since it did not become a node in time, and Died when it ended by itself
	// before. others tells whether the environment has nodes.
	NotJoined(environmentUUID string, launchedAt time.Time, others bool)
	Died(environmentUUID string, launchedAt time.Time, others bool)
	// OnTrial reports whether one instance is to be launched, and to join, before others are.
	OnTrial(environmentUUID string) bool
	// IsInvalid reports whether the environment was judged INVALID, which the Batch API may not know yet.
	IsInvalid(environmentUUID string) bool
}

// indifferent is the Health of a Provider that was given none.
type indifferent struct{}

func (indifferent) Launched(string)                    {}
func (indifferent) LaunchFailed(string, string, error) {}
func (indifferent) Joined(string)                      {}
func (indifferent) NotJoined(string, time.Time, bool)  {}
func (indifferent) Died(string, time.Time, bool)       {}
func (indifferent) OnTrial(string) bool                { return false }
func (indifferent) IsInvalid(string) bool              { return false }

// Standing is how much there is of an environment.
type Standing struct {
	DesiredvCPUs int // of instances that are there, on their way or being launched, and not leaving
	// Outdated says that an instance is there of an older generation than the environment.
	Outdated bool
	// NodeAfter is how long the last instance that was launched took to be a node; 0 if that is not known.
	NodeAfter time.Duration
}

// Standing tells how much there is of the environment.
func (p *Provider) Standing(environmentUUID string) Standing {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Standing{NodeAfter: p.nodeAfter[environmentUUID]}
	for _, g := range p.siblings[environmentUUID] {
		for _, i := range g.instances {
			if i.state != failed && i.state != terminating {
				s.DesiredvCPUs += g.typ.VCPUs
			}
			s.Outdated = s.Outdated || i.outdated
		}
	}
	return s
}

// hasNodes reports whether an instance of the environment is a node. It is called with mu held.
func (p *Provider) hasNodes(environmentUUID string) bool {
	for _, g := range p.siblings[environmentUUID] {
		for _, i := range g.instances {
			if i.node != "" {
				return true
			}
		}
	}
	return false
}

// isWaited reports whether an instance of the environment is to become a node yet. It is called with mu held.
func (p *Provider) isWaited(environmentUUID string) bool {
	for _, g := range p.siblings[environmentUUID] {
		for _, i := range g.instances {
			if i.node == "" && i.state != failed && i.state != terminating {
				return true
			}
		}
	}
	return false
}
