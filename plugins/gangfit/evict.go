// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

const (
	evictAtOnce = 16          // pods that are ended at the same time
	evictWithin = time.Minute // after that whoever asked finds the pods still there, and may ask again
)

// evict ends pods that belong together: each gets the condition DisruptionTarget with the reason and the message, and when
// all have it, all are deleted. Whoever sees one of them end knows why, and none runs on long without the others. A pod that
// is gone, or whose name another pod has by now, is left alone; so evicting twice is harmless.
func (g *GangFit) evict(ctx context.Context, pods []*corev1.Pod, reason, message string) error {
	ctx, cancel := context.WithTimeout(ctx, evictWithin)
	defer cancel()
	if err := eachPod(pods, func(pod *corev1.Pod) error { return g.markDisrupted(ctx, pod, reason, message) }); err != nil {
		return err
	}
	return eachPod(pods, func(pod *corev1.Pod) error {
		err := crashpoint.Around("pods/evict", func() error {
			return g.fwk.ClientSet().CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
				Preconditions: metav1.NewUIDPreconditions(string(pod.UID)),
			})
		})
		return describe("delete", pod, err)
	})
}

// markDisrupted sets the condition DisruptionTarget, unless a scheduler that died had set it: its reason stands.
func (g *GangFit) markDisrupted(ctx context.Context, pod *corev1.Pod, reason, message string) error {
	if gang.IsMarked(pod) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID},
		"status": map[string]any{"conditions": []corev1.PodCondition{{
			Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: reason, Message: message,
			LastTransitionTime: metav1.NewTime(g.clock.Now()),
		}}},
	})
	if err != nil {
		return fmt.Errorf("mark pod %s: %w", pod.Name, err)
	}
	err = crashpoint.Around("pods/mark-disrupted", func() error {
		_, err := g.fwk.ClientSet().CoreV1().Pods(pod.Namespace).
			Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
		return err
	})
	return describe("mark", pod, err)
}

// eachPod does something with every pod, with a few at once, and tries again what the API server may take next time. It
// returns the first error once all are through.
func eachPod(pods []*corev1.Pod, do func(*corev1.Pod) error) error {
	var group errgroup.Group
	group.SetLimit(evictAtOnce)
	for _, pod := range pods {
		group.Go(func() error {
			return retry.OnError(retry.DefaultBackoff, isPassing, func() error { return do(pod) })
		})
	}
	return group.Wait()
}

// isPassing reports whether what failed may work when it is tried again at once.
func isPassing(err error) bool {
	return !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err)
}

// describe wraps an error of the API server. That the pod is gone, or another one now, is none.
func describe(action string, pod *corev1.Pod, err error) error {
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return fmt.Errorf("%s pod %s: %w", action, pod.Namespace+"/"+pod.Name, err)
}
