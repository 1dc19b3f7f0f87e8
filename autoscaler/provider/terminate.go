// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/autoscaler/cluster-autoscaler/cloudprovider"
	"k8s.io/klog/v2"
)

// OccupiedError says that a node may not be ended because of a pod.
type OccupiedError struct {
	Node, Pod string
}

func (e *OccupiedError) Error() string {
	return fmt.Sprintf("node %s has the unfinished pod %s", e.Node, e.Pod)
}

// doomed is an instance that is to end, and its node if core named it.
type doomed struct {
	*instance
	node *corev1.Node
	// late says that core waited for its node for too long.
	late bool
}

// deleteNodes ends the instances of nodes, all or none: none if an unfinished pod is on one of them. Core calls it in
// goroutines of its own with nodes that it has tainted, and in its loop with stand-ins for instances that never registered;
// those are ended in the background.
func (p *Provider) deleteNodes(nodes []*corev1.Node) error {
	victims, err := p.pick(nodes)
	if err != nil || len(victims) == 0 {
		return err
	}
	if nodes[0].Annotations[cloudprovider.FakeNodeReasonAnnotation] == "" {
		return p.terminate(victims)
	}
	p.work.Go(func() {
		if err := p.terminate(victims); err != nil {
			klog.FromContext(p.base).Error(err, "Cannot end instances that never became nodes")
		}
	})
	return nil
}

// pick finds the instances and marks them as leaving; failed placeholders it drops.
func (p *Provider) pick(nodes []*corev1.Node) ([]doomed, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var victims []doomed
	for _, n := range nodes {
		i := p.instances[n.Spec.ProviderID]
		switch {
		case i == nil || i.state == terminating:
		case i.state == failed:
			p.drop(i)
		case i.state == launching:
			return nil, fmt.Errorf("end %s: its launch is under way", i.providerID)
		default:
			late := n.Annotations[cloudprovider.FakeNodeReasonAnnotation] == cloudprovider.FakeNodeUnregistered
			victims = append(victims, doomed{instance: i, node: n, late: late})
		}
	}
	for _, v := range victims {
		v.state = terminating
	}
	return victims, nil
}

func (p *Provider) terminate(victims []doomed) error {
	ctx, cancel := context.WithTimeoutCause(p.base, p.cfg.TerminateTimeout, errors.New("the fleet did not answer in time"))
	defer cancel()
	err := p.endAll(ctx, victims)
	p.conclude(victims, err)
	p.cfg.Changed()
	if err != nil {
		return err
	}
	for _, v := range victims {
		if v.node == nil {
			continue
		}
		if err := p.cluster.DeleteNode(ctx, v.node); err != nil {
			klog.FromContext(ctx).Error(err, "Cannot delete node of an ended instance", "node", klog.KObj(v.node))
		}
	}
	return nil
}

// endAll asks the API server, then the fleet.
func (p *Provider) endAll(ctx context.Context, victims []doomed) error {
	ids := make([]string, len(victims))
	for n := range victims {
		v := &victims[n]
		if err := p.checkEmpty(ctx, v); err != nil {
			return fmt.Errorf("end instance %s: %w", v.id, err)
		}
		ids[n] = v.id
	}
	klog.FromContext(ctx).Info("Terminating instances", "instances", ids)
	if err := p.fleet.Terminate(ctx, ids); err != nil {
		return fmt.Errorf("terminate instances: %w", err)
	}
	return nil
}

// checkEmpty makes sure that no unfinished pod is on the instance's node, which core may not have seen yet.
func (p *Provider) checkEmpty(ctx context.Context, v *doomed) error {
	if v.node.Annotations[cloudprovider.FakeNodeReasonAnnotation] != "" {
		node, err := p.cluster.Node(ctx, v.id)
		if err != nil {
			return err
		}
		v.node = node
	}
	if v.node == nil {
		return nil
	}
	pod, err := p.cluster.Occupant(ctx, v.node.Name)
	if err != nil {
		return err
	}
	if pod != "" {
		return &OccupiedError{Node: v.node.Name, Pod: pod}
	}
	return nil
}

// conclude drops ended instances; those that could not be ended stay.
func (p *Provider) conclude(victims []doomed, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, v := range victims {
		if p.instances[v.providerID] != v.instance {
			continue
		}
		if err != nil {
			v.state = running
			continue
		}
		p.drop(v.instance)
		if uuid := v.group.key.environmentUUID; v.late && v.node == nil {
			p.cfg.Metrics.notJoined(v.group.environmentName(), v.group.key.instanceType)
			p.cfg.Health.NotJoined(uuid, v.since, p.hasNodes(uuid))
		}
		p.cfg.Metrics.terminated(v.group.environmentName(), v.group.key.instanceType)
	}
}
