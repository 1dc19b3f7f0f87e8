// SPDX-License-Identifier: Apache-2.0

//go:build integration && leaders

package leaders

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const (
	system      = "muster-system"
	environment = "0fb0a7c9-9ab3-4c84-8d5e-6a7f0b1c2d3e"

	// A wave is so many gangs, each member of which fills an instance.
	gangsOfWave = 2
	gangSize    = 3
	vcpus       = 4 // of an instance

	// patience bounds every wait: a Lease lives for 15 s, and the machine may have other things to do.
	patience = 3 * time.Minute
)

// world is a cluster whose nodes are instances of a cloud, and the gangs on it.
type world struct {
	*kubetest.ControlPlane
	t          *testing.T
	cloud      *ec2fake.Cloud
	ec2, batch *httptest.Server
	gangs      int
	maxVCPUs   atomic.Int64 // as much as all gangs so far need
	most       atomic.Int64 // vCPUs that there were at once
}

// state is what a wave begins with.
type state struct{ launches, bound int }

func newWorld(t *testing.T) *world {
	t.Helper()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	w := &world{ControlPlane: kubetest.Start(t), t: t}
	w.CreateNamespace(system)
	w.Apply("../../../manifests/base/scheduler")
	w.Apply("../../../manifests/base/autoscaler")
	w.cloud = ec2fake.New(ec2fake.Config{Launched: w.launched, Ended: w.ended})
	w.ec2 = httptest.NewServer(w.cloud)
	t.Cleanup(w.ec2.Close)
	w.batch = httptest.NewServer(http.HandlerFunc(w.describeEnvironments))
	t.Cleanup(w.batch.Close)
	beats, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		wait.UntilWithContext(beats, w.beat, 5*time.Second)
	}()
	t.Cleanup(func() { stop(); <-done })
	return w
}

// describeEnvironments is all of the Batch API that the autoscaler asks.
func (w *world) describeEnvironments(out http.ResponseWriter, _ *http.Request) {
	out.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(out, `{"computeEnvironments":[{"computeEnvironmentName":"ce","uuid":%q,"type":"MANAGED","state":"ENABLED","status":"VALID",
		"computeEnvironmentArn":"arn:aws:batch:us-east-1:123456789012:compute-environment/ce","containerOrchestrationType":"EKS",
		"computeResources":{"type":"EC2","allocationStrategy":"BEST_FIT_PROGRESSIVE","minvCpus":0,"maxvCpus":%d,
		"instanceTypes":["c5.xlarge"],"subnets":["%s"],"instanceRole":"node"}}]}`,
		environment, w.maxVCPUs.Load(), strings.Join(w.cloud.Subnets(), `","`))
}

// launched makes an instance a node that is ready.
func (w *world) launched(i ec2fake.Instance) {
	now := int64(len(w.cloud.Instances())) * vcpus
	w.most.Store(max(w.most.Load(), now)) // the cloud calls for one instance after the other
	if limit := w.maxVCPUs.Load(); now > limit {
		w.t.Errorf("%d vCPUs of at most %d", now, limit)
	}
	node, err := w.cloud.NodeOf(&i)
	if err != nil {
		w.t.Error(err)
		return
	}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady"}}
	if _, err := w.Client.CoreV1().Nodes().Create(context.Background(), node, metav1.CreateOptions{}); err != nil {
		w.t.Error(err)
	}
	w.beatOf(context.Background(), node.Name)
}

func (w *world) ended(i ec2fake.Instance) {
	err := w.Client.CoreV1().Nodes().Delete(context.Background(), i.NodeName(), metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		w.t.Error(err)
	}
}

// beat says that every node lives, as kubelets do.
func (w *world) beat(ctx context.Context) {
	all, err := w.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return // the next one comes soon
	}
	for i := range all.Items {
		w.beatOf(ctx, all.Items[i].Name)
	}
}

func (w *world) beatOf(ctx context.Context, node string) {
	leases := w.Client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: node}}
	lease.Spec.HolderIdentity, lease.Spec.RenewTime, lease.Spec.LeaseDurationSeconds = &node, new(metav1.NowMicro()), new(int32(40))
	_, err := leases.Create(ctx, lease, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		renewed := fmt.Appendf(nil, `{"spec":{"renewTime":%q}}`, lease.Spec.RenewTime.UTC().Format(metav1.RFC3339Micro))
		_, err = leases.Patch(ctx, node, types.MergePatchType, renewed, metav1.PatchOptions{})
	}
	if err != nil && ctx.Err() == nil {
		w.t.Logf("node %s does not say that it lives: %v", node, err)
	}
}

