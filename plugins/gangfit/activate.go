// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/plugins/gang"
)

// How soon pods that were activated are activated once more, the first time and at most; how often until all are, see
// gang.Ledger.Remind; and how often gangs that went back whole, and at times all, are looked at again whatever happens.
const (
	remindFirst = 100 * time.Millisecond
	remindLast  = 10 * time.Second
	remindAll   = 3
	healEvery   = 10 * time.Second
	healAll     = 6
)

// advance activates the leader of the gang that is next.
func (g *GangFit) advance(logger klog.Logger) { g.activate(logger, g.ledger.Next()) }

// activate moves pods to the active queue. The queue ignores pods that it does not have at that moment, and puts off those
// in the middle of a cycle: so they are reminded of until they have had their turn.
func (g *GangFit) activate(logger klog.Logger, pods []*corev1.Pod) {
	if len(pods) == 0 {
		return
	}
	logger.V(4).Info("Activating gang members", "pod", klog.KObj(pods[0]), "members", len(pods))
	g.fwk.Activate(logger, podMap(pods))
	g.kick()
}

// kick makes keepGoing look at the line.
func (g *GangFit) kick() {
	select {
	case g.kicked <- struct{}{}:
	default: // it is about to
	}
}

// reconsider gives all gangs that were refused another turn. It is for whoever makes room that no event tells of.
func (g *GangFit) reconsider() {
	g.ledger.Reconsider(true)
	g.kick()
}

// tryAgain has pods tried that something stood in the way of.
func (g *GangFit) tryAgain(logger klog.Logger, pods map[string]*corev1.Pod) {
	single := map[string]*corev1.Pod{}
	for name, pod := range pods {
		if _, ok := gang.KeyOf(pod); ok {
			g.ledger.Retry(pod.UID)
		} else {
			single[name] = pod
		}
	}
	if len(single) > 0 {
		g.fwk.Activate(logger, single)
	}
	g.kick()
}

// keepGoing carries out what hints and other goroutines found out, and mends what an event that got lost would leave undone.
func (g *GangFit) keepGoing(ctx context.Context) {
	logger := klog.FromContext(ctx)
	var remind <-chan time.Time
	var said, turns uint64
	heal, healed := g.clock.After(healEvery), 0
	for {
		if remind == nil && g.ledger.IsBusy() {
			if n := g.ledger.Turns(); n != turns {
				said, turns = 0, n
			}
			remind = g.clock.After(min(remindFirst<<min(said, 10), remindLast))
		}
		select {
		case <-ctx.Done():
			return
		case <-g.kicked:
			g.advance(logger)
		case <-remind:
			remind = nil
			said++
			g.activate(logger, g.ledger.Remind(said >= remindAll))
		case <-heal:
			healed++
			g.ledger.Reconsider(healed%healAll == 0)
			g.advance(logger)
			heal = g.clock.After(healEvery)
		}
	}
}
