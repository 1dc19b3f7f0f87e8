// SPDX-License-Identifier: Apache-2.0

package virtual

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// client is a leader's connection to the API server. Requests take time, events come late, and a dead leader's requests
// fail. Of all resources but pods and nodes there are none.
type client struct {
	kubernetes.Interface
	c *Cluster
	l *Leader
}

// CoreV1 returns the clients of pods and nodes.
func (k *client) CoreV1() typedcorev1.CoreV1Interface {
	return &coreClient{CoreV1Interface: k.Interface.CoreV1(), client: k}
}

type coreClient struct {
	typedcorev1.CoreV1Interface
	client *client
}

// Pods returns the client of pods. There is one namespace.
func (k *coreClient) Pods(namespace string) typedcorev1.PodInterface {
	return &podClient{PodInterface: k.CoreV1Interface.Pods(namespace), client: k.client}
}

// Nodes returns the client of nodes.
func (k *coreClient) Nodes() typedcorev1.NodeInterface {
	return &nodeClient{NodeInterface: k.CoreV1Interface.Nodes(), client: k.client}
}

// errDead is what a dead leader's requests come to.
var errDead = errors.New("connection refused")

// travel takes the time of one way, at most limit, and fails if the leader is dead by then.
func (k *client) travel(limit time.Duration, words ...any) error {
	time.Sleep(k.c.chance.upTo(limit, append(words, k.l.term)...))
	if k.l.isDead() {
		return errDead
	}
	return nil
}

// spell is for how long the events of a resource are equally late.
const spell = 7 * time.Second

// lag returns how late the events of a resource come to this leader now.
func (k *client) lag(resource string) func() time.Duration {
	return func() time.Duration {
		return k.c.chance.upTo(k.c.config.Lag, resource, k.l.term, time.Since(k.c.began)/spell)
	}
}

type nodeClient struct {
	typedcorev1.NodeInterface
	client *client
}

// List returns all nodes.
func (k *nodeClient) List(context.Context, metav1.ListOptions) (*corev1.NodeList, error) {
	nodes, version := k.client.c.nodes.list()
	list := &corev1.NodeList{ListMeta: metav1.ListMeta{ResourceVersion: version}}
	for _, node := range nodes {
		list.Items = append(list.Items, *node)
	}
	return list, nil
}

// Watch watches all nodes.
func (k *nodeClient) Watch(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
	all := func(*corev1.Node) bool { return true }
	return k.client.c.nodes.watch(options.ResourceVersion, all, k.client.lag("node")), nil
}

type podClient struct {
	typedcorev1.PodInterface
	client *client
}

// Get returns a pod.
func (k *podClient) Get(_ context.Context, name string, _ metav1.GetOptions) (*corev1.Pod, error) {
	if err := k.client.travel(k.client.c.config.Latency/20, "get", name); err != nil {
		return nil, err
	}
	return k.client.c.pods.find(name)
}

// List returns the pods that the selectors match.
func (k *podClient) List(_ context.Context, options metav1.ListOptions) (*corev1.PodList, error) {
	matches, err := podSelector(options)
	if err != nil {
		return nil, err
	}
	pods, version := k.client.c.pods.list()
	list := &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: version}}
	for _, pod := range pods {
		if matches(pod) {
			list.Items = append(list.Items, *pod)
		}
	}
	return list, nil
}

// Watch watches the pods that the selectors match.
func (k *podClient) Watch(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
	matches, err := podSelector(options)
	if err != nil {
		return nil, err
	}
	return k.client.c.pods.watch(options.ResourceVersion, matches, k.client.lag("pod")), nil
}

func podSelector(options metav1.ListOptions) (func(*corev1.Pod) bool, error) {
	byField, err := fields.ParseSelector(options.FieldSelector)
	if err != nil {
		return nil, fmt.Errorf("parse field selector: %w", err)
	}
	byLabel, err := labels.Parse(options.LabelSelector)
	if err != nil {
		return nil, fmt.Errorf("parse label selector: %w", err)
	}
	return func(pod *corev1.Pod) bool {
		set := fields.Set{"status.phase": string(pod.Status.Phase), "spec.nodeName": pod.Spec.NodeName}
		return byField.Matches(set) && byLabel.Matches(labels.Set(pod.Labels))
	}, nil
}