// submit adds a wave of gangs, and as many vCPUs as they need.
func (w *world) submit() {
	w.t.Helper()
	w.maxVCPUs.Add(gangsOfWave * gangSize * vcpus)
	for range gangsOfWave {
		w.gangs++
		for i := range gangSize {
			pod := member("g"+strconv.Itoa(w.gangs), i)
			if _, err := w.Client.CoreV1().Pods(pod.Namespace).Create(w.t.Context(), pod, metav1.CreateOptions{}); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

func member(gang string, i int) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: kubetest.Namespace, Name: gang + "-" + strconv.Itoa(i),
			Labels:      map[string]string{batchmeta.JobID: gang, batchmeta.Gang: gang, batchmeta.Shape: "s"},
			Annotations: map[string]string{batchmeta.GangSize: strconv.Itoa(gangSize)},
		},
		Spec: corev1.PodSpec{
			SchedulerName: batchmeta.SchedulerName,
			NodeSelector:  map[string]string{batchmeta.ComputeEnvironmentUUID: environment},
			Tolerations:   []corev1.Toleration{{Key: batchmeta.BatchNode, Operator: corev1.TolerationOpExists}},
			Containers: []corev1.Container{{
				Name: "main", Image: "busybox",
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
					corev1.ResourceCPU: resource.MustParse("3"), corev1.ResourceMemory: resource.MustParse("100Mi"),
				}},
			}},
		},
	}
}

func (w *world) pods() []corev1.Pod {
	all, err := w.Client.CoreV1().Pods(kubetest.Namespace).List(context.Background(), metav1.ListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return all.Items
}

// bound is how many pods have a node.
func (w *world) bound() (n int) {
	for _, pod := range w.pods() {
		if pod.Spec.NodeName != "" {
			n++
		}
	}
	return n
}

func (w *world) nodes() int {
	all, err := w.Client.CoreV1().Nodes().List(context.Background(), metav1.ListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(all.Items)
}

func (w *world) state() state { return state{launches: w.cloud.Calls("CreateFleet"), bound: w.bound()} }

func (w *world) await(what string, cond func() bool) {
	w.t.Helper()
	err := wait.PollUntilContextTimeout(w.t.Context(), 20*time.Millisecond, patience, true,
		func(context.Context) (bool, error) { return cond(), nil })
	if err != nil {
		w.t.Fatalf("waited in vain: %s: %d of %d pods bound, %d instances, %d nodes", what, w.bound(), w.gangs*gangSize, len(w.cloud.Instances()), w.nodes())
	}
}

func (w *world) awaitWhole() {
	w.t.Helper()
	w.await("all gangs are bound", func() bool { return w.bound() == w.gangs*gangSize })
}

// check holds what must be so when all gangs are bound: each pod has a node of its own, which an instance is, and there are
// no more.
func (w *world) check(t *testing.T, after string) {
	t.Helper()
	pods := w.pods()
	if len(pods) != w.gangs*gangSize {
		t.Errorf("after %s: %d pods, want %d", after, len(pods), w.gangs*gangSize)
	}
	tenants := map[string]string{}
	for _, pod := range pods {
		if other := tenants[pod.Spec.NodeName]; other != "" {
			t.Errorf("after %s: %s and %s are both on %s, which holds one", after, other, pod.Name, pod.Spec.NodeName)
		}
		tenants[pod.Spec.NodeName] = pod.Name
	}
	if bought := len(w.cloud.History()); bought != len(pods) {
		t.Errorf("after %s: %d instances bought for %d pods", after, bought, len(pods))
	}
	for _, i := range w.cloud.Instances() {
		if tenants[i.NodeName()] == "" {
			t.Errorf("after %s: instance %s has no pod", after, i.ID)
		}
	}
}

func (w *world) deleteAll() {
	w.t.Helper()
	now := metav1.DeleteOptions{GracePeriodSeconds: new(int64)}
	if err := w.Client.CoreV1().Pods(kubetest.Namespace).DeleteCollection(w.t.Context(), now, metav1.ListOptions{}); err != nil {
		w.t.Fatal(err)
	}
}
