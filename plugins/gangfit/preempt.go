// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/metrics"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// asksForRoom reports whether pod may take the room of lower-ranked work: by the word of the queue that ranked it, or of its
// PriorityClass. A preemptionPolicy of Never goes before both.
func (g *GangFit) asksForRoom(pod *corev1.Pod) bool {
	if p := pod.Spec.PreemptionPolicy; p != nil && *p == corev1.PreemptNever {
		return false
	}
	if pod.Annotations[batchmeta.Preemption] == batchmeta.PreemptionEnabled && gang.OrderOf(pod).IsRanked() {
		return true // nobody but its queue gives a pod both
	}
	if pod.Spec.PriorityClassName == "" {
		return false
	}
	class, err := g.classes.Get(pod.Spec.PriorityClassName)
	return err == nil && class.Annotations[batchmeta.Preemption] == batchmeta.PreemptionEnabled
}

// makeRoom tries to make room for a draft that does not fit, for the pod whose cycle it is. It returns the seats that the
// draft will have, and what is to be said of it; none when nothing helps.
//
// Room that is being made already is waited for before anybody else is harmed: so evictions that end one after the other
// start no others, whoever decided on them, and a scheduler that starts anew carries on where the last one was.
func (g *GangFit) makeRoom(ctx context.Context, pod *corev1.Pod, draft *gang.Draft) (map[types.UID]string, string, error) {
	for _, member := range draft.Members {
		if !g.asksForRoom(member) {
			return nil, "", nil
		}
	}
	c, err := g.survey(ctx, draft)
	if err != nil {
		return nil, "", err
	}
	if len(c.leaving) > 0 {
		if seats, err := c.try(ctx, nil); err != nil {
			return nil, "", err
		} else if seats != nil {
			g.keepRoom(pod, draft, seats, c.leaving)
			return seats, fmt.Sprintf("waits for %d pods to end", len(c.leaving)), nil
		}
	}
	if len(c.works) == 0 {
		return nil, "", nil
	}
	metrics.PreemptionAttempts.Inc()
	chosen, seats, err := c.choose(ctx)
	if err != nil || len(chosen) == 0 {
		return nil, "", err
	}
	victims := allOf(c.pods, chosen)
	klog.FromContext(ctx).V(2).Info("Preempting", "pod", klog.KObj(pod), "gang", draft.Key, "victims", len(victims), "works", len(chosen))
	metrics.PreemptionVictims.Observe(float64(len(victims)))
	until := g.keepRoom(pod, draft, seats, append(victims, c.leaving...))
	g.end(ctx, pod, c, chosen, until)
	return seats, fmt.Sprintf("preempts %d pods", len(victims)), nil
}

// keepRoom keeps the seats' room for the draft until the pods that are in it should be gone. It returns that time.
func (g *GangFit) keepRoom(pod *corev1.Pod, draft *gang.Draft, seats map[types.UID]string, leaving []*corev1.Pod) time.Time {
	h := &hold{id: vacated(pod), order: g.ledger.Order(pod), rooms: map[string]*keptRoom{}, expiry: g.clock.Now().Add(overdue)}
	for _, member := range draft.Members {
		node, ok := seats[member.UID]
		if !ok {
			continue
		}
		if h.rooms[node] == nil {
			h.rooms[node] = &keptRoom{used: map[types.UID]*framework.Resource{}}
		}
		add(&h.rooms[node].kept, requestOf(member))
	}
	for _, other := range leaving {
		if r := h.rooms[other.Spec.NodeName]; r != nil {
			r.used[other.UID] = requestOf(other)
		}
		if until := g.goneBy(other).Add(overdue); until.After(h.expiry) {
			h.expiry = until
		}
	}
	g.holds.Set(h)
	return h.expiry
}

// vacated names the hold of pod, or of its gang, on room that was made for it.
func vacated(pod *corev1.Pod) holdID { return holdID{holder: holderOf(pod), purpose: vacatedFor} }

