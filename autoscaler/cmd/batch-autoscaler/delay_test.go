// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// patient is an environment whose nodes are kept for 20 minutes after their last job.
func patient() types.ComputeEnvironmentDetail {
	e := environment(0, 64)
	e.ComputeResources.ScalingPolicy = &types.ComputeScalingPolicy{MinScaleDownDelayMinutes: aws.Int32(20)}
	return e
}

func TestMinScaleDownDelayCountsFromTheLastJob(t *testing.T) {
	t.Parallel()
	r := running(t, patient())
	r.change("a", finish(corev1.PodSucceeded))
	r.age()
	for range 15 {
		r.elapse(time.Minute)
	}
	if r.instances() != 1 {
		t.Fatal("the node went before its time")
	}
	for range 3 {
		r.elapse(time.Minute)
	}
	r.loops("the node to go", r.gone)
}

func TestMinScaleDownDelayIsNotForNodesThatRanNoJob(t *testing.T) {
	t.Parallel()
	r := newRig(t, patient())
	r.pods("a")
	r.loops("a node", func() bool { return len(r.nodeNames()) == 1 })
	r.provider.Wait()
	if err := r.client.CoreV1().Pods("jobs").Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.loops("nobody to want it", func() bool { return len(r.index.Demands()) == 0 })
	r.age()
	r.loops("the node to go", r.gone)
}
