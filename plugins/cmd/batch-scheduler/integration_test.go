// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// TestProgram runs the program under its own role against a real control plane. The steps build on one another: the
// cluster starts without a node.
func TestProgram(t *testing.T) {
	cluster := kubetest.Start(t)
	cluster.CreateNamespace("muster-system")
	cluster.Apply("../../../manifests/base/scheduler")
	program := build(t)
	scheduler := cluster.RunScheduler(program, "-v=2")

	step := func(name string, do func(c *client)) {
		if !t.Run(name, func(t *testing.T) { do(&client{ControlPlane: cluster.In(t), t: t}) }) {
			t.FailNow()
		}
	}
	step("health and metrics are open", func(c *client) { checkEndpoints(c, scheduler) })
	step("a pod waits for the first node", func(c *client) {
		c.create(plugintest.Pod("single", 2))
		c.awaitCondition("no nodes available", "single")
		c.awaitMetric(scheduler, `scheduler_pending_pods{queue="gated"} 1`) // not in a backoff that no event ends
		c.binds([]string{"single"}, func() { c.bootNode("node-1") })
		c.checkNodeUID("single")
	})
	step("a pod waits for one more node", func(c *client) {
		c.create(plugintest.Pod("another", 2))
		c.awaitCondition("Insufficient cpu", "another")
		c.binds([]string{"another"}, func() { c.bootNode("node-2") })
	})
	step("a gang of two waits for two nodes", func(c *client) {
		c.create(plugintest.Gang("pair", 2, 2)...)
		c.awaitCondition("gang pair: 0 of 2 members fit", "pair-0", "pair-1")
		c.bootNode("node-3")
		c.awaitCondition("gang pair: 1 of 2 members fit", "pair-0", "pair-1")
		c.binds([]string{"pair-0", "pair-1"}, func() { c.bootNode("node-4") })
		c.checkNodeUID("pair-0", "pair-1")
	})
	step("a gang takes the room of a deleted pod", func(c *client) {
		c.create(plugintest.Gang("heir", 2, 1)...)
		c.awaitCondition("gang heir: 0 of 2 members fit", "heir-0", "heir-1")
		c.binds([]string{"heir-0", "heir-1"}, func() { c.delete("single") })
	})
	step("the last member releases its gang", func(c *client) {
		c.bootNode("node-5")
		members := plugintest.Gang("late", 2, 1)
		c.create(members[0])
		c.binds([]string{"late-0", "late-1"}, func() { c.create(members[1]) })
	})
	step("Events name their job", func(c *client) {
		for name, pods := range map[string][]*corev1.Pod{"of-one": {plugintest.Pod("of-one", 64)}, "of-two": plugintest.Gang("of-two", 2, 64)} {
			for _, pod := range pods {
				metav1.SetMetaDataLabel(&pod.ObjectMeta, batchmeta.JobID, name)
			}
			c.create(pods...)
			c.awaitEvent("FailedScheduling", name)
			for _, pod := range pods {
				c.delete(pod.Name)
			}
		}
	})
	step("its role suffices", func(c *client) {
		if log := scheduler.Log(); strings.Contains(log, "forbidden") {
			c.t.Errorf("something was forbidden:\n%s", log)
		}
	})
	step("waiting pods survive kill -9", func(c *client) {
		c.create(plugintest.Gang("survivor", 2, 1)...)
		c.awaitCondition("gang survivor: 0 of 2 members fit", "survivor-0", "survivor-1")
		scheduler.Kill()
		second := c.RunScheduler(program, "--leader-elect=false")
		c.awaitReady(second)
		c.binds([]string{"survivor-0", "survivor-1"}, func() { c.bootNode("node-6") })
	})
}

// build builds the program.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "batch-scheduler")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("build batch-scheduler: %v\n%s", err, out)
	}
	return path
}

func checkEndpoints(c *client, scheduler *kubetest.Scheduler) {
	c.t.Helper()
	c.awaitReady(scheduler)
	want := map[string]int{"/healthz": 200, "/livez": 200, "/readyz": 200, "/metrics": 200, "/configz": 403, "/debug/pprof/": 403}
	for path, code := range want {
		if got, body := get(c.t.Context(), scheduler, path); got != code {
			c.t.Errorf("GET %s: %d, want %d\n%s", path, got, code, body)
		}
	}
}

// get returns the status and body of an anonymous request; 0 when there was no answer.
func get(ctx context.Context, scheduler *kubetest.Scheduler, path string) (int, string) {
	anybody := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+scheduler.Address+path, http.NoBody)
	if err != nil {
		return 0, err.Error()
	}
	response, err := anybody.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(body)
}

// client is what the steps do to the cluster.
type client struct {
	*kubetest.ControlPlane
	t *testing.T
}

