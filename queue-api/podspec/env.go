// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// batchEnv is AWS Batch's own environment, in its order. It goes first, so that a definition's variables may refer to it.
func batchEnv(in Input, m member) []corev1.EnvVar {
	env := []corev1.EnvVar{
		{Name: "AWS_BATCH_JOB_KUBERNETES_NODE_UID", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{
			APIVersion: "v1", FieldPath: "metadata.annotations['" + batchmeta.NodeUID + "']",
		}}},
		{Name: "AWS_BATCH_JOB_ID", Value: m.id},
		{Name: "AWS_BATCH_JQ_NAME", Value: in.Job.Queue},
		{Name: "AWS_BATCH_JOB_ATTEMPT", Value: strconv.Itoa(in.Attempt)},
		{Name: "AWS_BATCH_CE_NAME", Value: in.Environment.Name},
	}
	if in.Job.IsChild() {
		env = append(
			env,
			number("AWS_BATCH_JOB_ARRAY_INDEX", *in.Job.ArrayIndex),
			number("AWS_BATCH_JOB_ARRAY_SIZE", in.Job.ArraySize),
		)
	}
	if m.gang != nil {
		env = append(env, m.gang.env()...)
	}
	if in.Traceparent != "" { // by which the job's own spans become part of its trace, unless the definition has another one
		env = append(env, corev1.EnvVar{Name: "TRACEPARENT", Value: in.Traceparent})
	}
	return env
}

// env tells a node of the others. AWS Batch: the main node is the one that does not have its own address.
func (g *gang) env() []corev1.EnvVar {
	env := []corev1.EnvVar{
		number("AWS_BATCH_JOB_MAIN_NODE_INDEX", g.main),
		number("AWS_BATCH_JOB_NODE_INDEX", g.index),
		number("AWS_BATCH_JOB_NUM_NODES", g.size),
	}
	if g.index == g.main {
		return env
	}
	return append(env, corev1.EnvVar{
		Name: "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS",
		ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: g.name}, Key: MainAddressKey, Optional: new(false),
		}},
	})
}

func number(name string, n int) corev1.EnvVar {
	return corev1.EnvVar{Name: name, Value: strconv.Itoa(n)}
}
