// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"context"
	"fmt"
	"io"

	"k8s.io/client-go/kubernetes"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/autoscaler/doctor"
	"github.com/muster-batch/muster/autoscaler/fleet"
	fleetec2 "github.com/muster-batch/muster/autoscaler/fleet/ec2"
	"github.com/muster-batch/muster/autoscaler/nodetemplate"
	"github.com/muster-batch/muster/autoscaler/provider"
	"github.com/muster-batch/muster/queue-api/batch"
)

// commandDoctor is the argument before the flags that has everything looked at and nothing done.
const commandDoctor = "doctor"

// examine is the command doctor: it looks at all that the program with the same flags would need.
func examine(ctx context.Context, o *options, out io.Writer) error {
	findings := examineKubernetes(ctx, o)
	findings = append(findings, examineFleet(ctx, o)...)
	wrong, err := doctor.Print(out, findings)
	if err != nil {
		return err
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d checks failed", wrong, len(findings))
	}
	return nil
}

func examineKubernetes(ctx context.Context, o *options) []fleet.Finding {
	client, err := newClient(o)
	if err == nil {
		_, err = client.Discovery().ServerVersion()
	}
	reached := failing("Kubernetes API", err, "Correct --kubeconfig, or run as a pod with a service account.")
	if err != nil {
		return []fleet.Finding{reached}
	}
	findings, err := doctor.Access(ctx, client.AuthorizationV1().SelfSubjectAccessReviews(), o.Namespace)
	if err != nil {
		return []fleet.Finding{reached, failing("rights in Kubernetes", err, "")}
	}
	return append([]fleet.Finding{reached}, findings...)
}

// failing is the finding of something that an error ends.
func failing(subject string, err error, remedy string) fleet.Finding {
	if err == nil {
		return fleet.Finding{Subject: subject}
	}
	return fleet.Finding{Subject: subject, Problem: err.Error(), Remedy: remedy}
}

// examineFleet looks at the fleet, and with it at the Batch API, whose environments say what will be asked of it.
func examineFleet(ctx context.Context, o *options) []fleet.Finding {
	var client kubernetes.Interface
	var err error
	if o.Fleet == fleetKWOK {
		if client, err = newClient(o); err != nil {
			return nil // said already
		}
	}
	machines, notices, err := newFleet(ctx, o, client)
	made := failing("fleet "+o.Fleet, err, "Correct the flags that begin with --"+o.Fleet+" or --fleet, or give batch-autoscaler credentials.")
	if err != nil {
		return []fleet.Finding{made}
	}
	findings, prospects := examineEnvironments(ctx, o, machines)
	findings = append([]fleet.Finding{made}, findings...)
	if queue, ok := notices.(*fleetec2.Queue); ok {
		findings = append(findings, failing("interruption queue "+o.EC2Queue, queue.Verify(ctx),
			"Create the queue, correct --ec2-interruption-queue, and allow batch-autoscaler to read and delete the queue's messages."))
	}
	if e, ok := machines.(fleet.Examiner); ok {
		return append(findings, e.Examine(ctx, prospects)...)
	}
	_, err = machines.List(ctx)
	return append(findings, failing("list of the fleet's instances", err, ""))
}

func examineEnvironments(ctx context.Context, o *options, types computeenv.TypeResolver) ([]fleet.Finding, []fleet.Prospect) {
	reader := computeenv.New(o.batch(), types, computeenv.Config{Cluster: o.inCluster()})
	err := reader.Read(ctx)
	findings := []fleet.Finding{failing("Batch API at "+o.BatchEndpoint, err, "Correct --batch-endpoint and --batch-token-file.")}
	if err != nil {
		return findings, nil
	}
	var prospects []fleet.Prospect
	for _, e := range reader.Snapshot().All() {
		findings = append(findings, examineStatus(e))
		if len(e.Types) > 0 && !e.IsLeaving() {
			prospects = append(prospects, prospectOf(e))
		}
	}
	return findings, prospects
}

// examineStatus is what the environment says of itself.
func examineStatus(e *computeenv.Environment) fleet.Finding {
	f := fleet.Finding{Subject: "compute environment " + e.Name}
	switch {
	case e.TypesError != "":
		f.Problem, f.Remedy = e.TypesError, "Correct computeResources.instanceTypes."
	case e.Status == batch.ResourceInvalid:
		f.Problem, f.Note = "it is INVALID; its statusReason says why", true
	}
	return f
}

// prospectOf is a launch of the type that the environment likes best.
func prospectOf(e *computeenv.Environment) fleet.Prospect {
	t := e.Types[0]
	spec := nodetemplate.Spec{
		Group: provider.GroupID(e.Name, t.Name, e.CapacityType), EnvironmentUUID: e.UUID, CapacityType: e.CapacityType,
		Generation: e.Generation, Type: t,
	}
	return fleet.Prospect{MaxvCPUs: e.MaxvCPUs, LaunchRequest: fleet.LaunchRequest{
		Token: commandDoctor, Count: 1, NodeGroup: spec.Group, Type: t, CapacityType: e.CapacityType,
		Environment: fleet.Environment{Name: e.Name, UUID: e.UUID, Resources: e.Resources},
		Labels:      spec.Labels(), Taints: nodetemplate.Taints(e.UUID),
	}}
}
