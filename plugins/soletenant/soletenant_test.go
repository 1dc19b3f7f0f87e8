// SPDX-License-Identifier: Apache-2.0

package soletenant

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func nodeOf(tenant string) *corev1.Node {
	node := st.MakeNode().Name("n").UID("uid-of-n").Label(batchmeta.SoleTenant, "true").Obj()
	if tenant != "" {
		node.Annotations = map[string]string{batchmeta.Tenant: tenant}
	}
	return node
}

func podOf(uid string) *corev1.Pod { return st.MakePod().Namespace("ns").Name(uid).UID(uid).Obj() }

func ownedPod(kind string) *corev1.Pod {
	return st.MakePod().Namespace("ns").Name(kind).UID(kind).OwnerReference(kind, schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: kind}).Obj()
}

func mirrorPod() *corev1.Pod {
	pod := podOf("mirror")
	pod.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "hash"}
	return pod
}

func TestANodeIsForOnePod(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		node *corev1.Node
		pods []*corev1.Pod
		want bool  // the pod "mine" may go there
		room int64 // of 10
	}{
		"an empty one takes a pod":                  {node: nodeOf(""), want: true, room: 1},
		"one with a pod takes no other":             {node: nodeOf(""), pods: []*corev1.Pod{podOf("other")}},
		"pods of DaemonSets do not count":           {node: nodeOf(""), pods: []*corev1.Pod{ownedPod("DaemonSet"), mirrorPod()}, want: true, room: 1},
		"pods of other owners do":                   {node: nodeOf(""), pods: []*corev1.Pod{ownedPod("DaemonSet"), ownedPod("ReplicaSet")}},
		"one that had a pod takes no other":         {node: nodeOf("other")},
		"a pod whose Binding failed may come again": {node: nodeOf("mine"), want: true},
		"a node of another kind takes many": {
			node: st.MakeNode().Name("n").Annotation(batchmeta.Tenant, "other").Obj(), pods: []*corev1.Pod{podOf("other")}, want: true, room: 10,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := framework.NewNodeInfo(tc.pods...)
			info.SetNode(tc.node)
			status := (&SoleTenant{}).Filter(context.Background(), nil, podOf("mine"), info)
			if status.IsSuccess() != tc.want || !tc.want && status.Code() != framework.UnschedulableAndUnresolvable {
				t.Errorf("status %v", status)
			}
			if got := Room(info, 10); got != tc.room {
				t.Errorf("room for %d pods, want %d", got, tc.room)
			}
		})
	}
}

// claimant is a plugin whose informer saw a node, and an API server that may have another version of it.
func claimant(t *testing.T, seen, is *corev1.Node) (*SoleTenant, *fake.Clientset) {
	t.Helper()
	client := fake.NewClientset(is)
	nodes := informers.NewSharedInformerFactory(fake.NewClientset(), 0).Core().V1().Nodes()
	if err := nodes.Informer().GetStore().Add(seen); err != nil {
		t.Fatal(err)
	}
	isRead := false // of the API server
	client.PrependReactor("get", "nodes", func(clienttesting.Action) (bool, runtime.Object, error) {
		isRead = true
		return false, nil, nil
	})
	// The fake API server does not compare versions.
	client.PrependReactor("patch", "nodes", func(clienttesting.Action) (bool, runtime.Object, error) {
		if seen.ResourceVersion == is.ResourceVersion || isRead {
			return false, nil, nil
		}
		return true, nil, apierrors.NewConflict(corev1.Resource("nodes"), "n", errors.New("it changed"))
	})
	return &SoleTenant{client: client, nodes: nodes.Lister()}, client
}

func versioned(node *corev1.Node, version string) *corev1.Node {
	node.ResourceVersion = version
	return node
}

func TestClaim(t *testing.T) {
	t.Parallel()
	plain := st.MakeNode().Name("n").Obj()
	cases := map[string]struct {
		seen, is  *corev1.Node
		want      string // the tenant afterwards
		wantError bool
		wantCalls int
	}{
		"a free node is claimed":                         {seen: nodeOf(""), is: nodeOf(""), want: "mine", wantCalls: 1},
		"a claim is not made twice":                      {seen: nodeOf("mine"), is: nodeOf("mine"), want: "mine"},
		"another's claim stands":                         {seen: nodeOf("other"), is: nodeOf("other"), want: "other", wantError: true},
		"a node that changed is looked at again":         {seen: nodeOf(""), is: versioned(nodeOf(""), "2"), want: "mine", wantCalls: 3},
		"a claim that was not seen stands":               {seen: nodeOf(""), is: versioned(nodeOf("other"), "2"), want: "other", wantError: true, wantCalls: 2},
		"a node of another kind costs nothing":           {seen: plain, is: plain},
		"the own claim of a Binding that failed is good": {seen: nodeOf(""), is: versioned(nodeOf("mine"), "2"), want: "mine", wantCalls: 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := claimant(t, tc.seen, tc.is)
			status := s.PreBind(context.Background(), nil, podOf("mine"), "n")
			if status.IsSuccess() == tc.wantError {
				t.Errorf("status %v", status)
			}
			if n := len(client.Actions()); n != tc.wantCalls {
				t.Errorf("%d calls, want %d", n, tc.wantCalls)
			}
			node, err := client.CoreV1().Nodes().Get(context.Background(), "n", metav1.GetOptions{})
			if err != nil || node.Annotations[batchmeta.Tenant] != tc.want {
				t.Errorf("tenant %q, %v; want %q", node.Annotations[batchmeta.Tenant], err, tc.want)
			}
		})
	}
}

func TestANodeThatIsGoneCannotBeClaimed(t *testing.T) {
	t.Parallel()
	s, client := claimant(t, nodeOf(""), nodeOf(""))
	if status := s.PreBind(context.Background(), nil, podOf("mine"), "other"); status.Code() != framework.Error {
		t.Errorf("status %v", status)
	}
	if n := len(client.Actions()); n > 0 {
		t.Errorf("%d calls", n)
	}
}