func (c *client) awaitReady(scheduler *kubetest.Scheduler) {
	c.t.Helper()
	c.Await("batch-scheduler is ready", func(ctx context.Context) bool {
		code, _ := get(ctx, scheduler, "/readyz")
		return code == http.StatusOK
	})
}

func (c *client) create(pods ...*corev1.Pod) {
	c.t.Helper()
	for _, pod := range pods {
		pod.UID = ""
		pod.Spec.Containers[0].Name = "main"
		pod.Spec.Containers[0].Image = "busybox"
		if _, err := c.Client.CoreV1().Pods(pod.Namespace).Create(c.t.Context(), pod, metav1.CreateOptions{}); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *client) delete(name string) {
	c.t.Helper()
	now := int64(0)
	err := c.Client.CoreV1().Pods(plugintest.Namespace).Delete(c.t.Context(), name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) pod(ctx context.Context, name string) *corev1.Pod {
	pod, err := c.Client.CoreV1().Pods(plugintest.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	return pod
}

func (c *client) awaitCondition(text string, names ...string) {
	c.t.Helper()
	for _, name := range names {
		c.Await(name+": "+text, func(ctx context.Context) bool {
			cond := plugintest.Condition(c.pod(ctx, name))
			return cond != nil && cond.Reason == corev1.PodReasonUnschedulable && strings.Contains(cond.Message, text)
		})
	}
}

// awaitEvent waits for an Event that names a job by its label.
func (c *client) awaitEvent(reason, job string) {
	c.t.Helper()
	c.Await(reason+" of job "+job, func(ctx context.Context) bool {
		all, err := c.Client.EventsV1().Events(plugintest.Namespace).List(ctx, metav1.ListOptions{LabelSelector: batchmeta.JobID + "=" + job})
		return err == nil && slices.ContainsFunc(all.Items, func(e eventsv1.Event) bool { return e.Reason == reason })
	})
}

func (c *client) awaitMetric(scheduler *kubetest.Scheduler, line string) {
	c.t.Helper()
	c.Await(line, func(ctx context.Context) bool {
		_, body := get(ctx, scheduler, "/metrics")
		return strings.Contains(body, line)
	})
}

// bootNode does what a kubelet does: it registers a node that is not ready, and soon after says that it is, with two CPUs.
func (c *client) bootNode(name string) {
	c.t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}}}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "KubeletNotReady"}}
	nodes := c.Client.CoreV1().Nodes()
	node, err := nodes.Create(c.t.Context(), node, metav1.CreateOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	if !slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeNotReady }) {
		c.t.Fatalf("node %s is not tainted: %v", name, node.Spec.Taints)
	}
	c.Await(name+" says that it is ready", func(ctx context.Context) bool { // the controllers write the node too
		node, err := nodes.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false
		}
		node.Status.Conditions[0].Status = corev1.ConditionTrue
		node.Status.Capacity = corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("2"),
			corev1.ResourceMemory: resource.MustParse("8Gi"),
			corev1.ResourcePods:   resource.MustParse("110"),
		}
		node.Status.Allocatable = node.Status.Capacity
		_, err = nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{})
		return err == nil
	})
}

// patience bounds what a slow and busy machine takes: how soon pods are bound the benches measure.
const patience = 5 * time.Minute

// binds waits until the last of the pods has a node, and tells how long that is after the end of trigger.
func (c *client) binds(names []string, trigger func()) {
	c.t.Helper()
	w, err := c.Client.CoreV1().Pods(plugintest.Namespace).Watch(c.t.Context(), metav1.ListOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	defer w.Stop()
	trigger()
	start := time.Now()
	waiting := slices.Clone(names)
	deadline := time.After(patience)
	for len(waiting) > 0 {
		select {
		case event, more := <-w.ResultChan():
			if !more {
				c.t.Fatalf("the watch ended; not bound: %v", waiting)
			}
			if pod, ok := event.Object.(*corev1.Pod); ok && event.Type != watch.Deleted && pod.Spec.NodeName != "" {
				waiting = slices.DeleteFunc(waiting, func(name string) bool { return name == pod.Name })
			}
		case <-deadline:
			c.t.Fatalf("not bound: %v", waiting)
		}
	}
	c.t.Logf("%v bound after %v", names, time.Since(start))
}

func (c *client) checkNodeUID(names ...string) {
	c.t.Helper()
	for _, name := range names {
		pod := c.pod(c.t.Context(), name)
		node, err := c.Client.CoreV1().Nodes().Get(c.t.Context(), pod.Spec.NodeName, metav1.GetOptions{})
		if err != nil {
			c.t.Fatal(err)
		}
		if got, want := pod.Annotations[batchmeta.NodeUID], fmt.Sprint(node.UID); got != want {
			c.t.Errorf("pod %s has node UID %q, want %q", name, got, want)
		}
	}
}
