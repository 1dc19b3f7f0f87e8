// SPDX-License-Identifier: Apache-2.0

package interruption

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/crashpoint"
)

// Queue delivers messages at least once.
type Queue interface {
	// Receive waits for messages, for some seconds at most. One that is not deleted comes again after a while.
	Receive(ctx context.Context) ([]Message, error)
	// Delete deletes messages by their receipts; those that are gone are no error.
	Delete(ctx context.Context, receipts []string) error
}

// Instances are the instances of the fleet: a provider.Provider.
type Instances interface {
	// NodeOf names the node of an instance, empty while it has none. It does not know instances that are none of the fleet's,
	// or that are being ended by us.
	NodeOf(instanceID string) (node string, known bool)
	// Abandon ends an instance that has no node, in the background.
	Abandon(instanceID string)
	// Leave says that an instance is about to be gone and counts as capacity no more.
	Leave(instanceID string)
	// Remove says that an instance does not run any more, and deletes its Node object. An instance that was only stopped is
	// ended, too.
	Remove(ctx context.Context, instanceID string, stopped bool) error
	// Avoid says that the cloud takes back what is like this instance: others are to be bought for a while.
	Avoid(instanceID string)
}

// Config is what a Watcher works with.
type Config struct {
	Queue     Queue
	Instances Instances
	Marker    *Marker
	Recorder  record.EventRecorder
	Metrics   *Metrics // may be nil
	Clock     clock.WithTicker
}

// retryAfter is how long a queue that failed is left alone.
const retryAfter = 5 * time.Second

// errNoNode is why a message has to come again: the instance's node has not registered yet.
var errNoNode = errors.New("the instance has no node yet")

// Watcher acts on the messages of a queue.
type Watcher struct {
	cfg Config
}

// New makes a watcher.
func New(cfg Config) *Watcher {
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics()
	}
	return &Watcher{cfg: cfg}
}

// Run reads the queue until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	failing := false
	for ctx.Err() == nil {
		err := w.runOnce(ctx)
		if err != nil && ctx.Err() == nil {
			w.cfg.Metrics.failures.Inc()
			if !failing {
				klog.FromContext(ctx).Error(err, "Cannot read the interruption queue, trying on")
			}
			select {
			case <-ctx.Done():
			case <-w.cfg.Clock.After(retryAfter):
			}
		}
		failing = err != nil
	}
	return nil
}

// runOnce acts on the next messages, and deletes those that are done.
func (w *Watcher) runOnce(ctx context.Context) error {
	messages, err := w.cfg.Queue.Receive(ctx)
	if err != nil {
		return fmt.Errorf("receive messages: %w", err)
	}
	var work sync.WaitGroup
	done := make([]bool, len(messages))
	for i := range messages {
		work.Go(func() { done[i] = w.handle(ctx, &messages[i]) })
	}
	work.Wait()
	var receipts []string
	for i := range messages {
		if done[i] {
			receipts = append(receipts, messages[i].Receipt)
		}
	}
	if len(receipts) == 0 {
		return nil
	}
	err = crashpoint.Around("notices/delete", func() error { return w.cfg.Queue.Delete(ctx, receipts) })
	if err != nil {
		return fmt.Errorf("delete messages: %w", err)
	}
	return nil
}

// handle reports whether all that the message asks for is done.
func (w *Watcher) handle(ctx context.Context, m *Message) bool {
	for i := range m.Notices {
		n := &m.Notices[i]
		switch err := w.act(ctx, n); {
		case errors.Is(err, errNoNode):
			return false
		case err != nil:
			w.cfg.Metrics.failures.Inc()
			klog.FromContext(ctx).Error(err, "Interruption is acted on again", "kind", n.Kind, "instance", n.InstanceID)
			return false
		}
	}
	w.cfg.Metrics.messages.WithLabelValues(string(m.Kind)).Inc()
	return true
}

// act does what follows from a notice. Instances that nobody knows are another cluster's, or gone.
func (w *Watcher) act(ctx context.Context, n *Notice) error {
	node, known := w.cfg.Instances.NodeOf(n.InstanceID)
	if !known {
		return nil
	}
	if n.Gone {
		return w.remove(ctx, node, n)
	}
	if n.Kind == Spot {
		w.cfg.Instances.Avoid(n.InstanceID)
	}
	if n.Kind == StateChange {
		w.cfg.Instances.Leave(n.InstanceID)
	}
	if node != "" {
		return w.mark(ctx, node, n)
	}
	if n.Kind == Spot { // what is about to end need not begin
		w.cfg.Instances.Abandon(n.InstanceID)
	}
	return errNoNode
}

func (w *Watcher) mark(ctx context.Context, node string, n *Notice) error {
	changed, err := w.cfg.Marker.Mark(ctx, node, n)
	if err != nil || !changed {
		return err
	}
	w.cfg.Metrics.marked.WithLabelValues(string(n.Kind)).Inc()
	if !n.At.IsZero() {
		w.cfg.Metrics.reaction.Observe(w.cfg.Clock.Since(n.At).Seconds())
	}
	klog.FromContext(ctx).Info("Marked node", "node", klog.KRef("", node), "instance", n.InstanceID, "kind", n.Kind, "deadline", n.Deadline)
	w.tell(node, n)
	return nil
}

func (w *Watcher) remove(ctx context.Context, node string, n *Notice) error {
	if node != "" {
		if err := w.cfg.Marker.OutOfService(ctx, node, n.InstanceID); err != nil {
			return err
		}
	}
	return w.cfg.Instances.Remove(ctx, n.InstanceID, n.Stopped)
}

// tell puts an Event on the node.
func (w *Watcher) tell(node string, n *Notice) {
	about := &corev1.ObjectReference{Kind: "Node", Name: node, UID: types.UID(node)}
	switch n.Kind {
	case Spot:
		w.cfg.Recorder.Eventf(about, corev1.EventTypeWarning, "SpotInterruption", "EC2 takes instance %s back; its pods are stopped", n.InstanceID)
	case Rebalance:
		w.cfg.Recorder.Eventf(about, corev1.EventTypeNormal, "RebalanceRecommendation", "Instance %s is likely to be taken back; no more pods come", n.InstanceID)
	case StateChange:
		w.cfg.Recorder.Eventf(about, corev1.EventTypeWarning, "InstanceStateChange", "Instance %s is being stopped or ended; its pods are stopped", n.InstanceID)
	case ScheduledChange, Maintenance:
		w.cfg.Recorder.Eventf(about, corev1.EventTypeWarning, "ScheduledChange", "EC2 will stop, reboot or retire instance %s; no more pods come", n.InstanceID)
	case Unknown:
	}
}
