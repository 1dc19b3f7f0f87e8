// SPDX-License-Identifier: Apache-2.0

package gang

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Key names a gang.
type Key struct{ Namespace, Name string }

// String returns the key as namespace/name.
func (k Key) String() string { return k.Namespace + "/" + k.Name }

// Reason words why something happened to the gang, for its members' owners to read.
func (k Key) Reason(format string, args ...any) string {
	return "gang " + k.Name + ": " + fmt.Sprintf(format, args...)
}

// KeyOf returns the gang that pod belongs to; false when it belongs to none and so is a gang of one.
func KeyOf(pod *corev1.Pod) (Key, bool) {
	name, ok := pod.Labels[batchmeta.Gang]
	return Key{Namespace: pod.Namespace, Name: name}, ok
}

// Spec is what a gang's members ask for in their annotations.
type Spec struct {
	Size int // how many members the gang has
	Min  int // how many of them must start together. Invariant: 1 <= Min <= Size.

	RequiredTopology  string // the node label under one value of which all members must be; empty for none
	PreferredTopology string // the node label of which the gang is to span as few values as can be; empty for none
	Replace           bool   // a lost member is replaced alone; else the gang is restarted as a whole
}

// SpecOf reads the spec from a member's annotations. The error says in a user's words which one is wrong.
func SpecOf(pod *corev1.Pod) (Spec, error) {
	if pod.Labels[batchmeta.Gang] == "" {
		return Spec{}, fmt.Errorf("label %s is empty", batchmeta.Gang)
	}
	size, ok, err := count(pod, batchmeta.GangSize)
	if err != nil {
		return Spec{}, err
	}
	if !ok {
		return Spec{}, fmt.Errorf("annotation %s is missing", batchmeta.GangSize)
	}
	least, ok, err := count(pod, batchmeta.GangMin)
	if err != nil {
		return Spec{}, err
	}
	if !ok {
		least = size
	}
	if least > size {
		return Spec{}, fmt.Errorf("annotation %s: %d is more than the size, %d", batchmeta.GangMin, least, size)
	}
	spec := Spec{
		Size: size, Min: least,
		RequiredTopology:  pod.Annotations[batchmeta.GangTopologyRequired],
		PreferredTopology: pod.Annotations[batchmeta.GangTopologyPreferred],
	}
	switch onLoss := pod.Annotations[batchmeta.GangOnMemberLoss]; onLoss {
	case "", batchmeta.MemberLossRestart:
	case batchmeta.MemberLossReplace:
		spec.Replace = true
	default:
		return Spec{}, fmt.Errorf("annotation %s: %.20q is neither %s nor %s",
			batchmeta.GangOnMemberLoss, onLoss, batchmeta.MemberLossRestart, batchmeta.MemberLossReplace)
	}
	return spec, nil
}

// count reads a whole number above 0 from an annotation; false when there is no such annotation.
func count(pod *corev1.Pod, key string) (int, bool, error) {
	text, ok := pod.Annotations[key]
	if !ok {
		return 0, false, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return 0, false, fmt.Errorf("annotation %s: %.20q is not a whole number above 0", key, text)
	}
	return int(n), true, nil
}
