// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/scheduler-plugins/apis/scheduling/v1alpha1"
	podgroupclient "sigs.k8s.io/scheduler-plugins/pkg/generated/clientset/versioned/typed/scheduling/v1alpha1"

	"github.com/muster-batch/muster/plugins/gang"
)

//go:generate sh -c "(sed -n '/^#/p' ../../manifests/components/podgroups/kustomization.yaml; cat $(go list -m -f '{{.Dir}}' sigs.k8s.io/scheduler-plugins)/config/crd/bases/scheduling.x-k8s.io_podgroups.yaml) >../../manifests/components/podgroups/crd.yaml"

// podGroupsAgain is how often a cluster that has no PodGroups is asked whether it has them now.
const podGroupsAgain = 10 * time.Second

// podGroups feeds the ledger from the cluster's PodGroups for as long as their definition exists there. It is optional: a
// cluster without it costs one small request every now and then and not a line in the log.
type podGroups struct {
	client podgroupclient.SchedulingV1alpha1Interface
	clock  clock.Clock
	ledger *gang.Ledger
	follow func(klog.Logger, gang.Change)
}

// watchPodGroups starts to follow the PodGroups of the cluster; there are none without a configuration to reach it by.
func (g *GangFit) watchPodGroups(ctx context.Context, cluster *rest.Config) error {
	if cluster == nil {
		return nil
	}
	p, err := newPodGroups(cluster, g.clock, g.ledger, g.follow)
	if err != nil {
		return err
	}
	go p.run(ctx)
	return nil
}

func newPodGroups(
	cluster *rest.Config, clk clock.Clock, ledger *gang.Ledger, follow func(klog.Logger, gang.Change),
) (*podGroups, error) {
	cfg := rest.CopyConfig(cluster)
	cfg.ContentType, cfg.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON // all that custom resources speak
	client, err := podgroupclient.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make a client for PodGroups: %w", err)
	}
	return &podGroups{client: client, clock: clk, ledger: ledger, follow: follow}, nil
}

// run follows the PodGroups until ctx ends, whenever the cluster has them.
func (p *podGroups) run(ctx context.Context) {
	said := ""
	for ctx.Err() == nil {
		_, err := p.client.PodGroups(metav1.NamespaceAll).List(ctx, metav1.ListOptions{Limit: 1})
		switch {
		case err == nil:
			p.watch(ctx)
			said = ""
		case apierrors.IsNotFound(err):
		case err.Error() != said:
			said = err.Error()
			klog.FromContext(ctx).Error(err, "PodGroups are not known yet")
		}
		timer := p.clock.NewTimer(podGroupsAgain)
		select {
		case <-ctx.Done():
		case <-timer.C():
		}
		timer.Stop()
	}
}

// watch follows the PodGroups until ctx ends or their definition is deleted.
func (p *podGroups) watch(ctx context.Context) {
	logger := klog.FromContext(ctx)
	logger.Info("PodGroups are watched")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	informer := cache.NewSharedInformer(
		cache.NewListWatchFromClient(p.client.RESTClient(), "podgroups", metav1.NamespaceAll, fields.Everything()),
		&v1alpha1.PodGroup{}, 0)
	// A fresh informer takes all three.
	_ = informer.SetTransform(trimPodGroup)
	_ = informer.SetWatchErrorHandlerWithContext(func(ctx context.Context, r *cache.Reflector, err error) {
		if apierrors.IsNotFound(err) {
			cancel()
			return
		}
		cache.DefaultWatchErrorHandler(ctx, r, err)
	})
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) { p.observe(logger, obj) },
		UpdateFunc: func(old, obj any) {
			if changes(old, obj) {
				p.observe(logger, obj)
			}
		},
		DeleteFunc: func(obj any) { p.forget(logger, obj) },
	})
	informer.RunWithContext(ctx)
	for _, obj := range informer.GetStore().List() {
		p.forget(logger, obj)
	}
}

// trimPodGroup drops what nobody here reads.
func trimPodGroup(obj any) (any, error) {
	if pg, ok := obj.(*v1alpha1.PodGroup); ok {
		pg.ManagedFields, pg.Status = nil, v1alpha1.PodGroupStatus{}
	}
	return obj, nil
}

// changes reports whether an update is more than one of the status.
func changes(old, obj any) bool {
	was, now := old.(*v1alpha1.PodGroup), obj.(*v1alpha1.PodGroup)
	return was.UID != now.UID || was.Generation != now.Generation || !maps.Equal(was.Annotations, now.Annotations)
}

func (p *podGroups) observe(logger klog.Logger, obj any) {
	pg := obj.(*v1alpha1.PodGroup)
	p.follow(logger, p.ledger.ObserveGroup(pg.Namespace, pg.Name, gang.PodGroup{
		MinMember:   pg.Spec.MinMember,
		Patience:    max(0, time.Duration(ptr.Deref(pg.Spec.ScheduleTimeoutSeconds, 0))*time.Second),
		Needs:       pg.Spec.MinResources,
		Created:     pg.CreationTimestamp.Time,
		Annotations: pg.Annotations,
	}))
}

func (p *podGroups) forget(logger klog.Logger, obj any) {
	if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = gone.Obj
	}
	if pg, ok := obj.(*v1alpha1.PodGroup); ok {
		p.follow(logger, p.ledger.ForgetGroup(pg.Namespace, pg.Name))
	}
}

// lacking says which of the needs the free room of all nodes together does not hold; empty if none. It is a bound: what it
// lets pass may still not fit.
func lacking(needs corev1.ResourceList, infos []*framework.NodeInfo) string {
	for _, name := range slices.Sorted(maps.Keys(needs)) {
		want := needs[name]
		var free resource.Quantity
		for _, info := range infos {
			free.Add(freeOf(info, name))
		}
		free.Format = want.Format
		if free.Cmp(want) < 0 {
			return fmt.Sprintf("%s %s, and %s are free", want.String(), name, free.String())
		}
	}
	return ""
}

// freeOf returns how much of a resource is free on a node.
func freeOf(info *framework.NodeInfo, name corev1.ResourceName) resource.Quantity {
	free := amountOf(info.Allocatable, name) - amountOf(info.Requested, name)
	if name == corev1.ResourcePods {
		free = int64(info.Allocatable.AllowedPodNumber - len(info.Pods))
	}
	return quantityOf(name, max(0, free))
}
