// SPDX-License-Identifier: Apache-2.0

package gangpack_test

import (
	"context"
	"maps"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/noderesources"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-batch/muster/plugins/gangpack"
)

const gpu = "nvidia.com/gpu"

func infoOf(name string, has map[corev1.ResourceName]string, running ...*corev1.Pod) *framework.NodeInfo {
	info := framework.NewNodeInfo(running...)
	info.SetNode(st.MakeNode().Name(name).Capacity(has).Obj())
	return info
}

func podOf(req map[corev1.ResourceName]string) *corev1.Pod {
	return st.MakePod().Name("p").Req(req).Obj()
}

// TestNodesAreSparedForWorkThatAsksForThem scores nodes beside one another; the best one is the last.
func TestNodesAreSparedForWorkThatAsksForThem(t *testing.T) {
	t.Parallel()
	half := podOf(map[corev1.ResourceName]string{"cpu": "2", "memory": "4Gi"})
	full := podOf(map[corev1.ResourceName]string{"cpu": "4", "memory": "8Gi"})
	size := map[corev1.ResourceName]string{"cpu": "4", "memory": "8Gi"}
	with := func(more map[corev1.ResourceName]string) map[corev1.ResourceName]string {
		all := map[corev1.ResourceName]string{"cpu": "4", "memory": "8Gi"}
		maps.Copy(all, more)
		return all
	}
	plain, busy := infoOf("plain", size), infoOf("busy", size, half)
	gpus := infoOf("gpus", with(map[corev1.ResourceName]string{gpu: "4"}), full)
	none := infoOf("none", with(map[corev1.ResourceName]string{gpu: "0", "hugepages-1Gi": "2Gi"}))
	both := infoOf("both", with(map[corev1.ResourceName]string{gpu: "4", "vpc.amazonaws.com/pod-eni": "4"}), full)
	cases := map[string]struct {
		pod   *corev1.Pod
		nodes []*framework.NodeInfo // in ascending order
	}{
		"a full GPU node comes after an empty plain one": {pod: podOf(nil), nodes: []*framework.NodeInfo{gpus, plain, busy}},
		"a pod that asks for a GPU has no choice":        {pod: podOf(map[corev1.ResourceName]string{gpu: "1"}), nodes: []*framework.NodeInfo{infoOf("empty", with(map[corev1.ResourceName]string{gpu: "4"})), gpus}},
		"no GPUs and huge pages are nothing to spare":    {pod: podOf(nil), nodes: []*framework.NodeInfo{gpus, none, busy}},
		"one such resource rather than two":              {pod: podOf(nil), nodes: []*framework.NodeInfo{both, gpus}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []int64
			state := framework.NewCycleState()
			g := &gangpack.GangPack{}
			g.PreScore(context.Background(), state, tc.pod, tc.nodes)
			for i, node := range tc.nodes {
				score, status := g.Score(context.Background(), state, tc.pod, node)
				if !status.IsSuccess() || score < framework.MinNodeScore || score > framework.MaxNodeScore {
					t.Fatalf("score %d, %v", score, status)
				}
				if got = append(got, score); i > 0 && got[i-1] >= score {
					t.Errorf("%s: %d is not above %d: %v", node.Node().Name, score, got[i-1], got)
				}
			}
		})
	}
}

func TestWithoutAChoiceScoresArePercentages(t *testing.T) {
	t.Parallel()
	size := map[corev1.ResourceName]string{"cpu": "4", "memory": "8Gi", gpu: "1"}
	nodes := []*framework.NodeInfo{infoOf("a", size), infoOf("b", size, podOf(map[corev1.ResourceName]string{"cpu": "1", "memory": "2Gi"}))}
	pod := podOf(map[corev1.ResourceName]string{"cpu": "1", "memory": "2Gi"})
	state, g := framework.NewCycleState(), &gangpack.GangPack{}
	g.PreScore(context.Background(), state, pod, nodes)
	var got []int64
	for _, node := range nodes {
		score, _ := g.Score(context.Background(), state, pod, node)
		got = append(got, score)
	}
	if diff := cmp.Diff([]int64{25, 50}, got); diff != "" {
		t.Errorf("scores (-want +got):\n%s", diff)
	}
}

// BenchmarkScore compares what a plain pod's scoring costs, over 500 nodes, with that of the plugins it stands in for.
func BenchmarkScore(b *testing.B) {
	var nodes []*framework.NodeInfo
	for i := range 500 {
		nodes = append(nodes, infoOf("n"+strconv.Itoa(i), map[corev1.ResourceName]string{"cpu": "16", "memory": "64Gi", "pods": "110"}))
	}
	pod := podOf(map[corev1.ResourceName]string{"cpu": "1", "memory": "2Gi"})
	b.Run("GangPack", func(b *testing.B) { benchmarkScore(b, pod, nodes, &gangpack.GangPack{}) })
	b.Run("NodeResourcesFitAndBalancedAllocation", func(b *testing.B) { benchmarkScore(b, pod, nodes, stock(b)...) })
}

type scorer interface {
	framework.PreScorePlugin
	framework.ScorePlugin
}

func benchmarkScore(b *testing.B, pod *corev1.Pod, nodes []*framework.NodeInfo, plugins ...scorer) {
	b.Helper()
	ctx := context.Background()
	for b.Loop() {
		for _, plugin := range plugins {
			state := framework.NewCycleState()
			if status := plugin.PreScore(ctx, state, pod, nodes); !status.IsSuccess() {
				b.Fatal(status)
			}
			for _, node := range nodes {
				if _, status := plugin.Score(ctx, state, pod, node); !status.IsSuccess() {
					b.Fatal(status)
				}
			}
		}
	}
}

// stock returns the two plugins of the default profile that look at how full a node is, with their default arguments.
func stock(b *testing.B) []scorer {
	b.Helper()
	client := fake.NewClientset()
	handle, err := frameworkruntime.NewFramework(context.Background(), nil, nil,
		frameworkruntime.WithClientSet(client), frameworkruntime.WithInformerFactory(informers.NewSharedInformerFactory(client, 0)))
	if err != nil {
		b.Fatal(err)
	}
	resources := []config.ResourceSpec{{Name: "cpu", Weight: 1}, {Name: "memory", Weight: 1}}
	make := func(args runtime.Object, factory func(context.Context, runtime.Object, framework.Handle, feature.Features) (framework.Plugin, error)) scorer {
		plugin, err := factory(context.Background(), args, handle, feature.Features{})
		if err != nil {
			b.Fatal(err)
		}
		return plugin.(scorer)
	}
	return []scorer{
		make(&config.NodeResourcesFitArgs{ScoringStrategy: &config.ScoringStrategy{Type: config.LeastAllocated, Resources: resources}}, noderesources.NewFit),
		make(&config.NodeResourcesBalancedAllocationArgs{Resources: resources}, noderesources.NewBalancedAllocation),
	}
}
