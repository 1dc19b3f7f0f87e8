// SPDX-License-Identifier: Apache-2.0

package scaleup

import (
	"time"

	"k8s.io/autoscaler/cluster-autoscaler/simulator/framework"
	podutil "k8s.io/autoscaler/cluster-autoscaler/utils/pod"

	"github.com/muster-batch/muster/autoscaler/provider"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// unwantedFor is how long nothing may want a node that is on its way before its instance is given back. In that time a gang
// that fell short finds what it lacks, or those behind it take its nodes.
const unwantedFor = 10 * time.Second

// upcoming is core's annotation of nodes in the snapshot that stand for instances which are no ready nodes yet.
const upcoming = "cluster-autoscaler.k8s.io/upcoming-node"

// surplus is nodes on their way that no demand was placed on.
type surplus struct {
	since time.Time
	least int // at any look since
}

// settle is the end of each loop: it gives back what is on its way for nobody, and notes which nodes are in use.
func (o *Orchestrator) settle() {
	infos, err := o.core.ClusterSnapshot.ListNodeInfos()
	if err != nil {
		o.logger.Error(err, "Cannot tell which nodes are in use")
		return
	}
	busy, unwanted := map[string]bool{}, map[string]int{}
	for _, info := range infos {
		node := info.Node()
		now, soon := isUsed(info)
		switch {
		case node.Annotations[upcoming] == "":
			busy[node.Name] = now
		case !now && !soon:
			unwanted[node.Labels[batchmeta.NodeGroup]]++
		}
	}
	o.cfg.Provider.NoteUse(busy)
	o.giveBack(unwanted)
}

// giveBack ends what has been unwanted for long enough.
func (o *Orchestrator) giveBack(unwanted map[string]int) {
	now := o.cfg.Clock.Now()
	for id := range o.surplus {
		if unwanted[id] == 0 {
			delete(o.surplus, id)
		}
	}
	for _, ng := range o.core.CloudProvider.NodeGroups() {
		n := unwanted[ng.Id()]
		if n == 0 {
			continue
		}
		s, known := o.surplus[ng.Id()]
		if !known {
			s = surplus{since: now, least: n}
		}
		s.least = min(s.least, n)
		o.surplus[ng.Id()] = s
		if g, ours := ng.(*provider.Group); ours && now.Sub(s.since) >= unwantedFor {
			delete(o.surplus, ng.Id())
			ended := g.GiveBack(s.least)
			o.logger.V(2).Info("Giving back nodes on their way", "nodeGroup", ng.Id(), "nodes", ended)
		}
	}
}

// isUsed reports whether a pod is on the node, or is to be, that is not the node's own.
func isUsed(info *framework.NodeInfo) (now, soon bool) {
	for _, p := range info.ToScheduler().Pods {
		switch {
		case podutil.IsDaemonSetPod(p.Pod) || podutil.IsMirrorPod(p.Pod):
		case p.Pod.Namespace == standIns:
			soon = true
		default:
			now = true
		}
	}
	return now, soon
}
