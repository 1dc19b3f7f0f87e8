// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"

	"github.com/muster-batch/muster/hack/localcluster/daemon"
	"github.com/muster-batch/muster/hack/localcluster/toolchain"
)

// dummyCredentials are for the AWS SDK, which signs nothing without some. The Batch API here looks at none.
var dummyCredentials = map[string]string{
	"AWS_ACCESS_KEY_ID":     "local",
	"AWS_SECRET_ACCESS_KEY": "local",
	"AWS_DEFAULT_REGION":    "us-east-1",
	"AWS_REGION":            "us-east-1",
}

// eksCluster is the name of the cluster of EKS that this one is, where there is a fake of EC2.
const eksCluster = "local"

// interruptionQueue is the name of the queue of SQS that there is beside it.
const interruptionQueue = "muster-local"

func (c *cluster) programPath(p toolchain.Program) string {
	return filepath.Join(c.at.programs(), p.Name())
}

func (c *cluster) queueAPI() component {
	args := []string{
		"--listen=" + c.Listen,
		"--health-address=" + c.queueHealth(),
		"--redis-url=" + c.redisURL(),
		"--kubeconfig=" + c.kubeconfigOf("queue-api"),
		"--namespace=" + jobNamespace,
	}
	if !c.simulated() { // a simulated node has no kubelet that could be asked for logs
		args = append(args, "--log-dir="+c.at.jobLogs())
	}
	return component{
		Program: daemon.Program{Name: "queue-api", Path: c.programPath(toolchain.QueueAPI), Args: args},
		address: c.Listen,
		after:   []string{stepBuild, stepManifests, "redis"},
		ready:   c.answers("http://" + c.queueHealth() + "/readyz"),
		durable: true,
	}
}

func (c *cluster) batchScheduler() component {
	address := c.scheduler()
	return component{
		Program: daemon.Program{Name: "batch-scheduler", Path: c.programPath(toolchain.Scheduler), Args: []string{
			"--kubeconfig=" + c.kubeconfigOf("batch-scheduler"),
			"--authentication-kubeconfig=" + c.kubeconfigOf("batch-scheduler"),
			"--authorization-kubeconfig=" + c.kubeconfigOf("batch-scheduler"),
			// There is one of it: after a kill -9 nobody's Lease is to be waited for.
			"--leader-elect=false",
			"--bind-address=127.0.0.1", "--secure-port=" + portOf(address),
			"--tls-cert-file=" + c.at.in("pki/server.crt"), "--tls-private-key-file=" + c.at.in("pki/server.key"),
		}},
		address: address,
		after:   []string{stepBuild, stepManifests},
		ready:   c.answers("https://" + address + "/readyz"),
		durable: true,
	}
}

func (c *cluster) batchAutoscaler() component {
	args := []string{
		"--kubeconfig=" + c.kubeconfigOf("batch-autoscaler"),
		"--batch-endpoint=" + c.endpoint(),
		"--health-address=" + c.autoscaler(),
		"--leader-elect=false",
	}
	switch {
	case c.Fleet == fleetEC2:
		args = append(args, "--fleet=ec2", "--ec2-cluster="+eksCluster, "--ec2-endpoint="+c.ec2URL(), "--ec2-instance-role=node",
			"--ec2-interruption-queue="+interruptionQueue)
	case c.simulated():
		args = append(args, "--fleet=kwok")
	default:
		args = append(args, "--fleet=exec", "--fleet-command="+c.at.fleet())
	}
	// It asks queue-api once a second, and its fleet; found there at once, it is ready at once.
	after := []string{stepBuild, stepManifests, "queue-api"}
	if c.Fleet == fleetEC2 {
		after = append(after, "ec2")
	}
	var env []string
	for key, value := range dummyCredentials {
		env = append(env, key+"="+value)
	}
	return component{
		Program: daemon.Program{Name: "batch-autoscaler", Path: c.programPath(toolchain.Autoscaler), Args: args, Env: env},
		address: c.autoscaler(),
		after:   after,
		ready:   c.answers("http://" + c.autoscaler() + "/readyz"),
		durable: true,
	}
}
