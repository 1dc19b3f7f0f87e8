// SPDX-License-Identifier: Apache-2.0

package gang

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Key names a gang.
type Key struct {
	Namespace, Name string
	PodGroup        bool // a PodGroup says what the gang is; else its members' annotations do
}

// String returns the key as namespace/name, or podgroup/namespace/name.
func (k Key) String() string {
	return batchmeta.GangName(k.Namespace, k.Name, k.PodGroup)
}

// KeyNamed returns the key that String says.
func KeyNamed(name string) Key {
	group, isGroup := strings.CutPrefix(name, "podgroup/")
	if isGroup && strings.Contains(group, "/") {
		name = group
	} else {
		isGroup = false
	}
	namespace, name, _ := strings.Cut(name, "/")
	return Key{Namespace: namespace, Name: name, PodGroup: isGroup}
}

// Reason words why something happened to the gang, for its members' owners to read.
func (k Key) Reason(format string, args ...any) string {
	kind := "gang "
	if k.PodGroup {
		kind = "PodGroup "
	}
	return kind + k.Name + ": " + fmt.Sprintf(format, args...)
}

// KeyOf returns the gang that pod belongs to; false when it belongs to none and so is a gang of one. The label of a gang
// goes before that of a PodGroup.
func KeyOf(pod *corev1.Pod) (Key, bool) {
	if name, ok := pod.Labels[batchmeta.Gang]; ok {
		return Key{Namespace: pod.Namespace, Name: name}, true
	}
	name := pod.Labels[batchmeta.PodGroup]
	return Key{Namespace: pod.Namespace, Name: name, PodGroup: name != ""}, name != ""
}

// Spec is what a gang's members ask for in their annotations.
type Spec struct {
	Size int // how many members the gang has
	Min  int // how many of them must start together. Invariant: 1 <= Min <= Size.

	RequiredTopology  string // the node label under one value of which all members must be; empty for none
	PreferredTopology string // the node label of which the gang is to span as few values as can be; empty for none

	OnLoss Loss // what becomes of the gang when it loses a member
	// Patience bounds how long the gang's members may take to reach their planned nodes; 0 for the default.
	Patience time.Duration
}

// Loss is what becomes of a gang that started and then lost members.
type Loss string

// The gang is left alone, goes back whole at once, or goes back whole when nobody replaced the members in time.
const (
	LossIgnored  Loss = ""
	LossRestarts Loss = batchmeta.MemberLossRestart
	LossReplaced Loss = batchmeta.MemberLossReplace
)

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
	spec := Spec{Size: size, Min: least}
	if err := spec.setOptions(pod.Annotations); err != nil {
		return Spec{}, err
	}
	return spec, nil
}

// setOptions reads what a pod and a PodGroup may both say of their gang.
func (s *Spec) setOptions(annotations map[string]string) error {
	s.RequiredTopology = annotations[batchmeta.GangTopologyRequired]
	s.PreferredTopology = annotations[batchmeta.GangTopologyPreferred]
	s.OnLoss = Loss(annotations[batchmeta.GangOnMemberLoss])
	switch s.OnLoss {
	case LossIgnored, LossRestarts, LossReplaced:
		return nil
	}
	return fmt.Errorf("annotation %s: %.20q is neither %s nor %s",
		batchmeta.GangOnMemberLoss, s.OnLoss, LossRestarts, LossReplaced)
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
