// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// asking is a pod as podspec makes it for environment ce, with a change.
func asking(change ...func(*corev1.PodSpec)) []*corev1.Pod {
	pod := &corev1.Pod{Spec: corev1.PodSpec{
		NodeSelector: map[string]string{batchmeta.ComputeEnvironmentUUID: "u"},
		Tolerations:  []corev1.Toleration{{Key: batchmeta.BatchNode, Operator: corev1.TolerationOpExists}},
	}}
	for _, f := range change {
		f(&pod.Spec)
	}
	return []*corev1.Pod{pod}
}

func selecting(key, value string) func(*corev1.PodSpec) {
	return func(s *corev1.PodSpec) { s.NodeSelector[key] = value }
}

// onZones is required node affinity.
func onZones(zones ...string) func(*corev1.PodSpec) {
	return func(s *corev1.PodSpec) {
		s.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{
				{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: zones},
			}}},
		}}}
	}
}

// standing is a node of 4 vCPUs of the unmanaged environment, all of which are free.
func standing(change ...func(*Node)) Node {
	size := batch.Requests{MilliVCPU: 4000, MemoryMiB: 8192}
	n := Node{Node: &corev1.Node{}, Room: size, Free: size}
	n.Labels = map[string]string{batchmeta.ComputeEnvironmentUUID: "u", corev1.LabelArchStable: "amd64", corev1.LabelTopologyZone: "a", corev1.LabelInstanceTypeStable: "box"}
	n.Spec.Taints = []corev1.Taint{{Key: batchmeta.BatchNode, Value: "u", Effect: corev1.TaintEffectNoSchedule}}
	for _, f := range change {
		f(&n)
	}
	return n
}

func tainted(n *Node) {
	n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: "team", Value: "x", Effect: corev1.TaintEffectNoSchedule})
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		pods []*corev1.Pod
		node Node
		want string
	}{
		"a pod of any kind":             {asking(), standing(), ""},
		"what it selects":               {asking(selecting(corev1.LabelArchStable, "amd64")), standing(), ""},
		"another architecture":          {asking(selecting(corev1.LabelArchStable, "arm64")), standing(), "kubernetes.io/arch is amd64, not arm64"},
		"a label that the node lacks":   {asking(selecting("disk", "fast")), standing(), "disk is not set, not fast"},
		"affinity that is met":          {asking(onZones("b", "a")), standing(), ""},
		"affinity that is not":          {asking(onZones("b")), standing(), "the required node affinity does not match its labels"},
		"a taint that is not tolerated": {asking(), standing(tainted), "its taint team=x:NoSchedule is not tolerated"},
		"a taint that keeps nothing off": {asking(), standing(func(n *Node) {
			n.Spec.Taints[0] = corev1.Taint{Key: "team", Effect: corev1.TaintEffectPreferNoSchedule}
		}), ""},
		"a cordon":                        {asking(), standing(func(n *Node) { n.Spec.Unschedulable = true }), "it is cordoned"},
		"the second of two kinds of pods": {append(asking(), asking(selecting("disk", "fast"))...), standing(), "disk is not set, not fast"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := refusal(tc.pods, tc.node.Node); got != tc.want {
				t.Errorf("refused as %q, want %q", got, tc.want)
			}
		})
	}
}

