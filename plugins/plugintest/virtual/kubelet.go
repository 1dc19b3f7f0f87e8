// SPDX-License-Identifier: Apache-2.0

package virtual

import (
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	resourcehelper "k8s.io/component-helpers/resource"
)

// The most that kubelets and the collector of pods without a node take to act.
const (
	terminationTime = 3 * time.Second
	collectionTime  = 40 * time.Second
)

// doubtTime is how long after a Binding in doubt its node may be given too much: until the event has come, and all who were
// placed before that have been bound.
const doubtTime = time.Minute

// Bind binds a pod behind the leader's back.
func (c *Cluster) Bind(pod, node string) error {
	return c.bind(&corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: pod}, Target: corev1.ObjectReference{Name: node}})
}

// bind is what the API server and then the kubelet do with a Binding.
func (c *Cluster) bind(binding *corev1.Binding) error {
	pod, err := c.pods.update(binding.Name, func(pod *corev1.Pod) error {
		switch {
		case binding.UID != "" && binding.UID != pod.UID:
			return c.conflict(pod, "the UID in the precondition (%s) does not match the UID in record (%s)", binding.UID, pod.UID)
		case pod.DeletionTimestamp != nil:
			return c.conflict(pod, "pod %s is being deleted, cannot be assigned to a host", pod.Name)
		case pod.Spec.NodeName != "":
			return c.conflict(pod, "pod %s is already assigned to node %q", pod.Name, pod.Spec.NodeName)
		}
		pod.Spec.NodeName = binding.Target.Name
		if pod.Annotations == nil {
			pod.Annotations = map[string]string{}
		}
		maps.Copy(pod.Annotations, binding.Annotations)
		setCondition(pod, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()})
		return nil
	})
	if err == nil {
		c.admit(pod)
	}
	return err
}

func (c *Cluster) conflict(pod *corev1.Pod, format string, args ...any) error {
	return apierrors.NewConflict(c.pods.resource, pod.Name, fmt.Errorf(format, args...))
}

func setCondition(pod *corev1.Pod, condition corev1.PodCondition) {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == condition.Type {
			pod.Status.Conditions[i] = condition
			return
		}
	}
	pod.Status.Conditions = append(pod.Status.Conditions, condition)
}

// admit is what becomes of a pod that was bound: the kubelet refuses it if the node is full, and without a node it is
// collected.
func (c *Cluster) admit(pod *corev1.Pod) {
	node, ok := c.nodes.get(pod.Spec.NodeName)
	if !ok {
		c.collect(pod)
		return
	}
	if !c.isOverfull(node) {
		return
	}
	c.blame(pod, node)
	time.AfterFunc(100*time.Millisecond, func() { c.Finish(pod.Name, corev1.PodFailed, "OutOfcpu") })
}

// isOverfull reports whether the pods on the node ask for more than it has.
func (c *Cluster) isOverfull(node *corev1.Node) bool {
	free := c.Free(node)
	for _, quantity := range free {
		if quantity < 0 {
			return true
		}
	}
	return false
}

// Free returns what of a node no pod on it asks for, in thousandths.
func (c *Cluster) Free(node *corev1.Node) map[corev1.ResourceName]int64 {
	free := map[corev1.ResourceName]int64{}
	for name, quantity := range node.Status.Allocatable {
		free[name] = quantity.MilliValue()
	}
	for _, pod := range c.Pods() {
		if pod.Spec.NodeName != node.Name || isFinished(pod) {
			continue
		}
		for name, quantity := range resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{}) {
			free[name] -= quantity.MilliValue()
		}
		free[corev1.ResourcePods] -= 1000
	}
	return free
}

func isFinished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// blame notes a node that is overfull, unless some Binding to it was such that no leader could tell whether it took effect.
func (c *Cluster) blame(pod *corev1.Pod, node *corev1.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.doubted[node.Name]; !ok || time.Since(at) > doubtTime {
		c.overfull = append(c.overfull, fmt.Sprintf("%s, by %s", node.Name, pod.Name))
	}
}

// doubt notes that no leader can tell whether a Binding to the node took effect, until it has seen the event.
func (c *Cluster) doubt(node string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doubted[node] = time.Now()
}

// Finish ends a pod; there may be none.
func (c *Cluster) Finish(name string, phase corev1.PodPhase, reason string) {
	_, _ = c.pods.update(name, func(pod *corev1.Pod) error {
		pod.Status.Phase, pod.Status.Reason = phase, reason
		return nil
	})
}

