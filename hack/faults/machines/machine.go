// SPDX-License-Identifier: Apache-2.0

package machines

import (
	"context"
	"slices"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
)

const (
	retryDelay     = 300 * time.Millisecond // between two tries to reach the API server
	callTimeout    = 10 * time.Second
	heartbeat      = 10 * time.Second
	buryDelay      = 2 * time.Second // how long the cloud takes to remove the node of an instance that ended
	maxBoot        = 2500 * time.Millisecond
	leaseNamespace = "kube-node-lease"
)

// machine is an instance and the kubelet on it.
type machine struct {
	*Fleet

	instance ec2fake.Instance
	end      context.CancelFunc
	ended    bool // guarded by the fleet's mu

	mu     sync.Mutex      // guards what follows
	pulled bool            // nothing runs here any more
	runs   map[string]*run // by the uid of the pod; those that ended stay until their pod is gone
}

// live is the machine's life: it boots, joins the cluster, and is seen to be there until it ends; then its node is removed.
func (m *machine) live(ctx context.Context) {
	if !pause(ctx, m.cfg.Plan.boot(m.instance.ID, maxBoot)) {
		m.bury()
		return
	}
	m.insist(ctx, "join", m.register)
	for pause(ctx, heartbeat) {
		m.insist(ctx, "renew lease", m.renew)
		m.insist(ctx, "say that it is ready", m.ready)
	}
	m.bury()
}

// insist tries until it succeeds or ctx ends.
func (m *machine) insist(ctx context.Context, what string, try func(context.Context) error) {
	for {
		once, cancel := context.WithTimeout(ctx, callTimeout)
		err := try(once)
		cancel()
		if err == nil {
			return
		}
		klog.FromContext(ctx).V(2).Info("Machine tries again", "what", what, "node", m.instance.NodeName(), "reason", err.Error())
		if !pause(ctx, retryDelay) {
			return
		}
	}
}

func (m *machine) register(ctx context.Context) error {
	node, err := m.Cloud.NodeOf(&m.instance)
	if err != nil {
		return err
	}
	node.Status.Conditions = []corev1.NodeCondition{isReady()}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}}
	if _, err = m.kube.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return m.renew(ctx)
}

func isReady() corev1.NodeCondition {
	now := metav1.Now()
	return corev1.NodeCondition{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", LastHeartbeatTime: now, LastTransitionTime: now,
	}
}

// ready mends what the node controller says of a node that could not be heard of for a while. As a kubelet, it makes no new Node
// of one that was deleted.
func (m *machine) ready(ctx context.Context) error {
	nodes := m.kube.CoreV1().Nodes()
	node, err := nodes.Get(ctx, m.instance.NodeName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	at := slices.IndexFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == corev1.NodeReady })
	if at < 0 || node.Status.Conditions[at].Status == corev1.ConditionTrue {
		return nil
	}
	node.Status.Conditions[at] = isReady()
	_, err = nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{})
	return err
}

func (m *machine) renew(ctx context.Context) error {
	leases, name := m.kube.CoordinationV1().Leases(leaseNamespace), m.instance.NodeName()
	now := metav1.NowMicro()
	lease, err := leases.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}}
		lease.Spec = coordinationv1.LeaseSpec{HolderIdentity: &name, LeaseDurationSeconds: new(int32(40)), RenewTime: &now}
		_, err = leases.Create(ctx, lease, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	lease.Spec.RenewTime = &now
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}

// bury removes the node, as the cloud controller of AWS does.
func (m *machine) bury() {
	if m.ctx.Err() != nil || !pause(m.ctx, buryDelay) {
		return
	}
	m.insist(m.ctx, "remove node", func(ctx context.Context) error {
		err := m.kube.CoreV1().Nodes().Delete(ctx, m.instance.NodeName(), metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		err = m.kube.CoordinationV1().Leases(leaseNamespace).Delete(ctx, m.instance.NodeName(), metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		return nil
	})
}

// pull ends everything on the machine at once, and says what ran.
func (m *machine) pull() (running []string) {
	m.mu.Lock()
	m.pulled = true
	for _, r := range m.runs {
		if r.lose() {
			running = append(running, r.pod.Name)
		}
	}
	m.mu.Unlock()
	m.end()
	slices.Sort(running)
	return running
}

// pause reports whether ctx went on for so long.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