func TestSimulateLooksAtNodes(t *testing.T) {
	t.Parallel()
	arm := asking(selecting(corev1.LabelArchStable, "arm64"))
	const offers = "c5.large 2 4096 0 1930 3114 0.085\nc6g.large 2 4096 0 1930 3114 0.068 arm64\nc5.xlarge 4 8192 0 3920 6897 0.17"
	full := func(n *Node) { n.Free = batch.Requests{MilliVCPU: 500} }
	small := func(n *Node) { n.Room = batch.Requests{MilliVCPU: 500, MemoryMiB: 64} }
	cases := map[string]struct {
		change        []func(*batch.ComputeEnvironment)
		pods          []*corev1.Pod
		nodes         []Node
		milli         int64
		fits, fitsNow bool
		code          Code
		instanceType  string
		excluded      []viewapi.Exclusion
		reason        string
	}{
		"a type of another architecture is not chosen": {
			change: []func(*batch.ComputeEnvironment){offering(offers)}, pods: asking(selecting(corev1.LabelArchStable, "amd64")), milli: 1000,
			fits: true, fitsNow: true, code: QueueNext, instanceType: "c5.large",
			excluded: []viewapi.Exclusion{{InstanceType: "c6g.large", Reason: "kubernetes.io/arch is arm64, not amd64"}},
		},
		"the cheapest of any": {
			change: []func(*batch.ComputeEnvironment){offering(offers)}, pods: asking(), milli: 1000, fits: true, fitsNow: true, code: QueueNext, instanceType: "c6g.large",
		},
		"none of those that are large enough": {
			change: []func(*batch.ComputeEnvironment){offering(offers)}, pods: arm, milli: 3000, code: JobRequirement,
			excluded: []viewapi.Exclusion{{InstanceType: "c5.xlarge", Reason: "kubernetes.io/arch is amd64, not arm64"}},
			reason:   "none of its instance types takes it: c5.xlarge: kubernetes.io/arch is amd64, not arm64",
		},
		"nodes that there are": {
			change: []func(*batch.ComputeEnvironment){unmanaged}, pods: asking(), nodes: []Node{standing(tainted), standing()}, milli: 1000, fits: true, fitsNow: true, code: QueueNext,
			excluded: []viewapi.Exclusion{{InstanceType: "box", Nodes: 1, Reason: "its taint team=x:NoSchedule is not tolerated"}},
		},
		"nodes that take no such pod": {
			change: []func(*batch.ComputeEnvironment){unmanaged}, pods: arm, nodes: []Node{standing(), standing(), standing(small)}, milli: 1000, code: JobRequirement,
			excluded: []viewapi.Exclusion{{InstanceType: "box", Nodes: 2, Reason: "kubernetes.io/arch is amd64, not arm64"}},
			reason:   "none of its nodes takes it: box: kubernetes.io/arch is amd64, not arm64",
		},
		"nodes that are full": {
			change: []func(*batch.ComputeEnvironment){unmanaged}, pods: asking(), nodes: []Node{standing(full)}, milli: 1000, fits: true, code: QueueNext,
			reason: "none of its nodes has so much free; 1 could hold it",
		},
		"nodes that are too small": {
			change: []func(*batch.ComputeEnvironment){unmanaged}, pods: asking(), nodes: []Node{standing(small)}, milli: 1000, code: JobRequirement,
			reason: "none of its nodes holds 1 vCPU and 64 MiB",
		},
		"no nodes": {change: []func(*batch.ComputeEnvironment){unmanaged}, pods: asking(), nodes: []Node{}, milli: 1000, fits: true, code: QueueNext, reason: "it has no nodes"},
		"nodes that nobody knows": {
			change: []func(*batch.ComputeEnvironment){unmanaged}, pods: asking(), milli: 1000, fits: true, fitsNow: true, code: QueueNext,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := facts(job(func(j *batch.Job) { j.Requests.MilliVCPU = tc.milli }), in(0, tc.change...))
			ask := Ask{Largest: f.Job.Requests, Pods: map[string][]*corev1.Pod{"ce": tc.pods}, Nodes: map[string][]Node{}}
			if tc.nodes != nil {
				ask.Nodes["ce"] = tc.nodes
			}
			s := f.Simulate(&ask)
			e := s.Environments[0]
			if s.Fits != tc.fits || s.FitsNow != tc.fitsNow || s.Code != string(tc.code) || s.InstanceType != tc.instanceType || e.Reason != tc.reason {
				t.Errorf("simulated %+v", s)
			}
			if diff := cmp.Diff(tc.excluded, e.Excluded); diff != "" || e.ExcludedInAll != len(tc.excluded) {
				t.Errorf("%d excluded (-want +got):\n%s", e.ExcludedInAll, diff)
			}
		})
	}
}

func offering(types string) func(*batch.ComputeEnvironment) {
	return func(e *batch.ComputeEnvironment) { e.Report = &batch.Report{InstanceTypes: types} }
}
