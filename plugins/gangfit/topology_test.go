// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// in returns a node in a zone, and in a rack if one is named.
func in(zone, rack, name string, cpus int) *corev1.Node {
	node := plugintest.Node(name, cpus)
	if zone != "" {
		node.Labels[corev1.LabelTopologyZone] = zone
	}
	if rack != "" {
		node.Labels["topology.k8s.aws/network-node-layer-3"], node.Labels["rack"] = rack, rack
	}
	return node
}

func withGPU(node *corev1.Node) *corev1.Node {
	node.Status.Allocatable[gpu] = quantity("4")
	return node
}

func required(key string, members []*corev1.Pod) []*corev1.Pod {
	return annotated(members, batchmeta.GangTopologyRequired, key)
}

func preferred(key string, members []*corev1.Pod) []*corev1.Pod {
	return annotated(members, batchmeta.GangTopologyPreferred, key)
}

// spread limits how unevenly the members are spread, loosely, but counting cannot see to that.
func spread(members []*corev1.Pod) []*corev1.Pod {
	for _, pod := range members {
		pod.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
			MaxSkew: 5, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: plugintest.Selector(batchmeta.Gang, "g"),
		}}
	}
	return members
}

func TestTopologyOfAGang(t *testing.T) {
	t.Parallel()
	racks := []*corev1.Node{
		in("z1", "r1", "a", 2), in("z1", "r2", "b", 1), in("z2", "r3", "c", 3), in("z2", "r3", "d", 4), in("z2", "r4", "e", 2),
	}
	cases := map[string]struct {
		nodes   []*corev1.Node
		running []*corev1.Pod
		members []*corev1.Pod
		want    string // the nodes that have members
		reason  string
	}{
		"one host, the tightest":             {nodes: racks, members: plugintest.Gang("g", 2, 1), want: "a"},
		"one host, the only one":             {nodes: racks, members: plugintest.Gang("g", 3, 1), want: "c"},
		"one rack":                           {nodes: racks, members: plugintest.Gang("g", 5, 1), want: "c d"},
		"one zone":                           {nodes: racks, members: plugintest.Gang("g", 8, 1), want: "c d e"},
		"two zones when it must be":          {nodes: racks, members: plugintest.Gang("g", 10, 1), want: "b c d e"},
		"all in one rack":                    {nodes: racks, members: required("rack", plugintest.Gang("g", 6, 1)), want: "c d"},
		"a zone, when racks are not named":   {nodes: []*corev1.Node{in("z1", "", "a", 1), in("z2", "", "b", 1), in("z2", "", "c", 1)}, members: plugintest.Gang("g", 2, 1), want: "b c"},
		"a preferred key goes before others": {nodes: []*corev1.Node{in("z1", "r1", "a", 1), in("z1", "r2", "b", 1), in("z2", "r1", "c", 1)}, members: preferred("rack", plugintest.Gang("g", 2, 1)), want: "a c"},
		"a preferred key gives way":          {nodes: racks, members: preferred("rack", plugintest.Gang("g", 8, 1)), want: "b c d"},
		"no rack holds it": {
			nodes: racks, members: required("rack", plugintest.Gang("g", 8, 1)),
			reason: "gang g: 7 of 8 members fit; short of 1 × 1 cpu under one value of rack",
		},
		"a key that no node has": {
			nodes: racks, members: required("row", plugintest.Gang("g", 2, 1)),
			reason: "gang g: 0 of 2 members fit; they must share one value of the node label row, which no node has",
		},
		"GPU nodes are kept for those that ask": {
			nodes:   []*corev1.Node{withGPU(in("z1", "", "a", 4)), in("z1", "", "b", 2), in("z2", "", "c", 2)},
			members: plugintest.Gang("g", 4, 1), want: "b c",
		},
		"GPU nodes when nothing else is left": {
			nodes:   []*corev1.Node{withGPU(in("z1", "", "a", 4)), in("z1", "", "b", 2), in("z2", "", "c", 2)},
			members: plugintest.Gang("g", 5, 1), want: "a b c",
		},
		"nodes fill up": {
			nodes:   []*corev1.Node{in("", "", "a", 4), in("", "", "b", 4)},
			running: []*corev1.Pod{plugintest.On(plugintest.Pod("other", 2), "b")},
			members: plugintest.Gang("g", 2, 1), want: "b",
		},
		"one by one, in one zone": {
			nodes: racks, members: required(corev1.LabelTopologyZone, spread(plugintest.Gang("g", 3, 1))), want: "a b",
		},
		"one by one, in no zone": {
			nodes: racks, members: required(corev1.LabelTopologyZone, spread(plugintest.Gang("g", 10, 1))),
			reason: "under one value of topology.kubernetes.io/zone",
		},
		"one by one, rather in one zone": {
			nodes: racks, members: preferred(corev1.LabelTopologyZone, spread(plugintest.Gang("g", 3, 1))), want: "a b",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := plugintest.NewCycles(t)
			c.Set(tc.nodes, tc.running...)
			seats, reason, err := c.GangFit.Fill(context.Background(), draftOf(tc.members))
			if err != nil {
				t.Fatal(err)
			}
			if tc.reason != "" {
				if !strings.Contains(reason, tc.reason) {
					t.Errorf("reason %q, want %q", reason, tc.reason)
				}
				return
			}
			var nodes []string
			for _, node := range seats {
				nodes = append(nodes, node)
			}
			slices.Sort(nodes)
			if diff := cmp.Diff(tc.want, strings.Join(slices.Compact(nodes), " ")); diff != "" {
				t.Errorf("nodes (-want +got):\n%s\n%s", diff, reason)
			}
		})
	}
}