// Patch applies a strategic merge patch to a pod's status.
func (k *podClient) Patch(_ context.Context, name string, kind types.PatchType, patch []byte, _ metav1.PatchOptions, of ...string) (*corev1.Pod, error) {
	if kind != types.StrategicMergePatchType || !slices.Equal(of, []string{"status"}) {
		return nil, fmt.Errorf("a patch of type %s of %q is not supported", kind, of)
	}
	if err := k.client.travel(k.client.c.config.Latency/20, "patch", name); err != nil {
		return nil, err
	}
	return k.client.c.pods.update(name, func(pod *corev1.Pod) error {
		before, err := json.Marshal(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: pod.UID}, Status: pod.Status})
		if err != nil {
			return fmt.Errorf("encode pod: %w", err)
		}
		after, err := strategicpatch.StrategicMergePatch(before, patch, pod)
		if err != nil {
			return fmt.Errorf("patch pod: %w", err)
		}
		var patched corev1.Pod
		if err := json.Unmarshal(after, &patched); err != nil {
			return fmt.Errorf("decode pod: %w", err)
		}
		if patched.UID != pod.UID {
			return k.client.c.conflict(pod, "the UID in the patch is %s", patched.UID)
		}
		pod.Status = patched.Status
		return nil
	})
}

// UpdateStatus replaces a pod's status.
func (k *podClient) UpdateStatus(_ context.Context, update *corev1.Pod, _ metav1.UpdateOptions) (*corev1.Pod, error) {
	if err := k.client.travel(k.client.c.config.Latency/20, "update", update.Name); err != nil {
		return nil, err
	}
	return k.client.c.pods.update(update.Name, func(pod *corev1.Pod) error {
		if update.ResourceVersion != "" && update.ResourceVersion != pod.ResourceVersion {
			return k.client.c.conflict(pod, "the object has been modified")
		}
		update.Status.DeepCopyInto(&pod.Status)
		return nil
	})
}

// Delete deletes a pod.
func (k *podClient) Delete(_ context.Context, name string, options metav1.DeleteOptions) error {
	if err := k.client.travel(k.client.c.config.Latency/20, "delete", name); err != nil {
		return err
	}
	pod, err := k.client.c.pods.find(name)
	if err != nil {
		return err
	}
	if p := options.Preconditions; p != nil {
		if (p.UID != nil && *p.UID != pod.UID) || (p.ResourceVersion != nil && *p.ResourceVersion != pod.ResourceVersion) {
			return k.client.c.conflict(pod, "the precondition does not hold")
		}
	}
	k.client.c.Delete(name)
	return nil
}

// Bind binds a pod, unless it is refused. The leader may die before the Binding takes effect or before it hears of that.
func (k *podClient) Bind(_ context.Context, binding *corev1.Binding, _ metav1.CreateOptions) error {
	c, l := k.client.c, k.client.l
	if l.isDead() {
		return errDead
	}
	nth := c.countBind(binding.Name)
	fault := None
	if c.config.BindFault != nil {
		fault = c.config.BindFault(binding.Name, nth)
	}
	l.tap.pass(AtBind)
	isSent := c.chance.of("sent", binding.Name, nth).IntN(2) == 0
	if err := k.client.travel(c.config.Latency, "bind", binding.Name, nth); err != nil && !isSent {
		return err
	}
	if fault == Refused {
		c.countFault()
		return fmt.Errorf("bind pod %s: the API server is unwell", binding.Name)
	}
	if fault == Unanswered || l.isDead() {
		c.doubt(binding.Target.Name)
	}
	if err := c.bind(binding); err != nil {
		return err
	}
	l.tap.pass(AfterBind)
	if err := k.client.travel(c.config.Latency, "bound", binding.Name, nth); err != nil {
		return err
	}
	if fault == Unanswered {
		c.countFault()
		return fmt.Errorf("bind pod %s: no answer in time", binding.Name)
	}
	return nil
}

// countBind returns how many tries to bind the pod there were, this one included.
func (c *Cluster) countBind(pod string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.binds[pod]++
	return c.binds[pod]
}

func (c *Cluster) countFault() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults++
}
