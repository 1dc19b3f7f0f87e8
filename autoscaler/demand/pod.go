// SPDX-License-Identifier: Apache-2.0

package demand

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/muster-batch/muster/autoscaler/nodetemplate"
	"github.com/muster-batch/muster/autoscaler/pack"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// isPending reports whether the pod waits for batch-scheduler to place it.
func isPending(p *corev1.Pod) bool {
	return p.Spec.SchedulerName == batchmeta.SchedulerName && p.Spec.NodeName == "" && p.DeletionTimestamp == nil &&
		len(p.Spec.SchedulingGates) == 0 && !IsFinished(p)
}

// IsFinished reports whether nothing of the pod runs any more. Finished pods linger for their logs, or until their outcome
// is stored.
func IsFinished(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// environments are the UUIDs of the environments that the pod's node selector or required node affinity names.
func environments(p *corev1.Pod) []string {
	if uuid := p.Spec.NodeSelector[batchmeta.ComputeEnvironmentUUID]; uuid != "" {
		return []string{uuid}
	}
	a := p.Spec.Affinity
	if a == nil || a.NodeAffinity == nil || a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return nil
	}
	var uuids []string
	for _, term := range a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		for _, e := range term.MatchExpressions {
			if e.Key == batchmeta.ComputeEnvironmentUUID && e.Operator == corev1.NodeSelectorOpIn {
				uuids = append(uuids, e.Values...)
			}
		}
	}
	slices.Sort(uuids)
	return slices.Compact(uuids)
}

// gangOf is the gang that the pod is a member of; empty if none.
func gangOf(p *corev1.Pod) string {
	if name := p.Labels[batchmeta.Gang]; name != "" {
		return batchmeta.GangName(p.Namespace, name, false)
	}
	if name := p.Labels[batchmeta.PodGroup]; name != "" {
		return batchmeta.GangName(p.Namespace, name, true)
	}
	return ""
}

// Request is what the pod takes of a node. complete is false if it asks for something that Vector does not count.
func Request(p *corev1.Pod) (v pack.Vector, complete bool) {
	v.Pods, complete = 1, true
	for name, q := range resourcehelper.PodRequests(p, resourcehelper.PodResourcesOptions{}) {
		switch name { //nolint:exhaustive // the others are no resources of a node
		case corev1.ResourceCPU:
			v.CPUMillis = q.MilliValue()
		case corev1.ResourceMemory:
			v.Memory = q.Value()
		case corev1.ResourceEphemeralStorage:
			v.Disk = q.Value()
		case nodetemplate.GPU:
			v.GPUs = q.Value()
		default:
			complete = complete && q.IsZero()
		}
	}
	return v, complete
}

// mindsNeighbours reports whether where the pod may go depends on more than the node and its free resources.
func mindsNeighbours(p *corev1.Pod) bool {
	s := &p.Spec
	if a := s.Affinity; a != nil && (a.PodAffinity != nil || a.PodAntiAffinity != nil) {
		return true
	}
	if len(s.TopologySpreadConstraints) > 0 || len(s.ResourceClaims) > 0 || namesNodes(s) {
		return true
	}
	for i := range s.Volumes {
		if s.Volumes[i].PersistentVolumeClaim != nil || s.Volumes[i].Ephemeral != nil {
			return true
		}
	}
	for i := range s.Containers {
		if slices.ContainsFunc(s.Containers[i].Ports, func(port corev1.ContainerPort) bool { return port.HostPort != 0 }) {
			return true
		}
	}
	return false
}

// namesNodes reports whether the pod asks for nodes by name, so that nodes which look alike differ to it.
func namesNodes(s *corev1.PodSpec) bool {
	if s.NodeSelector[corev1.LabelHostname] != "" {
		return true
	}
	if s.Affinity == nil || s.Affinity.NodeAffinity == nil || s.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return false
	}
	for _, term := range s.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		byName := func(e corev1.NodeSelectorRequirement) bool { return e.Key == corev1.LabelHostname }
		if len(term.MatchFields) > 0 || slices.ContainsFunc(term.MatchExpressions, byName) {
			return true
		}
	}
	return false
}

// shapeOf is a key that pods share which are alike to placement. Its writer is podspec; for pods of others it is computed.
// The request is part of it in any case, since a label is only what somebody claims.
func shapeOf(p *corev1.Pod, v pack.Vector, alone bool) string {
	shape := p.Labels[batchmeta.Shape]
	if shape == "" {
		shape = hashShape(p)
	}
	key := []string{strings.Join(environments(p), ","), shape, fmt.Sprint(v.CPUMillis, v.Memory, v.Disk, v.GPUs)}
	if alone {
		key = append(key, p.Namespace)
	}
	return strings.Join(key, "/")
}

func hashShape(p *corev1.Pod) string {
	s := &p.Spec
	// Marshalling plain API types cannot fail.
	doc, _ := json.Marshal([]any{s.NodeSelector, s.Affinity, s.Tolerations, s.TopologySpreadConstraints, s.PriorityClassName})
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:8])
}
