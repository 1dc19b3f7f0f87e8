// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/plugins/gang"
)

// sweepPlans is how many of the gangs behind one that was refused are planned in the same cycle. Those that are like one
// that was refused need no plan.
const sweepPlans = 8

// refuse records that a gang does not fit, and what of those behind it does not fit either.
func (g *GangFit) refuse(ctx context.Context, pod *corev1.Pod, draft *gang.Draft, reason string) {
	logger := klog.FromContext(ctx)
	logger.V(4).Info("Gang does not fit", "gang", draft.Key, "reason", reason)
	draft.Kinds = kindsOf(draft)
	if !g.ledger.Refuse(draft, pod.UID, reason) {
		return
	}
	g.turnAway(logger, pod, g.holds.against(pod, g.ledger.Order))
	g.teller.Tell(draft.Key, true)
	g.keeper.Nudge()
	g.sweep(ctx, draft)
}

// sweep refuses the gangs behind one that was refused, up to the first that fits, on the same snapshot. None of them takes
// a cycle, at the end of which kube-scheduler would wait for the API server; a thousand gangs that do not fit so hold up
// the one behind them no longer than a few do.
func (g *GangFit) sweep(ctx context.Context, refused *gang.Draft) {
	logger := klog.FromContext(ctx)
	known := []*gang.Draft{refused}
	for plans := 0; ; {
		draft := g.ledger.Behind()
		if draft == nil || len(draft.Left) > 0 || g.asksForRoom(draft.Members[0]) { // who may make room does so in a cycle of its own
			return
		}
		if draft.Kinds == nil {
			draft.Kinds = kindsOf(draft)
		}
		reason := refusedLike(known, draft)
		if reason == "" {
			if plans++; plans > sweepPlans {
				return
			}
			var err error
			if _, reason, err = g.timedFill(ctx, draft); err != nil || reason == "" {
				return // its own turn comes next
			}
			known = append(known, draft)
		}
		if !g.ledger.RefuseBehind(draft, reason) {
			return
		}
		logger.V(4).Info("Gang does not fit either", "gang", draft.Key, "reason", reason)
		leader := draft.Members[0]
		g.turnAway(logger, leader, g.holds.against(leader, g.ledger.Order))
		g.teller.Tell(draft.Key, false)
	}
}

// refusedLike returns why a draft is refused whose members are like those of one that was refused on the same snapshot, and
// that goes after it: so it finds no more room. It is empty when that cannot be told.
func refusedLike(known []*gang.Draft, draft *gang.Draft) string {
	if len(draft.Kinds) != 1 || draft.Need() < len(draft.Members) {
		return ""
	}
	for _, other := range known {
		short := other.Shortfall()
		if !short.Alike || len(other.Kinds) != 1 || short.Fit >= draft.Need() || draft.Spec.RequiredTopology != "" ||
			other.Spec.RequiredTopology != "" {
			continue
		}
		if isOverSooner(draft.Kinds[0], other.Kinds[0]) { // more room may be open to it
			continue
		}
		if mine := draft.Kinds[0]; mine != other.Kinds[0] && (!isPlain(mine) || !fitAlike(mine, other.Kinds[0])) {
			continue
		}
		draft.Kinds = other.Kinds // so that events are judged once for both
		return draft.Refuse(short.For(draft))
	}
	return ""
}

// mostKinds bounds what is remembered of a refused gang.
const mostKinds = 8

// kindsOf returns one member of each kind; nil when there are too many.
func kindsOf(draft *gang.Draft) []*corev1.Pod {
	var kinds []*corev1.Pod
	for _, pod := range draft.Members {
		plain := isPlain(pod)
		if slices.ContainsFunc(kinds, func(kind *corev1.Pod) bool { return plain && isPlain(kind) && fitAlike(kind, pod) }) {
			continue
		}
		if len(kinds) == mostKinds {
			return nil
		}
		kinds = append(kinds, pod)
	}
	return kinds
}

// isPlain reports whether where pod fits depends on nothing but the nodes, and what they have left.
func isPlain(pod *corev1.Pod) bool {
	spec := &pod.Spec
	return len(spec.TopologySpreadConstraints) == 0 && len(spec.ResourceClaims) == 0 && !usesStorage(pod) &&
		(spec.Affinity == nil || (spec.Affinity.PodAffinity == nil && spec.Affinity.PodAntiAffinity == nil))
}
