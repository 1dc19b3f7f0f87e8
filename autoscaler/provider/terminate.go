// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/autoscaler/cluster-autoscaler/cloudprovider"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/crashpoint"
)

// OccupiedError says that a node may not be ended because of a pod.
type OccupiedError struct {
	Node, Pod string
}

func (e *OccupiedError) Error() string {
	return fmt.Sprintf("node %s has the unfinished pod %s", e.Node, e.Pod)
}

// spareFor is how long an instance that never became a node stays after it could not be ended: core asks for its end in each loop.
const spareFor = 5 * time.Second

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
	now := p.cfg.Clock.Now()
	for _, n := range nodes {
		i := p.instances[n.Spec.ProviderID]
		standIn := n.Annotations[cloudprovider.FakeNodeReasonAnnotation]
		switch {
		case i == nil || i.state == terminating:
		case i.state != failed && standIn != "" && now.Sub(i.spared) < spareFor:
		case i.state == failed:
			p.drop(i)
		case i.state == launching:
			return nil, fmt.Errorf("end %s: its launch is under way", i.providerID)
		case i.held:
			return nil, fmt.Errorf("end %s: its node is being opened again", i.providerID)
		default:
			victims = append(victims, doomed{instance: i, node: n, late: standIn == cloudprovider.FakeNodeUnregistered})
		}
	}
	for _, v := range victims {
		v.state = terminating
		p.judge(v, 1)
	}
	return victims, nil
}

// Hold calls do unless the instance is being ended, and lets nobody end it meanwhile. It reports whether it did.
func (p *Provider) Hold(providerID string, do func() error) (bool, error) {
	p.mu.Lock()
	i := p.instances[providerID]
	free := i != nil && i.state == running && !i.held
	if free {
		i.held = true
	}
	p.mu.Unlock()
	if !free {
		return false, nil
	}
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		i.held = false
	}()
	return true, do()
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
	if err := crashpoint.Around("fleet/terminate", func() error { return p.fleet.Terminate(ctx, ids) }); err != nil {
		return fmt.Errorf("terminate instances: %w", err)
	}
	return nil
}

// checkEmpty makes sure that no unfinished pod is on the instance's node, and that none can come any more. It is the one
// place that decides so: whoever has an instance ended comes by here, directly before.
func (p *Provider) checkEmpty(ctx context.Context, v *doomed) error {
	check := p.checkClosed
	if v.node.Annotations[cloudprovider.FakeNodeReasonAnnotation] != "" {
		check = p.checkAbsent
	}
	if err := check(ctx, v); err != nil || v.node == nil {
		return err
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

// checkClosed makes sure that the node is marked in the API server, not only in somebody's memory: from the first list on
// that shows it without pods it stays so.
func (p *Provider) checkClosed(ctx context.Context, v *doomed) error {
	closed, err := p.cluster.IsClosed(ctx, v.node)
	if err == nil && !closed {
		err = fmt.Errorf("node %s still takes pods", v.node.Name)
	}
	return err
}

// checkAbsent makes sure that an instance that core knows no node of has none. One that has just joined goes as all nodes
// do, or stays; one that core will never find, as it calls itself otherwise, is taken for the instance's all the same.
func (p *Provider) checkAbsent(ctx context.Context, v *doomed) error {
	node, err := p.cluster.Node(ctx, v.id)
	if err == nil && node != nil && node.Spec.ProviderID == v.providerID {
		err = fmt.Errorf("it has joined as node %s", node.Name)
	}
	v.node = node
	if err == nil && node == nil {
		err = p.checkHomeless(ctx)
	}
	return err
}

// checkHomeless makes sure that no machine without a node has pods: of one whose Node was deleted we do not know which it is,
// as soon as we were started anew. It is not for long: Kubernetes' garbage collector ends such pods within a minute or two.
func (p *Provider) checkHomeless(ctx context.Context) error {
	pod, err := p.cluster.Homeless(ctx)
	if err == nil && pod != "" {
		err = fmt.Errorf("the node of pod %s is not there, and its machine may be", pod)
	}
	return err
}

// judge counts those that are being ended as they did not join; it is called with mu held.
func (p *Provider) judge(v doomed, n int) {
	if v.late {
		p.judging[v.group.key.environmentUUID] += n
	}
}

// conclude drops ended instances; those that could not be ended stay.
func (p *Provider) conclude(victims []doomed, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, v := range victims {
		p.judge(v, -1)
		if p.instances[v.providerID] != v.instance {
			continue
		}
		if err != nil {
			v.state, v.spared = running, p.cfg.Clock.Now()
			continue
		}
		p.drop(v.instance)
		if uuid := v.group.key.environmentUUID; v.late && v.node == nil {
			p.cfg.Metrics.notJoined(v.group.environmentName(), v.instanceType)
			p.cfg.Health.NotJoined(uuid, v.since, p.hasNodes(uuid))
		}
		p.cfg.Metrics.terminated(v.group.environmentName(), v.instanceType)
	}
}
