// SPDX-License-Identifier: Apache-2.0

//go:build kwok && crashpoints

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/fleet/exec"
	"github.com/muster-batch/muster/autoscaler/fleet/kwok"
)

// otherFleet is a fleet that is not EC2, as what it is made of outlives the autoscaler.
type otherFleet interface {
	fleet.Fleet
	// boot lets what was launched get on: it becomes a node that is ready.
	boot(r *rig)
	// alive are the names of the nodes whose instances are there.
	alive(r *rig) map[string]bool
}

// newOtherRig is a rig over machines behind a command, or over simulated nodes.
func newOtherRig(t *testing.T, kind string) (*rig, otherFleet) {
	t.Helper()
	env := environment(0, 64)
	env.ComputeResources.InstanceTypes = []string{"m5.xlarge"} // of 4 vCPUs, too; the command knows it
	r := newRigWithoutFleet(t, env)
	var other otherFleet
	if kind == "exec" {
		other = newMachines(t)
	} else {
		other = &simulated{kwok.New(r.client.CoreV1().Nodes())}
	}
	r.machines = other
	r.restart()
	return r, other
}

// machines are behind a command. They boot whether or not whoever ran it lives to hear of it.
type machines struct {
	*exec.Fleet

	mu       sync.Mutex // guards requests
	requests []fleet.LaunchRequest
}

func newMachines(t *testing.T) *machines {
	t.Helper()
	script, err := filepath.Abs("../../fleet/exec/testdata/fleet.sh")
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "fleet") // whose folder has the state
	if err := os.Symlink(script, link); err != nil {
		t.Fatal(err)
	}
	f, err := exec.New(link)
	if err != nil {
		t.Fatal(err)
	}
	return &machines{Fleet: f}
}

// Launch implements fleet.Fleet.
func (m *machines) Launch(ctx context.Context, r fleet.LaunchRequest) ([]fleet.Instance, error) {
	m.mu.Lock()
	m.requests = append(m.requests, r)
	m.mu.Unlock()
	return m.Fleet.Launch(ctx, r)
}

func (m *machines) boot(r *rig) {
	r.Helper()
	nodes := map[string]bool{}
	for _, name := range r.nodeNames() {
		nodes[name] = true
	}
	m.mu.Lock()
	requests := m.requests
	m.mu.Unlock()
	for _, i := range m.list(r) {
		if nodes[i.ID] {
			continue
		}
		for _, request := range requests {
			for n := range request.Count {
				if fleet.InstanceToken(request.Token, n) == i.Token && !nodes[i.ID] {
					nodes[i.ID] = true
					r.register(i, request)
				}
			}
		}
	}
}

func (m *machines) alive(r *rig) map[string]bool {
	r.Helper()
	alive := map[string]bool{}
	for _, i := range m.list(r) {
		alive[i.ID] = true
	}
	return alive
}

func (m *machines) list(r *rig) []fleet.Instance {
	r.Helper()
	all, err := m.List(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return all
}

// simulated are nodes that only pretend; what KWOK does is that they are ready.
type simulated struct{ *kwok.Fleet }

func (s *simulated) boot(r *rig) {
	r.Helper()
	for _, name := range r.nodeNames() {
		node, err := r.client.CoreV1().Nodes().Get(r.Context(), name, metav1.GetOptions{})
		if err != nil || node.Status.Conditions[0].Status == corev1.ConditionTrue {
			continue
		}
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
		if err := r.client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("nodes"), node, ""); err != nil {
			r.Log(err) // deleted meanwhile
		}
	}
}

// alive: the node is the instance.
func (s *simulated) alive(r *rig) map[string]bool {
	r.Helper()
	alive := map[string]bool{}
	for _, name := range r.nodeNames() {
		alive[name] = true
	}
	return alive
}

// shortStory is one of demand and idleness alone, which is what any fleet sees.
func (m *mortal) shortStory() {
	m.Helper()
	m.create(pod("a"))
	size := 2 + m.rng.IntN(2)
	for i := range size {
		m.create(pod(fmt.Sprint("g-", i), cpus(3), gang("g", size)))
	}
	m.until("all pods run", m.allRun)
	if got := m.instances(); got > size+1 {
		m.Errorf("%d instances for %d nodes' worth of pods", got, size+1)
	}
	m.until("the books are even", m.isEven)
	for _, p := range m.allPods() {
		m.change(p.Name, finish(corev1.PodSucceeded))
	}
	m.until("all nodes go", func() bool {
		m.clock.Step(m.options.ScaleDownDelay)
		return m.gone() && len(m.ledger()) == 0
	})
	if got := m.instances(); got != 0 {
		m.Errorf("%d instances are left", got)
	}
}
