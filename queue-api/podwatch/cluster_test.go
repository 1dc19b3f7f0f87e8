// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// mainPod is the pod of a main node.
func mainPod(hostNetwork bool, ips ...string) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "p1", Namespace: "jobs", UID: "u1", Labels: map[string]string{batchmeta.JobID: "j", batchmeta.Gang: gangName},
		},
		Spec: corev1.PodSpec{NodeName: "n", HostNetwork: hostNetwork},
	}
	for i, ip := range ips {
		if i == 0 {
			pod.Status.PodIP = ip
		}
		pod.Status.PodIPs = append(pod.Status.PodIPs, corev1.PodIP{IP: ip})
	}
	return pod
}

func TestAnnounce(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		pod  *corev1.Pod
		want string // empty if it is not known yet
	}{
		"a pod's own address":                      {mainPod(false, "10.1.0.7"), "10.1.0.7"},
		"the IPv4 one of two":                      {mainPod(false, "fd00::7", "10.1.0.7"), "10.1.0.7"},
		"a cluster without IPv4":                   {mainPod(false, "fd00::7"), "fd00::7"},
		"not known yet":                            {mainPod(false), ""},
		"on the host's network the host's address": {mainPod(true), "192.168.0.2"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := fake.NewClientset()
			c, err := NewCluster(client.CoreV1(), client.CoreV1().RESTClient())
			if err != nil {
				t.Fatal(err)
			}
			err = c.nodes.GetStore().Add(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Status: corev1.NodeStatus{
				Addresses: []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: "n"}, {Type: corev1.NodeInternalIP, Address: "192.168.0.2"}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // a repeat is harmless
				done, err := c.Announce(t.Context(), tc.pod)
				if err != nil || done != (tc.want != "") {
					t.Fatalf("done %v, error %v", done, err)
				}
			}
			list, err := client.CoreV1().ConfigMaps("jobs").List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if tc.want == "" {
				if len(list.Items) != 0 {
					t.Errorf("announced %v", list.Items)
				}
				return
			}
			got := list.Items[0]
			if diff := cmp.Diff(map[string]string{"address": tc.want}, got.Data); diff != "" || got.Name != gangName {
				t.Errorf("%s mismatch (-want +got):\n%s", got.Name, diff)
			}
			owner := []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "p1", UID: "u1"}}
			if diff := cmp.Diff(owner, got.OwnerReferences); diff != "" {
				t.Errorf("owner mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNudgeChangesThePod(t *testing.T) {
	t.Parallel()
	pod := mainPod(false)
	client := fake.NewClientset(pod)
	c, err := NewCluster(client.CoreV1(), client.CoreV1().RESTClient())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Nudge(t.Context(), pod, began); err != nil {
		t.Fatal(err)
	}
	got, err := client.CoreV1().Pods(pod.Namespace).Get(t.Context(), pod.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if at, err := time.Parse(time.RFC3339Nano, got.Annotations[batchmeta.Nudged]); err != nil || !at.Equal(began) {
		t.Errorf("annotations %v (%v)", got.Annotations, err)
	}
	gone := mainPod(false)
	gone.Name = "gone"
	if err := c.Nudge(t.Context(), gone, began); err != nil {
		t.Errorf("a pod that is gone: %v", err)
	}
}

// TestReleaseLeavesAPodOfTheSameNameAlone: what was withdrawn is made again under its name, and the cache may not know yet.
func TestReleaseLeavesAPodOfTheSameNameAlone(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset()
	var refused error
	client.PrependReactor("patch", "pods", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, refused })
	c, err := NewCluster(client.CoreV1(), client.CoreV1().RESTClient())
	if err != nil {
		t.Fatal(err)
	}
	pod := mainPod(false)
	pod.Finalizers = []string{batchmeta.Tracking}
	kind := schema.GroupKind{Kind: "Pod"}
	for name, wantErr := range map[string]bool{"uid": false, "labels": true} {
		refused = apierrors.NewInvalid(kind, pod.Name, field.ErrorList{field.Invalid(field.NewPath("metadata", name), "x", "field is immutable")})
		if err := c.Release(t.Context(), pod); (err != nil) != wantErr {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

func TestCacheKeepsOnlyWhatIsRead(t *testing.T) {
	t.Parallel()
	pod := mainPod(true, "10.1.0.7")
	pod.Annotations = map[string]string{batchmeta.Job: "{…}", batchmeta.NonEssential: "log"}
	pod.Spec.Containers = []corev1.Container{{Name: "default"}}
	pod.ManagedFields = []metav1.ManagedFieldsEntry{{}}
	got, err := trimPod(pod)
	if err != nil {
		t.Fatal(err)
	}
	want := mainPod(true, "10.1.0.7")
	want.Annotations = map[string]string{batchmeta.NonEssential: "log"}
	if isGang(want) {
		want.Annotations[requestsKept] = "0 0 0"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pod mismatch (-want +got):\n%s", diff)
	}
}

func TestPodsAreFoundByTheirChild(t *testing.T) {
	t.Parallel()
	c, err := NewCluster(fake.NewClientset().CoreV1(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, labels := range []map[string]string{
		{batchmeta.JobID: "a", batchmeta.ArrayIndex: "1"}, {batchmeta.JobID: "a", batchmeta.ArrayIndex: "12"}, {batchmeta.JobID: "b"},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: string(rune('p' + i)), Namespace: "jobs", Labels: labels}}
		if err := c.pods.GetIndexer().Add(pod); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]int{"a": 0, "a:1": 1, "a:12": 1, "a:2": 0, "b": 1} {
		if got := len(c.OfJob(id)); got != want {
			t.Errorf("%s: %d pods, want %d", id, got, want)
		}
	}
}

func TestHasOutdatedNodes(t *testing.T) {
	t.Parallel()
	node := func(name, environment, generation string) *corev1.Node {
		labels := map[string]string{batchmeta.ComputeEnvironmentUUID: environment, batchmeta.Generation: generation}
		if generation == "" {
			delete(labels, batchmeta.Generation) // an admin's
		}
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	}
	c, err := NewCluster(fake.NewClientset(node("a", "u", "2"), node("b", "u", "3"), node("c", "other", "1"), node("d", "u", "")).CoreV1(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for generation, want := range map[int]bool{1: false, 2: false, 3: true, 10: true} {
		if got, err := c.HasOutdatedNodes(t.Context(), "u", generation); got != want || err != nil {
			t.Errorf("HasOutdatedNodes of generation %d = %v, %v", generation, got, err)
		}
	}
}
