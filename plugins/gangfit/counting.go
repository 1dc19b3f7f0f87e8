// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/preempt"
	"github.com/muster-batch/muster/plugins/soletenant"
)

// count puts the contest in numbers. They are exact when the members are alike and nothing but room and the nodes
// themselves decides where they fit; else they say where to look.
func (c *contest) count(ctx context.Context) (cluster *preempt.Cluster, exact bool, err error) {
	if exact, err = c.isCountable(ctx); err != nil {
		return nil, false, err
	}
	groups := kin(c.draft.Members, fitAlike)
	names := resourcesOf(groups)
	cluster = &preempt.Cluster{Need: c.draft.Need(), Nodes: make([]preempt.Node, len(c.sim.infos))}
	for _, group := range groups {
		cluster.Groups = append(cluster.Groups, preempt.Group{
			Size: len(group), Each: amountsOf(requestOf(group[0]), names), PerNode: perNode(group[0]),
		})
	}
	against := c.g.holds.against(c.draft.Members[0], c.g.ledger.Order)
	for i, info := range c.sim.infos {
		cluster.Nodes[i] = preempt.Node{
			Free: freeOn(info, against, names), Takes: make([]bool, len(groups)), Domain: c.domainOf(info),
		}
	}
	c.measure(names)
	return cluster, exact && len(groups) == 1, c.admit(ctx, cluster, groups)
}

// isCountable reports whether the plan for the draft is made by counting.
func (c *contest) isCountable(ctx context.Context) (bool, error) {
	c.g.memory.mu.Lock()
	defer c.g.memory.mu.Unlock()
	t, err := c.sim.tally(ctx, c.draft)
	return t != nil, err
}

// freeOn returns what is free on a node beside what is kept there for others.
func freeOn(info *framework.NodeInfo, against []*hold, names []corev1.ResourceName) []int64 {
	taken := *info.Requested.Clone()
	taken.AllowedPodNumber = len(info.Pods)
	free := amountsOf(info.Allocatable, names)
	deduct := func(r *framework.Resource) {
		for i, amount := range amountsOf(r, names) {
			free[i] -= amount
		}
	}
	deduct(&taken)
	free[0] = soletenant.Room(info, free[0]) // names begin with pods
	if kept, _ := keptOn(info, against); kept != nil {
		deduct(kept)
	}
	return free
}

// measure notes what each work's end frees.
func (c *contest) measure(names []corev1.ResourceName) {
	for i := range c.works {
		for node, infos := range c.infos[i] {
			sum := framework.Resource{}
			for _, p := range infos {
				add(&sum, requestOf(p.Pod))
			}
			c.works[i].Rooms = append(c.works[i].Rooms, preempt.Room{Node: node, Amounts: amountsOf(&sum, names)})
		}
		slices.SortFunc(c.works[i].Rooms, func(a, b preempt.Room) int { return a.Node - b.Node })
	}
}

// perNode is how many pods like this one a node takes; 0 for no bound.
func perNode(pod *corev1.Pod) int {
	for i := range pod.Spec.Containers {
		for _, port := range pod.Spec.Containers[i].Ports {
			if port.HostPort > 0 {
				return 1
			}
		}
	}
	if a := pod.Spec.Affinity; a != nil && a.PodAntiAffinity != nil {
		for _, term := range a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
			if term.TopologyKey == corev1.LabelHostname {
				return 1
			}
		}
	}
	return 0
}

// domainOf names the domain that the members must share, for a node in it.
func (c *contest) domainOf(info *framework.NodeInfo) string {
	if key := c.draft.Spec.RequiredTopology; key != "" {
		return info.Node().Labels[key]
	}
	return ""
}

// admit notes which nodes take members of which groups once all that may be ended is: whatever but room keeps them off is
// the Filter plugins' affair.
func (c *contest) admit(ctx context.Context, cluster *preempt.Cluster, groups [][]*corev1.Pod) error {
	sim := *c.sim
	sim.infos, sim.gone = slices.Clone(c.sim.infos), slices.Clone(c.sim.gone)
	all := map[int][]*framework.PodInfo{}
	for i := range c.infos {
		for node, infos := range c.infos[i] {
			all[node] = append(all[node], infos...)
		}
	}
	if err := sim.vacate(ctx, all); err != nil {
		return err
	}
	home, bound := c.home()
	for k, group := range groups {
		state, only, status := c.g.prefilter(ctx, group[0])
		if status.IsSuccess() {
			status = sim.forgetGone(ctx, state, group[0])
		}
		if !status.IsSuccess() {
			if err := rejectionOf(status); err != nil {
				return err
			}
			continue
		}
		c.g.fwk.Parallelizer().Until(ctx, len(sim.infos), func(i int) {
			node := sim.infos[i].Node()
			isOpen := (only.AllNodes() || only.NodeNames.Has(node.Name)) &&
				(c.draft.Spec.RequiredTopology == "" || cluster.Nodes[i].Domain != "") && (!bound || cluster.Nodes[i].Domain == home)
			cluster.Nodes[i].Takes[k] = isOpen &&
				c.g.fwk.RunFilterPluginsWithNominatedPods(ctx, state, group[0], sim.infos[i]).IsSuccess()
		}, Name)
	}
	return nil
}

// home is the domain in which members are already, if all must share one.
func (c *contest) home() (domain string, bound bool) {
	if c.draft.Spec.RequiredTopology == "" {
		return "", false
	}
	for _, name := range c.draft.Placed {
		if info, err := c.g.fwk.SnapshotSharedLister().NodeInfos().Get(name); err == nil {
			return c.domainOf(info), true
		}
	}
	return "", false
}

// resourcesOf names what the groups ask for, and pods first of all.
func resourcesOf(groups [][]*corev1.Pod) []corev1.ResourceName {
	names := []corev1.ResourceName{corev1.ResourcePods}
	for _, group := range groups {
		r := requestOf(group[0])
		for name, amount := range map[corev1.ResourceName]int64{
			corev1.ResourceCPU: r.MilliCPU, corev1.ResourceMemory: r.Memory, corev1.ResourceEphemeralStorage: r.EphemeralStorage,
		} {
			if amount > 0 && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		for name, amount := range r.ScalarResources {
			if amount > 0 && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names[1:])
	return names
}

// amountsOf returns how much of each resource there is.
func amountsOf(r *framework.Resource, names []corev1.ResourceName) []int64 {
	amounts := make([]int64, len(names))
	for i, name := range names {
		amounts[i] = amountOf(r, name)
	}
	return amounts
}
