// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"

	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/clusters"
	"github.com/muster-batch/muster/queue-api/clusterview"
	"github.com/muster-batch/muster/queue-api/logs"
)

// peers are all clusters as every replica reads them, the leader or not.
type peers struct {
	options  clusterOptions
	home     corev1client.CoreV1Interface
	registry *clusters.Registry // may be nil

	mu    sync.Mutex // guards known
	known map[string]peer
}

// peer is a registered cluster and what speaks to it.
type peer struct {
	registration clusters.Registration
	client       corev1client.CoreV1Interface
}

func newPeers(o options, kube cluster, registered *clusters.Registry) *peers {
	return &peers{options: o.clusterOptions, home: kube.logs, registry: registered, known: map[string]peer{}}
}

// registered are those that can be spoken to.
func (p *peers) registered() []peer {
	if p.registry == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []peer
	for _, r := range p.registry.All() {
		known, ok := p.known[r.Cluster]
		if !ok || !known.registration.Same(&r) {
			client, err := corev1client.NewForConfig(p.options.tuned(r.Config))
			if err != nil {
				klog.Background().Error(err, "Registered cluster cannot be read", "cluster", r.Cluster)
				continue
			}
			known = peer{r, client}
			p.known[r.Cluster] = known
		}
		out = append(out, known)
	}
	return out
}

// kubelets are those of all clusters, by the cluster's ARN.
func (p *peers) kubelets() map[string]logs.Kubelets {
	out := map[string]logs.Kubelets{"": {Client: p.home}}
	for _, one := range p.registered() {
		out[one.registration.Cluster] = logs.Kubelets{Client: one.client}
	}
	return out
}

// views are what clusterview asks.
func (p *peers) views() []clusterview.Cluster {
	out := []clusterview.Cluster{{Name: p.options.cluster, IsHome: true, Client: p.home}}
	for _, one := range p.registered() {
		out = append(out, clusterview.Cluster{Name: one.registration.Cluster, Client: one.client})
	}
	return out
}
