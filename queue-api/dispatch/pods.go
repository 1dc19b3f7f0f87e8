// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/muster-batch/muster/queue-api/crashpoint"
)

// PodClient makes pods through the API server.
type PodClient struct {
	Client corev1client.PodsGetter
	// Created is told of each pod that was made. It may be nil, and must not block.
	Created func(*corev1.Pod)
}

var _ Pods = PodClient{}

// Create implements Pods.
func (p PodClient) Create(ctx context.Context, pod *corev1.Pod) error {
	err := crashpoint.Around("pods/create", func() error {
		made, err := p.Client.Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
		if err == nil && p.Created != nil {
			p.Created(made)
		}
		return err
	})
	switch {
	case err == nil, apierrors.IsAlreadyExists(err):
		return nil
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return fmt.Errorf("%w: %w", ErrRejected, err)
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	default:
		return err
	}
}

// Withdraw implements Pods. A pod that is bound between the look and the deletion is kept: its resourceVersion has changed.
func (p PodClient) Withdraw(ctx context.Context, namespace, name string) error {
	pods := p.Client.Pods(namespace)
	pod, err := pods.Get(ctx, name, metav1.GetOptions{})
	if err == nil && pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil {
		err = crashpoint.Around("pods/withdraw", func() error {
			return pods.Delete(ctx, name, metav1.DeleteOptions{
				Preconditions: &metav1.Preconditions{UID: &pod.UID, ResourceVersion: &pod.ResourceVersion},
			})
		})
	}
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}
