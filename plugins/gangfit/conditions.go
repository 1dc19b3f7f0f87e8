// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"
	"k8s.io/kubernetes/pkg/scheduler/util"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/plugins/gang"
)

// ReasonGangNotReady is the reason of the condition PodScheduled of a gang's member while the gang is incomplete or malformed.
// It is not "Unschedulable", upon which autoscalers buy nodes: no node would help.
const ReasonGangNotReady = "GangNotReady"

// How long after a gang was refused its members are told, so that those of a gang that fits soon after never are; how long
// until they are told something else, and until an incomplete gang is told that it is; and how much is written at most.
const (
	tellFirst   = time.Second
	tellNext    = 10 * time.Second
	tellWorkers = 2
	tellPerSec  = 250
	tellAtOnce  = 50 // members of one gang, before another gang has its turn
)

// teller tells the members of waiting gangs why they wait, as kube-scheduler tells a pod at the end of its cycle: by the
// condition PodScheduled, and by an Event, one for each gang. It works beside the scheduling loop, which would be held up by
// a call for every member.
type teller struct {
	client kubernetes.Interface
	events events.EventRecorder
	ledger *gang.Ledger
	clock  clock.WithDelayedExecution
	queue  workqueue.TypedInterface[gang.Key]
	limit  flowcontrol.RateLimiter

	mu    sync.Mutex // guards gangs and what is in it
	gangs map[gang.Key]*telling
}

// telling is where the teller stands with one gang. It exists while the gang has something to be told; until then the gang
// is looked at again and again, so nothing depends on who calls Tell when.
type telling struct {
	timer   clock.Timer
	refused bool // it was seen to be refused
	silent  bool // kube-scheduler makes the Event
	members int  // that waited when it was last looked at
	said    string
	told    map[types.UID]string // what each member was told last
}

func newTeller(client kubernetes.Interface, recorder events.EventRecorder, ledger *gang.Ledger, clk clock.WithDelayedExecution) *teller {
	return &teller{
		client: client, events: recorder, ledger: ledger, clock: clk,
		queue: workqueue.NewTyped[gang.Key](),
		limit: flowcontrol.NewTokenBucketRateLimiter(tellPerSec, tellPerSec),
		gangs: map[gang.Key]*telling{},
	}
}

// Tell has the members of a gang told what the ledger says of it, soon. It is silent when kube-scheduler makes the Event.
func (t *teller) Tell(key gang.Key, silent bool) {
	v := t.ledger.Verdict(key)
	if v.Reason == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.gangs[key]
	isNew := g == nil
	if isNew {
		g = &telling{told: map[types.UID]string{}}
		t.gangs[key] = g
	}
	g.silent = silent
	switch {
	case v.Refused && !g.refused:
		g.refused = true
		t.arm(key, g, tellFirst)
	case isNew && v.Partial:
		t.arm(key, g, tellNext)
	case isNew:
		t.arm(key, g, tellFirst)
	}
}

// arm has the gang looked at after some time.
func (t *teller) arm(key gang.Key, g *telling, after time.Duration) {
	if g.timer != nil {
		g.timer.Stop()
	}
	g.timer = t.clock.AfterFunc(after, func() { t.queue.Add(key) })
}

// Run tells until ctx ends.
func (t *teller) Run(ctx context.Context) {
	var workers sync.WaitGroup
	for range tellWorkers {
		workers.Go(func() {
			for t.next(ctx) {
			}
		})
	}
	<-ctx.Done()
	t.queue.ShutDown()
	workers.Wait()
}

func (t *teller) next(ctx context.Context) bool {
	key, shutdown := t.queue.Get()
	if shutdown {
		return false
	}
	defer t.queue.Done(key)
	t.tell(ctx, key)
	return ctx.Err() == nil
}

// tell tells members of one gang. It comes back for the rest, and later to look again.
func (t *teller) tell(ctx context.Context, key gang.Key) {
	v := t.ledger.VerdictForAll(key)
	g := t.begin(key, &v)
	if g == nil {
		return
	}
	written := 0
	for _, pod := range v.Members {
		if !t.isNews(g, pod, v.Reason) {
			continue
		}
		if written == tellAtOnce {
			t.queue.Add(key)
			return
		}
		if !t.ledger.IsTold(pod.UID, v.Reason) {
			break // it was placed, or refused for another reason
		}
		t.write(ctx, pod, &v)
		written++
		t.mu.Lock()
		g.told[pod.UID] = v.Reason
		t.mu.Unlock()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.arm(key, g, tellNext)
}

// begin returns where the teller stands with a gang; nil when there is nothing to tell it now. An incomplete gang is not told
// while members still arrive.
func (t *teller) begin(key gang.Key, v *gang.Verdict) *telling {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.gangs[key]
	if g == nil || v.Reason == "" {
		delete(t.gangs, key)
		return nil
	}
	arrived := len(v.Members) != g.members
	g.members = len(v.Members)
	if v.Partial && arrived {
		t.arm(key, g, tellNext)
		return nil
	}
	if g.said != v.Reason {
		g.said = v.Reason
		if !g.silent {
			t.events.Eventf(v.Members[0], nil, corev1.EventTypeWarning, "FailedScheduling", "Scheduling", "%s", v.Reason)
		}
	}
	return g
}

// isNews reports whether pod has still to be told the reason.
func (t *teller) isNews(g *telling, pod *corev1.Pod, reason string) bool {
	_, current := podutil.GetPodCondition(&pod.Status, corev1.PodScheduled)
	switch {
	case current == nil:
	case current.Message == reason:
		return false
	case current.Reason == corev1.PodReasonSchedulerError:
		return true // kube-scheduler may believe that the condition says something else, and leave it
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return g.told[pod.UID] != reason
}

func (t *teller) write(ctx context.Context, pod *corev1.Pod, v *gang.Verdict) {
	if t.limit.Wait(ctx) != nil {
		return // it ends
	}
	condition := corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: ReasonGangNotReady, Message: v.Reason,
		ObservedGeneration: podutil.GetPodObservedGenerationIfEnabledOnCondition(&pod.Status, pod.Generation, corev1.PodScheduled),
	}
	if v.Refused {
		condition.Reason = corev1.PodReasonUnschedulable // autoscalers may help
	}
	status := pod.Status.DeepCopy()
	if !podutil.UpdatePodCondition(status, &condition) {
		return
	}
	if err := util.PatchPodStatus(ctx, t.client, pod, status); err != nil && !apierrors.IsNotFound(err) {
		klog.FromContext(ctx).V(2).Info("Not told why a gang's member waits", "pod", klog.KObj(pod), "err", err)
	}
}
