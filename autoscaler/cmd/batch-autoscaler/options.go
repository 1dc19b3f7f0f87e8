// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/spf13/pflag"
	logsapi "k8s.io/component-base/logs/api/v1"
)

// Kinds of fleets.
const (
	fleetEC2  = "ec2"
	fleetExec = "exec"
	fleetKWOK = "kwok"
)

// options are the flags.
type options struct {
	Kubeconfig string
	QPS        float32
	Burst      int

	BatchEndpoint  string
	BatchTokenFile string
	BatchKeyFile   string
	Cluster        string
	HomeCluster    bool
	Region         string
	PollInterval   time.Duration

	Fleet        string
	FleetCommand string
	FleetTimeout time.Duration
	EC2Cluster   string
	EC2Role      string
	EC2Region    string
	EC2Endpoint  string
	EC2Queue     string

	ScaleDownDelay       time.Duration
	NodeDeleteDelay      time.Duration
	MaxNodeProvisionTime time.Duration
	InitialBackoff       time.Duration
	MaxBackoff           time.Duration
	StartupTaints        []string

	Namespace     string
	LeaderElect   bool
	LeaseDuration time.Duration

	HealthAddress string
	Logs          *logsapi.LoggingConfiguration
}

func newOptions() *options {
	return &options{
		QPS: 200, Burst: 400,
		BatchEndpoint: "http://127.0.0.1:8080", Region: "us-east-1", PollInterval: time.Second,
		Fleet: fleetExec, FleetTimeout: 2 * time.Minute,
		EC2Region:      cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")),
		ScaleDownDelay: time.Minute, NodeDeleteDelay: 5 * time.Second, MaxNodeProvisionTime: 15 * time.Minute,
		InitialBackoff: 5 * time.Second, MaxBackoff: 5 * time.Minute,
		StartupTaints: []string{
			"node.cloudprovider.kubernetes.io/uninitialized", "node.cilium.io/agent-not-ready", "ebs.csi.aws.com/agent-not-ready",
			"efs.csi.aws.com/agent-not-ready", "fsx.csi.aws.com/agent-not-ready",
		},
		Namespace: "muster-system", LeaderElect: true, LeaseDuration: 15 * time.Second,
		HealthAddress: "127.0.0.1:8085",
		Logs:          logsapi.NewLoggingConfiguration(),
	}
}

