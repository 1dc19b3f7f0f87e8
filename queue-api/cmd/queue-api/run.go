// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	authenticationv1client "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/clusterview"
	"github.com/muster-batch/muster/queue-api/controlplane"
	"github.com/muster-batch/muster/queue-api/dispatch"
	"github.com/muster-batch/muster/queue-api/events"
	"github.com/muster-batch/muster/queue-api/fsck"
	"github.com/muster-batch/muster/queue-api/httpapi"
	"github.com/muster-batch/muster/queue-api/podevents"
	"github.com/muster-batch/muster/queue-api/redisstore"
	"github.com/muster-batch/muster/queue-api/spending"
	"github.com/muster-batch/muster/queue-api/summary"
)

// run joins the parts and runs them until ctx ends or one fails for good.
func run(ctx context.Context, o options) error {
	// 1. Everything that can be refused at once is looked at before anything is started.
	apiListener, healthListener, err := o.listeners()
	if err != nil {
		return err
	}
	kube, err := kubeClient(o)
	if err != nil {
		return err
	}
	registered, err := o.registered(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	// What the API stands on outlives it: it answers on for a while after ctx ends.
	base, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	// 2. The store.
	client, durability, err := openRedis(base, group, o)
	if err != nil {
		return err
	}
	defer client.Close()
	registry := prometheus.NewRegistry()
	count, err := newMeters(registry)
	if err != nil {
		return err
	}
	traces, flush, err := newTraces(ctx)
	if err != nil {
		return err
	}
	defer flush()
	store := redisstore.New(client, redisstore.Config{
		Durability: durability, Retention: o.retention, MaxJobs: o.maxQueueJobs, Observer: observed(count.jobs, traces), Metrics: count.store,
	})
	var safe atomic.Bool
	group.Go(func() error { return checkStore(ctx, store, &safe) })
	// 3. The API.
	kept, err := o.openLogs(ctx, registry)
	if err != nil {
		return err
	}
	answers := answering(store, &safe)
	api, composer, err := newAPI(ctx, o, kube, store, registry, kept, newPeers(o, kube, registered), newStatusView(o, kube, answers, kept))
	if err != nil {
		return err
	}
	health := httpapi.NewHealth(registry, notEnding(ctx), answers)
	group.Go(func() error { return health.Run(base, healthListener) })
	group.Go(func() error {
		defer release()
		return api.Run(ctx, apiListener)
	})
	// 4. The leader's part.
	keep, err := newLasting(o, store, composer, registry)
	if err != nil {
		return err
	}
	keep.registered, keep.logs, keep.count, keep.traces = registered, kept, count, traces
	if kept != nil {
		kept.traces = traces
	}
	group.Go(func() error { return count.jobs.Run(ctx, store) })
	group.Go(func() error { return elect(ctx, kube, o, store, keep) })
	klog.FromContext(ctx).Info("Serving the Batch API", "address", apiListener.Addr().String(), "durability", durability)
	err = group.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// listeners takes the addresses of the API and of its health.
func (o *options) listeners() (api, health net.Listener, err error) {
	if api, err = net.Listen("tcp", o.listen); err != nil {
		return nil, nil, fmt.Errorf("--listen: %w", err)
	}
	if api, err = o.secure(httpapi.Bound(api, o.maxConnections)); err != nil {
		return nil, nil, err
	}
	if health, err = net.Listen("tcp", o.healthAddress); err != nil {
		return nil, nil, fmt.Errorf("--health-address: %w", err)
	}
	return api, health, nil
}

// newLasting makes what has metrics.
func newLasting(o options, store *redisstore.Store, composer events.Composer, registry prometheus.Registerer) (keep lasting, err error) {
	if keep.webhooks, err = newWebhooks(o, store, composer, registry); err != nil {
		return keep, err
	}
	if keep.metrics, err = dispatch.NewMetrics(registry); err != nil {
		return keep, err
	}
	if keep.events, err = podevents.NewMetrics(registry); err != nil {
		return keep, err
	}
	if keep.reachable, err = newReachable(registry); err != nil {
		return keep, err
	}
	keep.checks, err = fsck.NewMetrics(registry)
	return keep, err
}

// answering is ready once Redis was found safe, and while it answers.
func answering(store *redisstore.Store, safe *atomic.Bool) httpapi.Check {
	return httpapi.Check{Name: "redis", Ready: func(ctx context.Context) error {
		if !safe.Load() {
			return errors.New("not yet checked")
		}
		return store.Ping(ctx)
	}}
}

// notEnding is not ready from when the program is told to end, so that balancers send no more.
func notEnding(ctx context.Context) httpapi.Check {
	return httpapi.Check{Name: "shutdown", Ready: func(context.Context) error {
		if ctx.Err() != nil {
			return errors.New("the program is ending")
		}
		return nil
	}}
}

// newAPI makes the server of the Batch API, and what makes events of the jobs that the API knows.
func newAPI(
	ctx context.Context, o options, kube cluster, store *redisstore.Store, registry prometheus.Registerer, kept *logArchive, all *peers, status *statusView,
) (*httpapi.Server, events.Composer, error) {
	composer := events.Composer{Scope: batch.Scope{Region: o.region, Account: o.account}}
	cfg, err := o.service()
	if err != nil {
		return nil, composer, err
	}
	access, err := o.access(kube, store, cfg.Pod, o.consoleURL)
	if err != nil {
		return nil, composer, err
	}
	if access.authorizer != nil {
		cfg.Gate = access.authorizer
	}
	clusters := clusterview.New(store, all.views, clock.RealClock{})
	cfg.Look, cfg.Nodes = podLook{all.pods}, clusters
	service, err := controlplane.New(store, clock.RealClock{}, cfg)
	if err != nil {
		return nil, composer, err
	}
	composer.Jobs = controlplane.Records{Service: service}
	apiConfig := httpapi.Config{
		Region: o.region, Account: o.account, Drain: o.drain, MaxInFlight: o.maxRequests, SubmitRate: o.submitRateTotal, SubmitRateEach: o.submitRate,
		Events:  events.NewStream(store, composer, events.StreamConfig{Done: ctx.Done()}),
		SealKey: store.SealKey, Status: status.tell,
		Clusters: clusters,
	}
	access.apply(&apiConfig)
	newLogsAPI(store, kept, all).apply(&apiConfig, access.authorizer)
	if apiConfig.Console, err = o.newConsole(&access, store.SealKey); err != nil {
		return nil, composer, err
	}
	apiConfig.Views = views{summary.NewView(store, clock.RealClock{}), spending.New(store, clock.RealClock{}), service}
	api, err := httpapi.New(service, registry, apiConfig)
	return api, composer, err
}

// checkStore waits for Redis and refuses one that could lose jobs.
func checkStore(ctx context.Context, store *redisstore.Store, safe *atomic.Bool) error {
	for {
		err := store.Check(ctx)
		if err == nil || errors.Is(err, redisstore.ErrUnsafe) {
			safe.Store(err == nil)
			return err
		}
		if ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Redis does not answer yet")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// cluster is the API groups that the program uses. A whole clientset would take as much memory again as everything else.
type cluster struct {
	core           corev1client.CoreV1Interface
	coordination   coordinationv1client.CoordinationV1Interface
	authentication authenticationv1client.AuthenticationV1Interface
	authorization  authorizationv1client.AuthorizationV1Interface
	// logs reads what pods write. How many are read at once is bounded elsewhere: they do not hold up other requests.
	logs corev1client.CoreV1Interface
}

func kubeClient(o options) (cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return cluster{}, fmt.Errorf("cluster: %w", err)
	}
	config = o.tuned(config)
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return cluster{}, fmt.Errorf("cluster: %w", err)
	}
	var c cluster
	var errs [5]error
	c.core, errs[0] = corev1client.NewForConfigAndClient(config, client)
	c.coordination, errs[1] = coordinationv1client.NewForConfigAndClient(config, client)
	c.authentication, errs[2] = authenticationv1client.NewForConfigAndClient(config, client)
	c.authorization, errs[3] = authorizationv1client.NewForConfigAndClient(config, client)
	unbounded := rest.CopyConfig(config)
	unbounded.QPS = -1
	c.logs, errs[4] = corev1client.NewForConfigAndClient(unbounded, client)
	if err := errors.Join(errs[:]...); err != nil {
		return cluster{}, fmt.Errorf("cluster: %w", err)
	}
	return c, nil
}
