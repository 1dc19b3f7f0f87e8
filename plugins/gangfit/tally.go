// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/util"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/plugins/place"
)

// tally plans a gang by counting. It stands in for the Filter plugins when nothing but node objects and room decide where
// a member fits: then members that are alike fit alike, and how many fit on a node is a division.
type tally struct {
	g         *GangFit
	draft     *gang.Draft
	infos     []*framework.NodeInfo
	kinds     []*kind
	resources []corev1.ResourceName // that count
	ports     []hostPort            // that members use: each is a resource of which a node has one
	topology  *topology
	free      [][]int64 // by node: what is free of every resource; nil where no member may go
	against   []*hold
}

// kind is the members of a gang that are alike.
type kind struct {
	pods     []*corev1.Pod
	request  *framework.Resource
	ports    []hostPort
	only     *framework.PreFilterResult
	verdicts []verdict // by node
	size     []int64   // what one takes of every resource
}

type hostPort struct {
	protocol corev1.Protocol
	port     int32
}

// maxKinds is for how many kinds of members counting is worth it.
const maxKinds = 256

// tally returns how to count the draft's members; nil when counting is not enough.
func (s *simulation) tally(ctx context.Context, draft *gang.Draft) (*tally, error) {
	g, infos := s.g, s.infos
	sets := kin(draft.Members, fitAlike)
	if len(sets) > maxKinds {
		return nil, nil //nolint:nilnil // nil is an answer
	}
	repelled, err := g.isRepelled(ctx, draft.Members)
	if err != nil || repelled {
		return nil, err
	}
	t := &tally{g: g, draft: draft, infos: infos}
	for _, pods := range sets {
		k := &kind{pods: pods, request: requestOf(pods[0])}
		state, only, status := g.prefilter(ctx, pods[0])
		if err := rejectionOf(status); err != nil {
			return nil, err
		}
		if !status.IsSuccess() || !k.setPorts() || !g.decidesByCounting(state) {
			return nil, nil //nolint:nilnil // see above
		}
		k.only, k.verdicts = only, g.eligibleFor(ctx, state, pods[0], infos)
		t.kinds = append(t.kinds, k)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t.against = g.holds.against(draft.Members[0], g.ledger.Order)
	t.setResources(ctx)
	t.topology = g.memory.topologyOf(topologyKeys(&draft.Spec, g.args.TopologyKeys), infos)
	return t, nil
}

// setPorts notes the host ports of a kind; false if one is of a certain address, which another may or may not conflict with.
func (k *kind) setPorts() bool {
	for _, p := range util.GetHostPorts(k.pods[0]) {
		if p.HostIP != "" && p.HostIP != framework.DefaultBindAllHostIP {
			return false
		}
		port := hostPort{protocol: p.Protocol, port: p.HostPort}
		if port.protocol == "" {
			port.protocol = corev1.ProtocolTCP
		}
		if !slices.Contains(k.ports, port) {
			k.ports = append(k.ports, port)
		}
	}
	return true
}

// setResources lists what members ask for and how much of it one takes.
func (t *tally) setResources(ctx context.Context) {
	t.resources = []corev1.ResourceName{corev1.ResourcePods, corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage}
	for _, k := range t.kinds {
		for name := range k.request.ScalarResources {
			if !slices.Contains(t.resources, name) && !t.g.ignores(ctx, name) {
				t.resources = append(t.resources, name)
			}
		}
		for _, port := range k.ports {
			if !slices.Contains(t.ports, port) {
				t.ports = append(t.ports, port)
			}
		}
	}
	for _, k := range t.kinds {
		for _, name := range t.resources {
			k.size = append(k.size, amountOf(k.request, name))
		}
		for _, port := range t.ports {
			n := int64(0)
			if slices.Contains(k.ports, port) {
				n = 1
			}
			k.size = append(k.size, n)
		}
	}
}

// amountOf returns how much of a resource r has.
func amountOf(r *framework.Resource, name corev1.ResourceName) int64 {
	if name == corev1.ResourcePods {
		return int64(r.AllowedPodNumber)
	}
	if name == corev1.ResourceCPU {
		return r.MilliCPU
	}
	if name == corev1.ResourceMemory {
		return r.Memory
	}
	if name == corev1.ResourceEphemeralStorage {
		return r.EphemeralStorage
	}
	return r.ScalarResources[name]
}

// fill seats the members.
func (t *tally) fill() (seats map[types.UID]string, reason string) {
	nodes, p := t.problem()
	a := place.Solve(p)
	if !a.Fits() && len(t.kinds) > 1 {
		a = t.solveLargestFirst(p, a)
	}
	seats = make(map[types.UID]string, len(t.draft.Members))
	next := make([]int, len(t.kinds))
	for _, take := range a.Takes {
		name := t.infos[nodes[take.Node]].Node().Name
		for range take.Count {
			seats[t.kinds[take.Group].pods[next[take.Group]].UID] = name
			next[take.Group]++
		}
	}
	if len(seats) >= t.draft.Need() {
		return seats, ""
	}
	return nil, t.refuse(nodes, p, a)
}