// AddFlags adds the options to a flag set.
func (o *options) AddFlags(f *pflag.FlagSet) {
	f.StringVar(&o.BatchEndpoint, "batch-endpoint", o.BatchEndpoint, "URL of the Batch API that compute environments are read from.")
	f.StringVar(&o.BatchTokenFile, "batch-token-file", o.BatchTokenFile,
		"File of the Kubernetes token from which the Batch API derives the key to sign with; empty if it asks nobody who they are.")
	f.StringVar(&o.BatchKeyFile, "batch-access-key-file", o.BatchKeyFile,
		"File of the access key to sign with instead, YAML of accessKeyId and secretAccessKey: for those outside the cluster of the Batch API.")
	f.StringVar(&o.Cluster, "cluster", o.Cluster,
		"Name or ARN of the cluster this is, where there are several: only environments that name it in eksClusterArn are looked after. Empty: all are.")
	f.BoolVar(&o.HomeCluster, "home-cluster", o.HomeCluster,
		"Whether this is the cluster that the Batch API is in: environments that name no cluster are looked after, too. Only with --cluster.")
	f.StringVar(&o.Region, "region", o.Region, "Region that requests to the Batch API are signed for.")
	f.DurationVar(&o.PollInterval, "batch-poll-interval", o.PollInterval, "Time between two reads of the compute environments.")
	f.StringVar(&o.Fleet, "fleet", o.Fleet, "Where instances come from: ec2, exec (a command of yours) or kwok (simulated nodes).")
	f.StringVar(&o.FleetCommand, "fleet-command", o.FleetCommand, "Path of the command of the exec fleet.")
	f.DurationVar(&o.FleetTimeout, "fleet-timeout", o.FleetTimeout, "How long one launch or termination may take.")
	f.StringVar(&o.EC2Cluster, "ec2-cluster", o.EC2Cluster,
		"Name of the EKS cluster that instances of EC2 join and are tagged with. Those tagged otherwise are left alone.")
	f.StringVar(&o.EC2Role, "ec2-instance-role", o.EC2Role,
		"Instance profile of nodes of environments that name none, as those of type FARGATE do.")
	f.StringVar(&o.EC2Region, "ec2-region", o.EC2Region, "Region of the instances; AWS_REGION by default, which EKS sets.")
	f.StringVar(&o.EC2Endpoint, "ec2-endpoint", o.EC2Endpoint, "URL of a stand-in for EC2, EKS and Systems Manager; empty for AWS.")
	f.StringVar(&o.EC2Queue, "ec2-interruption-queue", o.EC2Queue,
		"Name or URL of the queue of SQS that tells what EC2 will do with instances; without it, interrupted ones are noticed when they are gone.")
	f.DurationVar(&o.ScaleDownDelay, "scale-down-delay", o.ScaleDownDelay, "How long a node is idle before it is ended.")
	f.DurationVar(&o.NodeDeleteDelay, "node-delete-delay", o.NodeDeleteDelay,
		"How long after tainting an idle node it is looked at once more and then ended: time for a scheduler to see the taint.")
	f.DurationVar(&o.MaxNodeProvisionTime, "max-node-provision-time", o.MaxNodeProvisionTime,
		"How long a launched instance may take to become a node before it is ended.")
	f.DurationVar(&o.InitialBackoff, "initial-node-group-backoff", o.InitialBackoff, "How long a node group is left alone after a failed launch.")
	f.DurationVar(&o.MaxBackoff, "max-node-group-backoff", o.MaxBackoff, "The longest a node group is left alone as launches go on failing.")
	f.StringSliceVar(&o.StartupTaints, "startup-taints", o.StartupTaints,
		"Keys of taints that agents take off a node once they are ready: until then the node is still on its way.")
	f.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "Path of a kubeconfig; without one, the service account of the pod is used.")
	f.Float32Var(&o.QPS, "kube-api-qps", o.QPS, "Requests per second to the Kubernetes API.")
	f.IntVar(&o.Burst, "kube-api-burst", o.Burst, "Requests to the Kubernetes API that may come at once.")
	f.BoolVar(&o.LeaderElect, "leader-elect", o.LeaderElect, "Whether to elect a leader before doing anything.")
	f.StringVar(&o.Namespace, "leader-elect-namespace", o.Namespace, "Namespace of the lease and of the ledger of launches.")
	f.DurationVar(&o.LeaseDuration, "leader-elect-lease-duration", o.LeaseDuration, "How long a leader that went silent is waited for.")
	f.StringVar(&o.HealthAddress, "health-address", o.HealthAddress, "Address of /healthz, /readyz and /metrics.")
	logsapi.AddFlags(o.Logs, f)
}

// Validate checks options and what was left of the command line.
func (o *options) Validate(rest []string) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(rest) > 0 {
		fail("unexpected argument %q", rest[0])
	}
	if u, err := url.Parse(o.BatchEndpoint); err != nil || u.Host == "" {
		fail("--batch-endpoint %q is not a URL", o.BatchEndpoint)
	}
	if o.BatchTokenFile != "" && o.BatchKeyFile != "" {
		fail("--batch-token-file and --batch-access-key-file exclude each other")
	}
	if o.HomeCluster && o.Cluster == "" {
		fail("--home-cluster needs --cluster")
	}
	switch {
	case o.Fleet != fleetEC2 && o.Fleet != fleetExec && o.Fleet != fleetKWOK:
		fail("--fleet %q is none of ec2, exec, kwok", o.Fleet)
	case o.Fleet == fleetEC2 && (o.EC2Cluster == "" || o.EC2Region == ""):
		fail("--fleet=ec2 needs --ec2-cluster and --ec2-region")
	case o.Fleet != fleetEC2 && o.EC2Queue != "":
		fail("--ec2-interruption-queue needs --fleet=ec2")
	case o.Fleet == fleetExec && o.FleetCommand == "":
		fail("--fleet=exec needs --fleet-command")
	}
	for flag, d := range map[string]time.Duration{
		"batch-poll-interval": o.PollInterval, "fleet-timeout": o.FleetTimeout, "max-node-provision-time": o.MaxNodeProvisionTime,
		"initial-node-group-backoff": o.InitialBackoff, "leader-elect-lease-duration": o.LeaseDuration,
	} {
		if d <= 0 {
			fail("--%s must be positive", flag)
		}
	}
	if o.ScaleDownDelay < 0 || o.NodeDeleteDelay < 0 {
		fail("--scale-down-delay and --node-delete-delay must not be negative")
	}
	if o.MaxBackoff < o.InitialBackoff {
		fail("--max-node-group-backoff must not be less than --initial-node-group-backoff")
	}
	return errors.Join(errs...)
}
