// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/record"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/autoscaler/fleet"
	fleetec2 "github.com/muster-batch/muster/autoscaler/fleet/ec2"
	fleetexec "github.com/muster-batch/muster/autoscaler/fleet/exec"
	fleetkwok "github.com/muster-batch/muster/autoscaler/fleet/kwok"
	"github.com/muster-batch/muster/autoscaler/interruption"
	"github.com/muster-batch/muster/queue-api/buildinfo"
	"github.com/muster-batch/muster/queue-api/jobtrace"
)

// run runs the program until ctx ends.
func run(ctx context.Context, o *options) error {
	client, err := newClient(o)
	if err != nil {
		return err
	}
	machines, notices, err := newFleet(ctx, o, client)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.HealthAddress)
	if err != nil {
		return fmt.Errorf("listen for health checks: %w", err)
	}
	tracer, err := jobtrace.Start(ctx, "batch-autoscaler", buildinfo.Get().Version)
	if err != nil {
		return err
	}
	defer flush(ctx, tracer)
	events := newBroadcaster(ctx, client)
	defer events.Shutdown()
	p := parts{
		client: client, api: o.batch(), fleet: machines, notices: notices,
		recorder: jobRecorder{events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "batch-autoscaler"})}, metrics: newMetricSet(),
		tracer: tracer, clock: clock.RealClock{},
	}
	p.metrics.register(legacyregistry.MustRegister)
	h := &health{clock: p.clock}
	klog.FromContext(ctx).Info("Starting batch-autoscaler", "fleet", o.Fleet, "batchEndpoint", o.BatchEndpoint, "health", listener.Addr())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serve(ctx, listener, h.handler()) })
	group.Go(func() error {
		lead := func(ctx context.Context) error { return lead(ctx, p, o, h) }
		if !o.LeaderElect {
			return lead(ctx)
		}
		return elect(ctx, client, p.recorder, o, lead)
	})
	return group.Wait()
}

// flushTimeout bounds how long the program's end waits for the last spans to be sent.
const flushTimeout = 5 * time.Second

func flush(ctx context.Context, tracer *jobtrace.Tracer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := tracer.Shutdown(ctx); err != nil {
		klog.FromContext(ctx).Error(err, "The last spans are lost")
	}
}

// runner is a fleet that has something to do in the background.
type runner interface {
	Run(ctx context.Context) error
}

// lead is one term of a leader: it builds everything anew, and what it began is finished when it returns.
func lead(ctx context.Context, p parts, o *options, h *health) error {
	h.lead(true)
	p.metrics.leader.Set(1)
	defer p.metrics.leader.Set(0)
	defer h.lead(false)
	l := newLoop(p.clock, func(took time.Duration, err error) {
		p.metrics.looked(took, err)
		h.looked(err)
	})
	e, err := newEngine(ctx, p, o, l.Wake)
	if err != nil {
		return err
	}
	defer e.provider.Wait()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return e.reader.Run(ctx) })
	if f, ok := p.fleet.(runner); ok {
		group.Go(func() error { return f.Run(ctx) })
	}
	group.Go(func() error {
		if err := e.start(ctx); err != nil {
			return unlessOver(ctx, err)
		}
		klog.FromContext(ctx).Info("Leading: cluster, compute environments and fleet are known")
		group.Go(func() error { return e.provider.Run(ctx) })
		group.Go(func() error { return e.drainer.Run(ctx) })
		group.Go(func() error { return e.reopener.Run(ctx) })
		group.Go(func() error { return e.reports.Run(ctx) })
		group.Go(func() error { return e.census.Run(ctx) })
		if e.watcher != nil {
			group.Go(func() error { return e.watcher.Run(ctx) })
		}
		return l.Run(ctx, e.runOnce)
	})
	err = group.Wait()
	e.orchestrator.Stop()
	e.informers.Shutdown()
	return err
}

// unlessOver is the error of a term, if it is not just that the term is over.
func unlessOver(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the end of the term is no failure
	}
	return err
}

// batch is the Batch API.
func (o *options) batch() computeenv.API {
	return computeenv.NewClient(computeenv.ClientConfig{
		Endpoint: o.BatchEndpoint, Region: o.Region, TokenFile: o.BatchTokenFile, AccessKeyFile: o.BatchKeyFile,
	})
}

// inCluster is the cluster whose environments are looked after.
func (o *options) inCluster() computeenv.Cluster {
	return computeenv.Cluster{Name: o.Cluster, IsHome: o.HomeCluster}
}

func newClient(o *options) (kubernetes.Interface, error) {
	var config *rest.Config
	var err error
	if o.Kubeconfig != "" {
		config, err = clientcmd.BuildConfigFromFlags("", o.Kubeconfig)
	} else {
		config, err = rest.InClusterConfig()
	}
	if err != nil {
		return nil, fmt.Errorf("configure the Kubernetes client: %w", err)
	}
	config.QPS, config.Burst = o.QPS, o.Burst
	config.UserAgent = "batch-autoscaler"
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make the Kubernetes client: %w", err)
	}
	return client, nil
}

// newFleet makes the fleet, and the queue of what is told of its instances if there is one.
func newFleet(ctx context.Context, o *options, client kubernetes.Interface) (fleet.Fleet, interruption.Queue, error) {
	switch o.Fleet {
	case fleetEC2:
		return newEC2Fleet(ctx, o)
	case fleetKWOK:
		return fleetkwok.New(client.CoreV1().Nodes()), nil, nil
	default:
		machines, err := fleetexec.New(o.FleetCommand)
		return machines, nil, err
	}
}

func newEC2Fleet(ctx context.Context, o *options) (fleet.Fleet, interruption.Queue, error) {
	client, err := fleetec2.NewClient(fleetec2.ClientConfig{Region: o.EC2Region, Endpoint: o.EC2Endpoint})
	if err != nil {
		return nil, nil, err
	}
	if err := client.Verify(ctx); err != nil {
		return nil, nil, fmt.Errorf("find credentials of AWS: %w", err)
	}
	machines, err := fleetec2.New(client, client, fleetec2.Config{Cluster: o.EC2Cluster, InstanceRole: o.EC2Role})
	if err != nil || o.EC2Queue == "" {
		return machines, nil, err
	}
	return machines, fleetec2.NewQueue(client, o.EC2Queue), nil
}

// newBroadcaster sends Events. Those of one pod are not merged into "similar events": what a pod is told must stay readable.
func newBroadcaster(ctx context.Context, client kubernetes.Interface) record.EventBroadcaster {
	b := record.NewBroadcaster(record.WithContext(context.WithoutCancel(ctx)), record.WithCorrelatorOptions(record.CorrelatorOptions{
		MaxEvents: 1000, BurstSize: 25, QPS: 1. / 30,
	}))
	b.StartRecordingToSink(jobSink{&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")}})
	return b
}