// Delete deletes a pod: at once when it was never bound or has finished, else once its kubelet has ended it. There may be
// none. One with a finalizer stays until that is gone.
func (c *Cluster) Delete(name string) { c.delete(name, false) }

func (c *Cluster) delete(name string, force bool) {
	pod, err := c.pods.update(name, func(pod *corev1.Pod) error {
		if pod.DeletionTimestamp == nil {
			pod.DeletionTimestamp = new(metav1.Now())
		}
		if force {
			pod.DeletionGracePeriodSeconds = new(int64(0))
		}
		return nil
	})
	switch {
	case err != nil: // it is gone
	case force || pod.Spec.NodeName == "" || isFinished(pod):
		c.letGo(name)
	default:
		time.AfterFunc(c.chance.upTo(terminationTime, "end", name), func() {
			if _, ok := c.nodes.get(pod.Spec.NodeName); ok {
				c.conclude(pod, "", nil)
			}
		})
	}
}

// conclude is the end of a pod that is being deleted: its containers are gone. There may be another of its name by then.
func (c *Cluster) conclude(pod *corev1.Pod, reason string, why *corev1.PodCondition) {
	if now, ok := c.pods.get(pod.Name); !ok || now.UID != pod.UID {
		return
	}
	if len(pod.Finalizers) > 0 {
		_, _ = c.pods.update(pod.Name, func(pod *corev1.Pod) error {
			if pod.DeletionTimestamp == nil {
				pod.DeletionTimestamp = new(metav1.Now())
			}
			pod.DeletionGracePeriodSeconds = new(int64(0))
			if !isFinished(pod) {
				pod.Status.Phase, pod.Status.Reason = corev1.PodFailed, reason
				if why != nil {
					setCondition(pod, *why)
				}
				terminate(pod)
			}
			return nil
		})
		c.letGo(pod.Name)
		return
	}
	c.pods.remove(pod.Name)
}

// terminate ends the containers that run, by a signal.
func terminate(pod *corev1.Pod) {
	for i := range pod.Status.ContainerStatuses {
		s := &pod.Status.ContainerStatuses[i]
		if r := s.State.Running; r != nil {
			s.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				ExitCode: 143, Reason: "Error", StartedAt: r.StartedAt, FinishedAt: metav1.Now(), ContainerID: s.ContainerID,
			}}
		}
	}
}

// letGo removes a pod that is being deleted, if nothing keeps it any more.
func (c *Cluster) letGo(name string) {
	pod, ok := c.pods.get(name)
	if !ok || pod.DeletionTimestamp == nil || len(pod.Finalizers) > 0 {
		return
	}
	isForced := pod.DeletionGracePeriodSeconds != nil && *pod.DeletionGracePeriodSeconds == 0
	if isForced || pod.Spec.NodeName == "" || isFinished(pod) {
		c.pods.remove(name)
	}
}

// Change changes a pod's status, as its kubelet does. There may be none, or another of its name.
func (c *Cluster) Change(pod *corev1.Pod, edit func(*corev1.PodStatus)) {
	_, _ = c.pods.update(pod.Name, func(now *corev1.Pod) error {
		if now.UID != pod.UID {
			return c.conflict(now, "another pod")
		}
		edit(&now.Status)
		return nil
	})
}

// ChangeNode changes a node. There may be none.
func (c *Cluster) ChangeNode(name string, edit func(*corev1.Node)) {
	_, _ = c.nodes.update(name, func(node *corev1.Node) error {
		edit(node)
		return nil
	})
}

// RemoveNode deletes a node. Its pods go with it, or are collected after a while.
func (c *Cluster) RemoveNode(name string, withPods bool) {
	c.nodes.remove(name)
	for _, pod := range c.Pods() {
		switch {
		case pod.Spec.NodeName != name:
		case withPods:
			c.conclude(pod, "NodeLost", nil)
		default:
			c.collect(pod)
		}
	}
}

// collect removes a pod whose node is gone.
func (c *Cluster) collect(pod *corev1.Pod) {
	time.AfterFunc(c.chance.upTo(collectionTime, "collect", pod.Name), func() {
		c.conclude(pod, "", &corev1.PodCondition{
			Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "DeletionByPodGC", LastTransitionTime: metav1.Now(),
		})
	})
}
