// SPDX-License-Identifier: Apache-2.0

package gang_test

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// member returns the pod name of gang g, with the given size and min as written; an empty string leaves one out.
func member(name, size, least string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ns", Name: name, UID: types.UID(name),
		Labels:      map[string]string{batchmeta.Gang: "g"},
		Annotations: map[string]string{},
	}}
	if size != "" {
		pod.Annotations[batchmeta.GangSize] = size
	}
	if least != "" {
		pod.Annotations[batchmeta.GangMin] = least
	}
	return pod
}

// members returns n members m0, m1, … of a gang of that size.
func members(n, size int) []*corev1.Pod {
	pods := make([]*corev1.Pod, n)
	for i := range pods {
		pods[i] = member("m"+strconv.Itoa(i), strconv.Itoa(size), "")
	}
	return pods
}

// on returns a copy of pod that is bound.
func on(pod *corev1.Pod, node string) *corev1.Pod {
	pod = pod.DeepCopy()
	pod.Spec.NodeName = node
	return pod
}

func observe(l *gang.Ledger, pods ...*corev1.Pod) {
	for _, pod := range pods {
		l.Observe(pod)
	}
}

// seatAll is a Seat that finds each member a node of its own.
func seatAll(pod *corev1.Pod) (string, string, error) { return "node-of-" + pod.Name, "", nil }

// seatOnly is a Seat that has room for the named members.
func seatOnly(names ...string) gang.Seat {
	return func(pod *corev1.Pod) (string, string, error) {
		if slices.Contains(names, pod.Name) {
			return "node-of-" + pod.Name, "", nil
		}
		return "", "no room", nil
	}
}

func names(pods []*corev1.Pod) []string {
	var all []string
	for _, pod := range pods {
		all = append(all, pod.Name)
	}
	slices.Sort(all)
	return all
}

func sorted(uids []types.UID) []string {
	var all []string
	for _, uid := range uids {
		all = append(all, string(uid))
	}
	slices.Sort(all)
	return all
}
