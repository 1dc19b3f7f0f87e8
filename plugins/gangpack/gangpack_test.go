// SPDX-License-Identifier: Apache-2.0

package gangpack

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

type list = map[corev1.ResourceName]string

func TestScore(t *testing.T) {
	t.Parallel()
	const gpu = "nvidia.com/gpu"
	node := list{"cpu": "4", "memory": "8Gi", "pods": "10"}
	cases := map[string]struct {
		node    list
		running []list
		pod     list
		want    int64
	}{
		"an empty node":                       {node: node, want: 0},
		"the pod itself counts":               {node: node, pod: list{"cpu": "2", "memory": "2Gi"}, want: (50 + 25) / 2},
		"and what runs there":                 {node: node, running: []list{{"cpu": "1"}, {"memory": "4Gi"}}, pod: list{"cpu": "1"}, want: 50},
		"a full node":                         {node: node, running: []list{{"cpu": "4", "memory": "8Gi"}}, want: 100},
		"a fuller node than there is":         {node: node, running: []list{{"cpu": "9", "memory": "9Gi"}}, want: 100},
		"an extended resource, when asked":    {node: list{"cpu": "4", "memory": "8Gi", gpu: "4"}, pod: list{gpu: "3"}, want: 75 / 3},
		"no extended resource when not asked": {node: list{"cpu": "4", "memory": "8Gi", gpu: "4"}, pod: list{"cpu": "4"}, want: 50},
		"a node without memory":               {node: list{"cpu": "4"}, want: 50},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := framework.NewNodeInfo()
			for _, req := range tc.running {
				info.AddPod(st.MakePod().Req(req).Obj())
			}
			info.SetNode(st.MakeNode().Name("n").Capacity(tc.node).Obj())
			pod, state, g := st.MakePod().Req(tc.pod).Obj(), framework.NewCycleState(), &GangPack{}
			if status := g.PreScore(context.Background(), state, pod, nil); !status.IsSuccess() {
				t.Fatal(status)
			}
			got, status := g.Score(context.Background(), state, pod, info)
			if !status.IsSuccess() || got != tc.want {
				t.Errorf("score %d, %v; want %d", got, status, tc.want)
			}
		})
	}
}

func TestScoreWithoutPreScoreIsAnError(t *testing.T) {
	_, status := (&GangPack{}).Score(context.Background(), framework.NewCycleState(), nil, framework.NewNodeInfo())
	if status.Code() != framework.Error {
		t.Errorf("status %v", status)
	}
}

// newForTest returns a GangPack that knows one node, and its API server.
func newForTest(t *testing.T) (*GangPack, *fake.Clientset) {
	t.Helper()
	client := fake.NewClientset(st.MakePod().Namespace("ns").Name("p").UID("uid-of-p").Obj())
	nodes := informers.NewSharedInformerFactory(client, 0).Core().V1().Nodes()
	if err := nodes.Informer().GetStore().Add(st.MakeNode().Name("n").UID("uid-of-n").Obj()); err != nil {
		t.Fatal(err)
	}
	return newGangPack(client, nodes.Lister()), client
}

func TestBindCarriesTheNodesUID(t *testing.T) {
	g, client := newForTest(t)
	pod := st.MakePod().Namespace("ns").Name("p").UID("uid-of-p").Obj()
	if status := g.Bind(context.Background(), nil, pod, "n"); !status.IsSuccess() {
		t.Fatal(status)
	}
	if n := len(client.Actions()); n != 1 {
		t.Fatalf("%d calls, want the Binding alone: %v", n, client.Actions())
	}
	want := &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", Name: "p", UID: "uid-of-p",
			Annotations: map[string]string{batchmeta.NodeUID: "uid-of-n"},
		},
		Target: corev1.ObjectReference{Kind: "Node", Name: "n"},
	}
	if diff := cmp.Diff(want, client.Actions()[0].(clienttesting.CreateAction).GetObject()); diff != "" {
		t.Errorf("binding (-want +got):\n%s", diff)
	}
}

func TestBindToANodeThatIsGoneIsAnError(t *testing.T) {
	g, client := newForTest(t)
	status := g.Bind(context.Background(), nil, st.MakePod().Name("p").Obj(), "other")
	if status.Code() != framework.Error {
		t.Errorf("status %v", status)
	}
	if len(client.Actions()) > 0 {
		t.Errorf("calls: %v", client.Actions())
	}
}