// goneBy is when a pod's grace period is over, if it is ended now.
func (g *GangFit) goneBy(pod *corev1.Pod) time.Time {
	if pod.DeletionTimestamp != nil {
		return pod.DeletionTimestamp.Time
	}
	grace := corev1.DefaultTerminationGracePeriodSeconds * time.Second
	if s := pod.Spec.TerminationGracePeriodSeconds; s != nil {
		grace = time.Duration(*s) * time.Second
	}
	return g.clock.Now().Add(grace)
}

// end ends the works that were chosen, in the background. The preemptor is woken when all their pods are gone, or when that
// fails or takes too long.
func (g *GangFit) end(ctx context.Context, pod *corev1.Pod, c *contest, chosen []int, until time.Time) {
	ctx = context.WithoutCancel(ctx) // it is the cycle's
	logger := klog.FromContext(ctx)
	victims := allOf(c.pods, chosen)
	one := g.evictions.begin(pod, victims, until)
	stop := func() {
		if g.evictions.end(one) {
			g.tryAgain(logger, podMap([]*corev1.Pod{pod}))
		}
	}
	g.clock.AfterFunc(until.Sub(g.clock.Now()), stop)
	go func() {
		var works errgroup.Group
		works.SetLimit(evictAtOnce)
		for _, i := range chosen {
			works.Go(func() error { return g.preempt(ctx, pod, c.pods[i]) })
		}
		if err := works.Wait(); err != nil {
			logger.Error(err, "Preemption is given up", "pod", klog.KObj(pod))
			g.holds.Release(vacated(pod))
			stop()
		}
	}()
}

// preempt ends one work for pod. Members that hold a place but are not bound yet lose it; a gang loses its whole plan then.
func (g *GangFit) preempt(ctx context.Context, pod *corev1.Pod, victims []*corev1.Pod) error {
	var running []*corev1.Pod
	for _, victim := range victims {
		if waiting := g.fwk.GetWaitingPod(victim.UID); waiting != nil {
			waiting.Reject(Name, "preempted")
			g.ended(klog.FromContext(ctx), victim.UID)
		} else {
			running = append(running, victim)
		}
	}
	if len(running) < len(victims) {
		return nil // it has not started
	}
	message := pod.Spec.SchedulerName + ": preempting to accommodate work of higher rank"
	if err := g.evict(ctx, running, corev1.PodReasonPreemptionByScheduler, message); err != nil {
		return fmt.Errorf("preempt for pod %s: %w", pod.Name, err)
	}
	for _, victim := range running {
		g.fwk.EventRecorder().Eventf(victim, pod, corev1.EventTypeNormal, "Preempted", "Preempting",
			"Preempted by pod %v on node %v", pod.UID, victim.Spec.NodeName)
	}
	return nil
}

// ended takes note that a pod is gone, or holds nothing any more, and wakes the preemptor that waited for it last.
func (g *GangFit) ended(logger klog.Logger, uid types.UID) {
	if preemptor := g.evictions.gone(uid, g.clock.Now()); preemptor != nil {
		g.tryAgain(logger, podMap([]*corev1.Pod{preemptor}))
	}
}

// forgo ends the holds on room that was made, or bought, for a pod that is gone, or for the gang that it was the last one of.
func (g *GangFit) forgo(pod *corev1.Pod) {
	key, isMember := gang.KeyOf(pod)
	if isMember && g.ledger.Exists(key) {
		return
	}
	g.holds.Release(vacated(pod))
	if isMember {
		g.holds.Release(reservedFor(key))
	}
}

// roomForPod makes room for a pod of no gang, and nominates it for its node.
func (g *GangFit) roomForPod(ctx context.Context, pod *corev1.Pod) (*framework.PostFilterResult, *framework.Status) {
	seats, note, err := g.makeRoom(ctx, pod, gang.DraftOf(pod))
	switch {
	case err != nil:
		return nil, framework.AsStatus(fmt.Errorf("make room for pod %s: %w", pod.Name, err))
	case seats == nil:
		return nil, framework.NewStatus(framework.Unschedulable)
	}
	return framework.NewPostFilterResultWithNominatedNode(seats[pod.UID]), framework.NewStatus(framework.Success, note)
}
