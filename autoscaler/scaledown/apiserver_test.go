// SPDX-License-Identifier: Apache-2.0

package scaledown

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/autoscaler/cluster-autoscaler/utils/taints"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const (
	apiLatency = 300 * time.Millisecond // of a request, each way
	cacheLag   = 10 * time.Second       // how old what a watch cache answers may be
)

// apiServer remembers when nodes were tainted and pods were bound, so that it can tell what a lagging watcher sees of that. It
// answers as Kubernetes' does: without a resource version by the present, else by a cache.
type apiServer struct {
	typedcorev1.CoreV1Interface
	upTo    func(time.Duration) time.Duration
	isStale bool // the present, too, is answered by a cache

	mu    sync.Mutex // guards all below
	nodes map[string]*nodeRecord
}

type nodeRecord struct {
	object *corev1.Node
	taints []change
	pods   map[string]time.Time // since when they are bound
}

// change is of a node's taint.
type change struct {
	at time.Time
	on bool
}

func newAPIServer(upTo func(time.Duration) time.Duration, isStale bool) *apiServer {
	return &apiServer{upTo: upTo, isStale: isStale, nodes: map[string]*nodeRecord{}}
}

// node is a copy of the node without its taints; nil if there is none.
func (s *apiServer) node(name string) *corev1.Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.nodes[name]; r != nil {
		return r.object.DeepCopy()
	}
	return nil
}

func (s *apiServer) register(i fleet.Instance) *corev1.Node {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: i.ID, UID: types.UID(i.ID), Labels: map[string]string{batchmeta.NodeGroup: i.NodeGroup}},
		Spec:       corev1.NodeSpec{ProviderID: i.ProviderID},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes[i.ID] = &nodeRecord{object: n, pods: map[string]time.Time{}}
	return n
}

func (s *apiServer) delete(node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.nodes, node)
}

// bindings counts the pods that are bound to nodes.
func (s *apiServer) bindings() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.nodes {
		n += len(r.pods)
	}
	return n
}

// bind succeeds whatever has become of the node, as in Kubernetes.
func (s *apiServer) bind(pod, node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes[node].pods[pod] = time.Now()
}

func (s *apiServer) taint(node string, on bool) {
	time.Sleep(s.upTo(apiLatency))
	s.mu.Lock()
	s.nodes[node].taints = append(s.nodes[node].taints, change{time.Now(), on})
	s.mu.Unlock()
	time.Sleep(s.upTo(apiLatency))
}

// isTainted is what a watcher that lags behind sees.
func (s *apiServer) isTainted(node string, lag time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	on := false
	for _, c := range s.nodes[node].taints {
		if !c.at.After(time.Now().Add(-lag)) {
			on = c.on
		}
	}
	return on
}

// isBusy is what a watcher that lags behind sees.
func (s *apiServer) isBusy(node string, lag time.Duration) bool {
	return len(s.podsOn(node, lag)) > 0
}

func (s *apiServer) podsOn(node string, lag time.Duration) []corev1.Pod {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []corev1.Pod
	for name, since := range s.nodes[node].pods {
		if !since.After(time.Now().Add(-lag)) {
			out = append(out, corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Namespace: "jobs", Name: name, Labels: map[string]string{batchmeta.JobID: name}},
				Spec:       corev1.PodSpec{NodeName: node},
			})
		}
	}
	return out
}

// lag is how old an answer may be.
func (s *apiServer) lag(resourceVersion string) time.Duration {
	if resourceVersion == "" && !s.isStale {
		return 0
	}
	return s.upTo(cacheLag)
}

// Pods implements typedcorev1.CoreV1Interface.
func (s *apiServer) Pods(string) typedcorev1.PodInterface { return &podsClient{server: s} }

// Nodes implements typedcorev1.CoreV1Interface.
func (s *apiServer) Nodes() typedcorev1.NodeInterface { return &nodesClient{server: s} }

// podsClient lists the pods of one node.
type podsClient struct {
	typedcorev1.PodInterface
	server *apiServer
}

func (c *podsClient) List(_ context.Context, o metav1.ListOptions) (*corev1.PodList, error) {
	selector, err := fields.ParseSelector(o.FieldSelector)
	if err != nil {
		return nil, err
	}
	node, _ := selector.RequiresExactMatch("spec.nodeName")
	time.Sleep(c.server.upTo(apiLatency))
	list := &corev1.PodList{Items: c.server.podsOn(node, c.server.lag(o.ResourceVersion))}
	time.Sleep(c.server.upTo(apiLatency))
	return list, nil
}

// nodesClient gets and deletes nodes. What is bound to a deleted one stays so.
type nodesClient struct {
	typedcorev1.NodeInterface
	server *apiServer
}

func (c *nodesClient) Get(_ context.Context, name string, o metav1.GetOptions) (*corev1.Node, error) {
	time.Sleep(c.server.upTo(apiLatency))
	node := c.server.node(name)
	if node == nil {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "nodes"}, name)
	}
	if c.server.isTainted(name, c.server.lag(o.ResourceVersion)) {
		node.Spec.Taints = []corev1.Taint{{Key: taints.ToBeDeletedTaint, Effect: corev1.TaintEffectNoSchedule}}
	}
	time.Sleep(c.server.upTo(apiLatency))
	return node, nil
}

func (c *nodesClient) Delete(context.Context, string, metav1.DeleteOptions) error { return nil }
