// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func uuidOf(environment int) string {
	return fmt.Sprintf("0b0c7a3e-5a58-4c0f-9d1c-%012d", environment)
}

// manyEnvironments are alike but in name.
func manyEnvironments(count int) []types.ComputeEnvironmentDetail {
	out := make([]types.ComputeEnvironmentDetail, count)
	for e := range out {
		out[e] = environment(0, 10_000)
		out[e].ComputeEnvironmentName, out[e].Uuid = aws.String(fmt.Sprint("env-", e)), aws.String(uuidOf(e))
	}
	return out
}

func inEnvironment(e int) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.NodeSelector[batchmeta.ComputeEnvironmentUUID] = uuidOf(e) }
}
