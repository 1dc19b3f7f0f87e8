// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/autoscaler/cluster-autoscaler/cloudprovider"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/autoscaler/interruption"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

// leavesWithin is how long an instance that is being stopped or ended may take to be gone from the fleet's lists. One that is
// still listed then counts again: what was announced did not happen.
const leavesWithin = 2 * time.Minute

var _ interruption.Instances = (*Provider)(nil)

// Avoider is a fleet that can be told where not to buy for a while.
type Avoider interface {
	// Avoid is told of an instance what it was of, and the provider id of its node, which tells a cloud where it was.
	Avoid(instanceType, providerID, capacityType string)
}

// NodeOf implements interruption.Instances.
func (p *Provider) NodeOf(instanceID string) (node string, known bool) {
	p.mu.Lock()
	i := p.byID(instanceID)
	if i == nil || i.state == terminating && i.leaving.IsZero() {
		p.mu.Unlock()
		return "", false
	}
	node, providerID := i.node, i.providerID
	p.mu.Unlock()
	if node == "" { // one that registered since the last loop
		node = p.nodeWith(providerID)
	}
	return node, true
}

// nodeWith is the name of the node with the provider id; empty if there is none, or nobody knows.
func (p *Provider) nodeWith(providerID string) string {
	nodes, err := p.nodes.List()
	if err != nil {
		return ""
	}
	for _, n := range nodes {
		if n.Spec.ProviderID == providerID {
			return n.Name
		}
	}
	return ""
}

// byID finds an instance of the fleet; it is called with mu held.
func (p *Provider) byID(instanceID string) *instance {
	for _, i := range p.instances {
		if i.id == instanceID && i.isReal() {
			return i
		}
	}
	return nil
}

// Avoid implements interruption.Instances.
func (p *Provider) Avoid(instanceID string) {
	avoider, ok := p.fleet.(Avoider)
	if !ok {
		return
	}
	p.mu.Lock()
	i := p.byID(instanceID)
	if i == nil {
		p.mu.Unlock()
		return
	}
	instanceType, providerID, capacityType := i.instanceType, i.providerID, i.group.key.capacityType
	p.mu.Unlock()
	avoider.Avoid(instanceType, providerID, capacityType)
}

// Abandon implements interruption.Instances. It goes the way of instances that never registered: the API server is asked
// first whether there is a node by now.
func (p *Provider) Abandon(instanceID string) {
	p.mu.Lock()
	i := p.byID(instanceID)
	p.mu.Unlock()
	if i == nil {
		return
	}
	standIn := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: i.providerID, Annotations: map[string]string{cloudprovider.FakeNodeReasonAnnotation: cloudprovider.FakeNodeUnregistered},
		},
		Spec: corev1.NodeSpec{ProviderID: i.providerID},
	}
	if err := p.deleteNodes([]*corev1.Node{standIn}); err != nil {
		klog.FromContext(p.base).Error(err, "Cannot end an instance that is taken back", "instance", instanceID)
	}
}

// Leave implements interruption.Instances.
func (p *Provider) Leave(instanceID string) {
	p.mu.Lock()
	i := p.byID(instanceID)
	changed := i != nil && i.state != terminating
	if changed {
		i.state, i.leaving = terminating, p.cfg.Clock.Now()
	}
	p.mu.Unlock()
	if changed {
		p.cfg.Changed()
	}
}

// Remove implements interruption.Instances.
func (p *Provider) Remove(ctx context.Context, instanceID string, stopped bool) error {
	if stopped { // it costs no more, but its disks do
		ctx, cancel := context.WithTimeoutCause(ctx, p.cfg.TerminateTimeout, errors.New("the fleet did not answer in time"))
		defer cancel()
		err := crashpoint.Around("fleet/end-stopped", func() error { return p.fleet.Terminate(ctx, []string{instanceID}) })
		if err != nil {
			return fmt.Errorf("end instance %s, which was stopped: %w", instanceID, err)
		}
	}
	node, err := p.cluster.Node(ctx, instanceID)
	if err == nil && node != nil {
		err = p.cluster.DeleteNode(ctx, node)
	}
	if err != nil {
		return fmt.Errorf("delete node of instance %s, which is gone: %w", instanceID, err)
	}
	p.mu.Lock()
	if i := p.byID(instanceID); i != nil {
		p.drop(i)
	}
	p.mu.Unlock()
	klog.FromContext(ctx).Info("Instance is gone", "instance", instanceID)
	p.cfg.Changed()
	return nil
}

// overdue reports whether an instance that was said to be leaving should be gone by now.
func (i *instance) overdue(now time.Time) bool {
	return i.state == terminating && !i.leaving.IsZero() && now.Sub(i.leaving) >= leavesWithin
}
