// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/plugins/gang"
)

// watch feeds the ledger from the informer. The scheduler's own handlers run beside these in any order; the ledger's
// answers allow for that.
func (g *GangFit) watch(ctx context.Context, informer cache.SharedIndexInformer) error {
	logger := klog.FromContext(ctx)
	_, err := informer.AddEventHandler(cache.FilteringResourceEventHandler{
		FilterFunc: g.isOurs,
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(obj any) { g.follow(logger, g.ledger.Observe(podOf(obj))) },
			UpdateFunc: func(_, obj any) { g.follow(logger, g.ledger.Observe(podOf(obj))) },
			DeleteFunc: func(obj any) {
				pod := podOf(obj)
				g.nodeless.forget(pod.UID)
				g.follow(logger, g.ledger.Forget(pod.UID))
				g.ended(logger, pod.UID)
				g.forgo(pod)
			},
		},
	})
	if err != nil {
		return fmt.Errorf("watch pods: %w", err)
	}
	return nil
}

func (g *GangFit) isOurs(obj any) bool {
	pod := podOf(obj)
	return pod != nil && pod.Spec.SchedulerName == g.fwk.ProfileName()
}

// podOf returns the pod of an event; nil when there is none in it.
func podOf(obj any) *corev1.Pod {
	if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = gone.Obj
	}
	pod, _ := obj.(*corev1.Pod)
	return pod
}

// follow carries out what an observation entails.
func (g *GangFit) follow(logger klog.Logger, change gang.Change) {
	g.keeper.changed.Store(true)
	cause := causeDeleted
	if change.Placed {
		cause = causePlaced
	}
	g.metrics.returned(cause, len(change.Reject))
	g.reject(change.Reject, change.Reason)
	g.activate(logger, change.Wake)
	if change.Key != (gang.Key{}) {
		g.teller.Tell(change.Key, false)
	}
}

// podMap returns pods by the names that Activate knows them by.
func podMap(pods []*corev1.Pod) map[string]*corev1.Pod {
	m := make(map[string]*corev1.Pod, len(pods))
	for _, pod := range pods {
		m[pod.Namespace+"/"+pod.Name] = pod
	}
	return m
}

// rejectAgain is how soon, and rejectTries how often, a pod is looked for that was not found waiting.
const (
	rejectAgain = 50 * time.Millisecond
	rejectTries = 3
)

// reject sends waiting members back. A member whose Permit has just returned is not among the waiting pods yet, so those
// that are missing are looked for again.
func (g *GangFit) reject(uids []types.UID, reason string) { g.rejectWithin(rejectTries, uids, reason) }

func (g *GangFit) rejectWithin(tries int, uids []types.UID, reason string) {
	var missing []types.UID
	for _, uid := range uids {
		if waiting := g.fwk.GetWaitingPod(uid); waiting != nil {
			waiting.Reject(Name, reason)
		} else {
			missing = append(missing, uid)
		}
	}
	if len(missing) > 0 && tries > 1 {
		g.clock.AfterFunc(rejectAgain, func() { g.rejectWithin(tries-1, missing, reason) })
	}
}
