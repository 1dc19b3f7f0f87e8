// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/cache"
)

// nodeless holds pods back while the cluster has no node at all.
//
// kube-scheduler ends such a pod's attempt before any plugin is asked (ErrNoNodesAvailable) and, as no plugin rejected it,
// retries with a growing backoff that a new node does not cut short. A pod is let through once, so that it is marked
// unschedulable and the autoscaler sees it; when it comes back it is held until the node event wakes it.
type nodeless struct {
	nodes cache.Indexer

	mu    sync.Mutex
	tried sets.Set[types.UID] // guarded by mu; pods let through since the cluster last had a node
}

// anyIndex has one value, under which all nodes are: whether there is any node is asked for every pod, and neither the
// store nor the lister can tell without listing them all.
const anyIndex = Name + "/any"

func newNodeless(informer cache.SharedIndexInformer) (*nodeless, error) {
	if _, ok := informer.GetIndexer().GetIndexers()[anyIndex]; !ok { // another profile may have added it
		one := func(any) ([]string, error) { return []string{"node"}, nil }
		if err := informer.AddIndexers(cache.Indexers{anyIndex: one}); err != nil {
			return nil, fmt.Errorf("index nodes: %w", err)
		}
	}
	return &nodeless{nodes: informer.GetIndexer(), tried: sets.New[types.UID]()}, nil
}

// admit reports whether an attempt to schedule the pod makes sense.
func (n *nodeless) admit(uid types.UID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.nodes.ListIndexFuncValues(anyIndex)) > 0 {
		if n.tried.Len() > 0 {
			n.tried = sets.New[types.UID]()
		}
		return true
	}
	if n.tried.Has(uid) {
		return false
	}
	n.tried.Insert(uid)
	return true
}

// forget drops a pod that is gone.
func (n *nodeless) forget(uid types.UID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tried.Delete(uid)
}
