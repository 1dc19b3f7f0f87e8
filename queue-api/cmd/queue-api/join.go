// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/muster-batch/muster/queue-api/clusters"
	"github.com/muster-batch/muster/queue-api/dispatch"
	"github.com/muster-batch/muster/queue-api/logs"
	"github.com/muster-batch/muster/queue-api/podevents"
	"github.com/muster-batch/muster/queue-api/podwatch"
	"github.com/muster-batch/muster/queue-api/reports"
)

// settler makes the Watcher of a cluster; collector may be nil.
type settler = func(pods *podwatch.Cluster, cluster string, owns func(string) bool, collector *logs.Collector, events *podevents.Recorder) *podwatch.Watcher

// joiner makes members.
type joiner struct {
	options   options
	logs      *logArchive // may be nil
	settle    settler
	reachable reachable
	events    podevents.Metrics
	changed   func()
}

func (j joiner) join(r clusters.Registration) (*member, error) {
	m := &member{registration: r, changed: j.changed, left: func() { j.reachable.forget(r.Cluster) }, begun: time.Now()}
	j.reachable.set(r.Cluster, false)
	var calls corev1client.CoreV1Interface
	m.link = clusters.NewLink(clusters.LinkConfig{
		Cluster: r.Cluster,
		Probe:   func(ctx context.Context) error { return probe(ctx, calls, j.options.namespace) },
		Changed: func(open bool) {
			j.reachable.set(r.Cluster, open)
			j.changed()
		},
	})
	calls, watches, err := j.options.connect(r, m.link)
	if err != nil {
		return nil, err
	}
	m.events = podevents.New(watches, j.events, podevents.Config{})
	m.client = dispatch.PodClient{Client: calls, Created: m.events.Admitted}
	if m.view.Cluster, err = podwatch.NewCluster(calls, watches.RESTClient()); err != nil {
		return nil, err
	}
	if m.view.Watcher, err = reports.New(watches, j.options.leaseNamespace); err != nil {
		return nil, err
	}
	m.collector = j.logs.collector(watches)
	m.watcher = j.settle(m.view.Cluster, r.Cluster, r.Is, m.collector, m.events)
	return m, nil
}

// callTimeout bounds a request to a registered cluster but for those that watch.
const callTimeout = 10 * time.Second

// connect makes a registered cluster's clients: one whose requests go through the link, and one that watches.
func (o *clusterOptions) connect(r clusters.Registration, link *clusters.Link) (calls, watches corev1client.CoreV1Interface, err error) {
	config := o.tuned(r.Config)
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, nil, fmt.Errorf("cluster %s: %w", r.Cluster, err)
	}
	linked := *client
	linked.Transport, linked.Timeout = link.Through(client.Transport), callTimeout
	if calls, err = corev1client.NewForConfigAndClient(config, &linked); err != nil {
		return nil, nil, fmt.Errorf("cluster %s: %w", r.Cluster, err)
	}
	if watches, err = corev1client.NewForConfigAndClient(config, client); err != nil {
		return nil, nil, fmt.Errorf("cluster %s: %w", r.Cluster, err)
	}
	return calls, watches, nil
}

// probe asks for a namespace, which need not exist: whatever the API server says of it, it answers.
func probe(ctx context.Context, client corev1client.NamespacesGetter, namespace string) error {
	_, err := client.Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return nil
	}
	return err
}
