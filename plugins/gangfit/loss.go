// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const (
	guardEvery = time.Second      // between two looks for gangs that lost members
	guardAgain = 10 * time.Second // after a look that ended in an error
)

// guard hands back gangs that lost members and ask for it, until ctx ends. It looks at where the gangs stand, not at what
// happened, so a gang that was not handed back the first time is the next.
//
// A scheduler that is not the leader does so, too. That is harmless: each asks the API server before it ends anything, and
// ending a pod twice is ending it once.
func (g *GangFit) guard(ctx context.Context) {
	var vigil gang.Vigil
	for {
		wait := guardEvery
		due := vigil.Due(g.clock.Now(), g.args.MemberLossTimeout.Duration, g.ledger.Short())
		if err := g.handBackAll(ctx, due); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Gangs that lost members are looked at again")
			wait = guardAgain
		}
		timer := g.clock.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
		}
	}
}

func (g *GangFit) handBackAll(ctx context.Context, due []gang.Short) error {
	var errs []error
	for _, short := range due {
		if err := g.handBack(ctx, short); err != nil {
			errs = append(errs, fmt.Errorf("hand back gang %s: %w", short.Key, err))
		}
	}
	return errors.Join(errs...)
}

// handBack ends the members that are left of a gang, so that whoever made them makes the gang anew, whole.
func (g *GangFit) handBack(ctx context.Context, short gang.Short) error {
	label := batchmeta.Gang
	if short.Key.PodGroup {
		label = batchmeta.PodGroup
	}
	selector := labels.SelectorFromSet(labels.Set{label: short.Key.Name}).String()
	pods, err := g.fwk.ClientSet().CoreV1().Pods(short.Key.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return fmt.Errorf("list its pods: %w", err)
	}
	if !short.Holds(pods.Items) {
		return nil
	}
	reason := short.Reason()
	klog.FromContext(ctx).V(2).Info("Handing back gang", "gang", short.Key, "members", len(short.Pods), "reason", reason)
	if err := g.evict(ctx, short.Pods, batchmeta.ReasonMemberLost, reason); err != nil {
		return err
	}
	if recorder := g.fwk.EventRecorder(); recorder != nil { // there is none in some tests
		recorder.Eventf(short.Pods[0], nil, corev1.EventTypeWarning, batchmeta.ReasonMemberLost, "HandBack", "%s", reason)
	}
	return nil
}
