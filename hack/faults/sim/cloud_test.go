// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// machine is an instance of the cloud.
type machine struct {
	name    string
	joins   time.Time
	idle    time.Time // since when it has had no work; zero while it has some
	isThere bool      // as a node
}

const (
	vcpusOfAll = 4
	maxvCPUs   = 40
	lookEvery  = 10 * time.Second
	idleFor    = 5 * time.Minute
)

// buy launches machines while pods wait that found no room, as long as the cloud has any and the environment may have more.
func (w *world) buy() {
	if time.Since(w.looked) < lookEvery {
		return
	}
	w.looked = time.Now()
	waiting := 0
	for _, pod := range w.c.Pods() {
		if pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil {
			waiting++
		}
	}
	coming := 0
	for _, m := range w.machines {
		if !m.isThere {
			coming += vcpusOfAll
		}
	}
	for ; waiting > coming && (len(w.machines)+1)*vcpusOfAll <= maxvCPUs; coming += vcpusOfAll {
		if w.random.Float64() < w.stockOut {
			w.counts.stockOuts++
			return
		}
		w.counts.machines++
		w.machines = append(w.machines, &machine{
			name: fmt.Sprint("i-", w.counts.machines), joins: time.Now().Add(20*time.Second + w.upTo(w.bootTime)), idle: time.Now(),
		})
	}
}

// run lets machines join, give up when they have no work, and be reclaimed.
func (w *world) runMachines() {
	busy := map[string]bool{}
	for _, pod := range w.c.Pods() {
		if !isFinished(pod) {
			busy[pod.Spec.NodeName] = true
		}
	}
	var kept []*machine
	for _, m := range w.machines {
		switch {
		case busy[m.name]:
			m.idle = time.Time{}
		case m.idle.IsZero():
			m.idle = time.Now()
		}
		isIdle := m.isThere && !m.idle.IsZero() && time.Since(m.idle) > idleFor
		isReclaimed := w.random.Float64() < w.reclaim
		switch {
		case isIdle || isReclaimed:
			w.end(m, isReclaimed && busy[m.name])
			continue
		case !m.isThere && time.Now().After(m.joins):
			w.join(m)
		}
		kept = append(kept, m)
	}
	w.machines = kept
}

func (w *world) join(m *machine) {
	m.isThere = true
	node := plugintest.Node(m.name, vcpusOfAll)
	node.Labels[batchmeta.ComputeEnvironmentUUID] = environmentUUID
	node.Labels[batchmeta.InstanceID] = m.name
	node.Spec.Taints = []corev1.Taint{{Key: batchmeta.BatchNode, Effect: corev1.TaintEffectNoSchedule}}
	w.nodes[m.name] = node
	w.c.AddNodes(node)
}

func (w *world) end(m *machine, hadWork bool) {
	if hadWork {
		w.counts.reclaims++
	}
	delete(w.nodes, m.name)
	if m.isThere {
		w.c.RemoveNode(m.name, w.random.IntN(3) == 0)
	}
}
