// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/events"
	"k8s.io/kubernetes/pkg/scheduler"
	schedulerapi "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/muster-batch/muster/plugins/config"
	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/plugins/gangfit"
	"github.com/muster-batch/muster/plugins/gangpack"
	"github.com/muster-batch/muster/plugins/gangsort"
	"github.com/muster-batch/muster/plugins/soletenant"
)

// Namespace is where the builders put pods.
const Namespace = "default"

// Cluster is a running scheduler over an API server in memory. Binding a pod sets its node and merges the Binding's
// annotations, as the real one does.
type Cluster struct {
	Client    *fake.Clientset
	Scheduler *scheduler.Scheduler

	tb       testing.TB
	mu       sync.Mutex // guards what follows
	bindings []corev1.Binding
	failBind func(*corev1.Binding) error
}

// Start runs a scheduler until the test ends. The objects exist before it starts, as after a restart.
func Start(tb testing.TB, objects ...runtime.Object) *Cluster {
	tb.Helper()
	widenWatches()
	ctx, cancel := context.WithCancel(context.Background())
	c := &Cluster{Client: fake.NewClientset(objects...), tb: tb}
	c.Client.PrependReactor("create", "pods", c.bind)
	watching := countWatches(c.Client, "pods", "nodes")
	cfg, err := Configuration()
	if err != nil {
		tb.Fatal(err)
	}
	informers := scheduler.NewInformerFactory(c.Client, 0)
	c.Scheduler, err = scheduler.New(ctx, c.Client, informers, nil,
		func(string) events.EventRecorder { return &events.FakeRecorder{} },
		scheduler.WithProfiles(cfg.Profiles...),
		scheduler.WithFrameworkOutOfTreeRegistry(Registry()),
		scheduler.WithPodInitialBackoffSeconds(cfg.PodInitialBackoffSeconds),
		scheduler.WithPodMaxBackoffSeconds(cfg.PodMaxBackoffSeconds))
	if err != nil {
		tb.Fatal(err)
	}
	informers.Start(ctx.Done())
	informers.WaitForCacheSync(ctx.Done())
	watching.Wait()
	if err := c.Scheduler.WaitForHandlersSync(ctx); err != nil {
		tb.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { c.Scheduler.Run(ctx) })
	tb.Cleanup(func() {
		cancel()
		running.Wait()
		informers.Shutdown()
	})
	return c
}

// Configuration returns the built-in configuration as kube-scheduler understands it.
func Configuration() (*schedulerapi.KubeSchedulerConfiguration, error) {
	obj, _, err := scheme.Codecs.UniversalDecoder().Decode(config.Default(), nil, nil)
	if err != nil {
		return nil, fmt.Errorf("decode the built-in configuration: %w", err)
	}
	cfg, ok := obj.(*schedulerapi.KubeSchedulerConfiguration)
	if !ok {
		return nil, fmt.Errorf("the built-in configuration is a %T", obj)
	}
	return cfg, nil
}

// Registry returns the plugins that batch-scheduler adds, sharing a new ledger.
func Registry() frameworkruntime.Registry { return registryOf(gang.NewLedger()) }

func registryOf(ledger *gang.Ledger) frameworkruntime.Registry {
	return frameworkruntime.Registry{
		gangsort.Name:    gangsort.Factory(ledger),
		gangfit.Name:     gangfit.Factory(ledger, gangfit.NewMetrics(ledger)),
		gangfit.GateName: gangfit.GateFactory(ledger),
		gangpack.Name:    gangpack.Factory(nil),
		soletenant.Name:  soletenant.New,
	}
}

// widenWatches gives the fake API server's watches more room: one whose reader is behind by more than they hold panics.
var widenWatches = sync.OnceFunc(func() { watch.DefaultChanSize = 1 << 12 })

// countWatches returns a group that is done once each of the resources is watched. What happens between a list and its watch
// the fake API server does not send.
func countWatches(client *fake.Clientset, resources ...string) *sync.WaitGroup {
	var group sync.WaitGroup
	for _, resource := range resources {
		group.Add(1)
		once := sync.OnceFunc(group.Done)
		client.PrependWatchReactor(resource, func(action clienttesting.Action) (bool, watch.Interface, error) {
			w, err := client.Tracker().Watch(action.GetResource(), action.GetNamespace())
			once()
			return true, w, err
		})
	}
	return &group
}

// bind is what the fake API server does with a Binding.
func (c *Cluster) bind(action clienttesting.Action) (bool, runtime.Object, error) {
	if action.GetSubresource() != "binding" {
		return false, nil, nil
	}
	binding := action.(clienttesting.CreateAction).GetObject().(*corev1.Binding)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failBind != nil {
		if err := c.failBind(binding); err != nil {
			return true, nil, err
		}
	}
	resource := corev1.SchemeGroupVersion.WithResource("pods")
	obj, err := c.Client.Tracker().Get(resource, binding.Namespace, binding.Name)
	if err != nil {
		return true, nil, err
	}
	pod := obj.(*corev1.Pod).DeepCopy()
	if pod.Spec.NodeName != "" {
		return true, nil, fmt.Errorf("pod %s is already assigned to node %s", pod.Name, pod.Spec.NodeName)
	}
	pod.Spec.NodeName = binding.Target.Name
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	maps.Copy(pod.Annotations, binding.Annotations)
	c.bindings = append(c.bindings, *binding)
	return true, binding, c.Client.Tracker().Update(resource, pod, binding.Namespace)
}

// FailBind makes binds fail for which f returns an error; nil ends that.
func (c *Cluster) FailBind(f func(*corev1.Binding) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failBind = f
}

// Bindings returns the bindings made so far, in order.
func (c *Cluster) Bindings() []corev1.Binding {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.bindings)
}

// patience is how long Await waits: much longer than anything takes, so only a real failure reaches it.
const patience = 5 * time.Minute