// TestMemberIsPlacedWhereItsGangIs has one member of an elastic gang bound. The other has to be in its zone, and if that is
// full waits for it.
func TestMemberIsPlacedWhereItsGangIs(t *testing.T) {
	t.Parallel()
	nodes := []*corev1.Node{in("z1", "", "a", 1), in("z1", "", "b", 1), in("z2", "", "c", 4)}
	cases := map[string]struct {
		taken  bool
		gone   bool // the node of the bound one
		change func([]*corev1.Pod)
		want   string // empty for nowhere
	}{
		"required":          {want: "b"},
		"required, no room": {taken: true},
		"one by one":        {change: func(pods []*corev1.Pod) { spread(pods) }, want: "b"},
		"one by one, no room": {
			taken: true, change: func(pods []*corev1.Pod) { spread(pods) },
		},
		"required, in a zone that nobody knows": {gone: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			members := annotated(required(corev1.LabelTopologyZone, plugintest.Gang("g", 2, 1)), batchmeta.GangMin, "1")
			if tc.change != nil {
				tc.change(members)
			}
			members[0] = plugintest.On(members[0], "a")
			c := plugintest.NewCycles(t, members...)
			running := []*corev1.Pod{members[0]}
			if tc.taken {
				running = append(running, plugintest.On(plugintest.Pod("other", 1), "b"))
			}
			if tc.gone {
				c.Set(nodes[1:])
			} else {
				c.Set(nodes, running...)
			}
			got, status := c.Cycle(members[1]).PreFilter()
			if tc.want == "" {
				wantReason(t, status, "gang g: 1 of 2 members fit")
				return
			}
			if !got.Has(tc.want) {
				t.Errorf("nodes %v, %v; want %s", got, status, tc.want)
			}
		})
	}
}

// TestReasonsBesideRoom has gangs that lack something else than room.
func TestReasonsBesideRoom(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*corev1.PodSpec)
		want   string
	}{
		"a label": {
			change: func(s *corev1.PodSpec) { s.NodeSelector = map[string]string{"disk": "fast"} },
			want:   "gang g: 0 of 2 members fit; g-0: 3 node(s) didn't match Pod's node affinity/selector",
		},
		"a port": {
			change: func(s *corev1.PodSpec) {
				s.NodeSelector = map[string]string{corev1.LabelHostname: "a"}
				s.Containers[0].Resources.Requests = nil
				s.Containers[0].Ports = []corev1.ContainerPort{{HostPort: 80}}
			},
			want: "1 of 2 members fit; g-1: 1 node(s) didn't have free ports for the requested pod ports, 2 node(s) didn't match Pod's node affinity/selector",
		},
		"two resources, on different nodes": {
			change: func(s *corev1.PodSpec) {
				s.Containers[0].Resources.Requests["memory"] = quantity("40Gi")
			},
			want: "1 of 2 members fit; short of 1 × 1 cpu, 1 × 40Gi memory",
		},
		"a resource that no node has": {
			change: func(s *corev1.PodSpec) { s.Containers[0].Resources.Requests[gpu] = quantity("1") },
			want:   "0 of 2 members fit; short of 2 × 1 nvidia.com/gpu",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			members := plugintest.Gang("g", 2, 1)
			for _, pod := range members {
				tc.change(&pod.Spec)
			}
			c := plugintest.NewCycles(t)
			hog := plugintest.On(plugintest.Pod("hog", 0), "a")
			hog.Spec.Containers[0].Resources.Requests["memory"] = quantity("30Gi")
			c.Set(threeNodes, plugintest.On(plugintest.Pod("other", 1), "b"), hog)
			_, reason, err := c.GangFit.Fill(context.Background(), draftOf(members))
			if err != nil || !strings.Contains(reason, tc.want) {
				t.Errorf("reason %q, %v; want %q", reason, err, tc.want)
			}
		})
	}
}
