// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/hack/localcluster/node"
)

// options are the flags.
type options struct {
	listen, cluster, endpoint, ca string
	fleetCommand, kubeconfig      string
	machines                      int
	queue                         string
	notice                        time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:16454", "address of the API")
	flag.StringVar(&o.cluster, "cluster", "local", "name of the EKS cluster that there is")
	flag.StringVar(&o.endpoint, "cluster-endpoint", "", "URL of the cluster's API server")
	flag.StringVar(&o.ca, "cluster-ca", "", "file of the certificate authority of the cluster's API server")
	flag.StringVar(&o.fleetCommand, "fleet-command", "", "command, as of batch-autoscaler's exec fleet, that makes real nodes")
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig by which to make nodes that KWOK simulates, if there is no command")
	flag.IntVar(&o.machines, "machines", 0, "how many instances there can be at once; 0 for any number")
	flag.StringVar(&o.queue, "queue", "", "name of the queue of SQS that tells what becomes of instances; none if empty")
	flag.DurationVar(&o.notice, "notice", 2*time.Minute, "how long before it takes a Spot instance back EC2 says so")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "ec2fake:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	ca, err := os.ReadFile(o.ca)
	if err != nil {
		return fmt.Errorf("read certificate authority: %w", err)
	}
	host, types, err := newHost(o)
	if err != nil {
		return err
	}
	if err := host.clear(ctx); err != nil {
		return fmt.Errorf("end the machines of an earlier run: %w", err)
	}
	m := newMachines(host)
	cloud := ec2fake.New(ec2fake.Config{
		Cluster: o.cluster, Endpoint: o.endpoint, CertificateAuthority: base64.StdEncoding.EncodeToString(ca), Types: types,
		Launched: m.launched, Ended: m.ended, Queue: o.queue, Notice: o.notice,
	})
	m.cloud = cloud
	cloud.OnAsked(func(asked, short []ec2fake.Pool) {
		line(os.Stderr, "CreateFleet asked for %v, short of %v", asked, short)
	})
	if o.machines > 0 {
		cloud.SetStock(ec2fake.Pool{}, o.machines)
	}
	return serve(ctx, o.listen, logged(os.Stderr, ec2fake.WithControl(cloud)))
}

// serve serves until ctx ends. Replies that hang are not waited for.
func serve(ctx context.Context, address string, handler http.Handler) error {
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	end := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer end()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// newHost makes what machines run on, and says which types it can be.
func newHost(o options) (host, []instancetype.Type, error) {
	if o.fleetCommand == "" {
		s, err := newSimulated(o.kubeconfig)
		return s, nil, err
	}
	shape, err := node.MachineShape()
	if err != nil {
		return nil, nil, err
	}
	types := fitting(ec2fake.CommonTypes(), shape)
	if len(types) == 0 {
		return nil, nil, fmt.Errorf("no instance type is as small as this machine: %d vCPUs, %d MiB", shape.CPUs, shape.MemoryMiB)
	}
	return &local{command: o.fleetCommand, shape: shape}, types, nil
}

// fitting are the types that this machine has room for.
func fitting(types []instancetype.Type, s node.Shape) []instancetype.Type {
	return slices.DeleteFunc(types, func(t instancetype.Type) bool {
		return t.VCPUs > s.CPUs || t.MemoryMiB > s.MemoryMiB || t.GPUs > 0 || t.Architecture != runtime.GOARCH
	})
}
