// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/explain"
	"github.com/muster-batch/muster/queue-api/redistest"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// counter is the program before a real API server, for those who ask it why.
type counter struct {
	*kubetest.ControlPlane

	t        *testing.T
	endpoint string
	redis    *redistest.Server
}

func openCounter(t *testing.T) *counter {
	t.Helper()
	cluster := kubetest.Start(t)
	cluster.Apply("../../../manifests/base")
	server := redistest.Start(t, redistest.Safe()...)
	var o options
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.addFlags(fs)
	err := fs.Parse([]string{
		"--kubeconfig=" + cluster.Kubeconfig(kubetest.QueueAPIToken), "--listen=" + freeAddress(t), "--health-address=" + freeAddress(t),
		"--redis-url=" + server.URL(),
	})
	if err != nil {
		t.Fatal(err)
	}
	runProgram(t, o)
	return &counter{ControlPlane: cluster, t: t, endpoint: "http://" + o.listen, redis: server}
}

// send sends a request and decodes the answer, if there is to be one. It returns 0 if there is none.
func (c *counter) send(method, path, body string, out any) int {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.endpoint+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		return 0
	}
	if out != nil && reply.StatusCode == http.StatusOK {
		if err := json.NewDecoder(bytes.NewReader(text)).Decode(out); err != nil {
			c.t.Fatal(err)
		}
	}
	return reply.StatusCode
}

func (c *counter) must(path, body string, out any) {
	c.t.Helper()
	if status := c.send(http.MethodPost, path, body, out); status != http.StatusOK {
		c.t.Fatalf("%s %s: %d", path, body, status)
	}
}

func (c *counter) submit(queue, definition string) string {
	c.t.Helper()
	var out struct{ JobID string }
	c.must("/v1/submitjob", fmt.Sprintf(`{"jobName":"j","jobQueue":%q,"jobDefinition":%q}`, queue, definition), &out)
	return out.JobID
}

// wantCode waits until the job has a code, and its statusReason is the explanation's.
func (c *counter) wantCode(id string, want explain.Code, words string) {
	c.t.Helper()
	var last viewapi.Explanation
	defer func() {
		if c.t.Failed() {
			c.t.Logf("last: %+v", last)
		}
	}()
	c.Await(string(want), func(context.Context) bool {
		var e viewapi.Explanation
		var out struct {
			Jobs []struct{ StatusReason string }
		}
		if c.send(http.MethodGet, viewapi.PathExplanation(id), "", &e) != http.StatusOK ||
			c.send(http.MethodPost, "/v1/describejobs", `{"jobs":["`+id+`"]}`, &out) != http.StatusOK || len(out.Jobs) != 1 {
			return false // Redis was away a moment ago
		}
		last = e
		return last.Code == string(want) && strings.Contains(last.Reason+last.Scheduler, words) &&
			(out.Jobs[0].StatusReason == "" || out.Jobs[0].StatusReason == last.Reason)
	})
}

// podOf waits for the job's pod.
func (c *counter) podOf(id string) *corev1.Pod {
	c.t.Helper()
	var pod *corev1.Pod
	c.Await("the pod of "+id, func(ctx context.Context) bool {
		list, err := c.Client.CoreV1().Pods("").List(ctx, metav1.ListOptions{LabelSelector: batchmeta.JobID + "=" + id})
		if err != nil || len(list.Items) == 0 {
			return false
		}
		pod = &list.Items[0]
		return true
	})
	return pod
}

func (c *counter) hasPod(id string) bool {
	c.t.Helper()
	list, err := c.Client.CoreV1().Pods("").List(c.t.Context(), metav1.ListOptions{LabelSelector: batchmeta.JobID + "=" + id})
	if err != nil {
		c.t.Fatal(err)
	}
	return len(list.Items) > 0
}

func (c *counter) status(pod *corev1.Pod, change func(*corev1.PodStatus)) {
	c.t.Helper()
	c.Await("a status is written", func(ctx context.Context) bool {
		now, err := c.Client.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return false
		}
		change(&now.Status)
		_, err = c.Client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, now, metav1.UpdateOptions{})
		return err == nil
	})
}

// setUp makes queues that are paused and not, and definitions whose pods the API server refuses each for a reason of its own.
func (c *counter) setUp() {
	c.t.Helper()
	ctx := c.t.Context()
	for name, level := range map[string]string{"strict": "restricted", "small": ""} {
		labels := map[string]string{}
		if level != "" {
			labels["pod-security.kubernetes.io/enforce"] = level
		}
		if _, err := c.Client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, metav1.CreateOptions{}); err != nil {
			c.t.Fatal(err)
		}
		c.Await("the default service account exists", func(ctx context.Context) bool {
			_, err := c.Client.CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{})
			return err == nil
		})
	}
	if _, err := c.Client.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}, metav1.CreateOptions{}); err != nil {
		c.t.Fatal(err)
	}
	none := corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}
	_, err := c.Client.CoreV1().ResourceQuotas("small").Create(ctx, &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "none"}, Spec: corev1.ResourceQuotaSpec{Hard: none},
	}, metav1.CreateOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.Await("the quota is in force", func(ctx context.Context) bool {
		quota, err := c.Client.CoreV1().ResourceQuotas("small").Get(ctx, "none", metav1.GetOptions{})
		return err == nil && len(quota.Status.Hard) > 0
	})
	c.must("/v1/createcomputeenvironment", `{"computeEnvironmentName":"ce","type":"UNMANAGED"}`, nil)
	c.must("/v1/createcomputeenvironment", `{"computeEnvironmentName":"bought","type":"MANAGED","computeResources":{"type":"EC2","minvCpus":0,"maxvCpus":4,"instanceTypes":["c5.large"]}}`, nil)
	for queue, environment := range map[string]string{"q": "ce", "paused": "ce", "bought": "bought"} {
		c.must("/v1/createjobqueue", fmt.Sprintf(`{"jobQueueName":%q,"priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":%q}]}`, queue, environment), nil)
	}
	for name, pod := range map[string]string{
		"d": ``, "noaccount": `,"serviceAccountName":"nobody"`, "nowhere": `,"metadata":{"namespace":"nowhere"}`,
		"strict": `,"metadata":{"namespace":"strict"}`, "small": `,"metadata":{"namespace":"small"}`,
	} {
		c.must("/v1/registerjobdefinition", fmt.Sprintf(`{"jobDefinitionName":%q,"type":"container","eksProperties":{"podProperties":{"containers":[{"image":"busybox",
			"resources":{"limits":{"cpu":"1","memory":"64Mi"}}}]%s}}}`, name, pod), nil)
	}
}

// TestExplanationsOfARealCluster holds what is read of Kubernetes' own words to a real API server, and has a queue paused and go on.
func TestExplanationsOfARealCluster(t *testing.T) {
	c := openCounter(t)
	c.Await("the program answers", func(context.Context) bool {
		return c.send(http.MethodPost, "/v1/describejobqueues", "{}", nil) == http.StatusOK
	})
	c.setUp()
	c.refusals()
	c.pauses()
	c.places()
	c.losesRedis()
}

func (c *counter) refusals() {
	for definition, want := range map[string]explain.Code{
		"noaccount": explain.PodServiceAccount, "nowhere": explain.PodNamespace, "strict": explain.PodAdmissionDenied, "small": explain.PodQuota,
	} {
		c.wantCode(c.submit("q", definition), want, explain.Refused)
	}
}

func (c *counter) losesRedis() {
	id := c.submit("q", "d")
	c.redis.Pause()
	c.Await("503 without Redis", func(context.Context) bool {
		return c.send(http.MethodGet, viewapi.PathExplanation(id), "", nil) == http.StatusServiceUnavailable
	})
	c.redis.Resume()
	c.wantCode(id, explain.NodeNone, "Admitted to compute environment ce")
}

func (c *counter) pauses() {
	const arn = "/v1/tags/arn%3Aaws%3Abatch%3Aus-east-1%3A123456789012%3Ajob-queue%2Fpaused"
	before := c.submit("paused", "d")
	c.podOf(before)
	if status := c.send(http.MethodPost, arn, `{"tags":{"muster.sh/paused":"true"}}`, nil); status != http.StatusOK {
		c.t.Fatalf("tagged: %d", status)
	}
	rounds := func() {
		for range 3 { // each job is admitted by a round that began after the one before was
			c.podOf(c.submit("q", "d"))
		}
	}
	rounds() // one that was under way knew nothing of the tag
	waiting := c.submit("paused", "d")
	rounds()
	c.wantCode(waiting, explain.QueuePaused, "Job queue paused is paused by its tag muster.sh/paused; number 1 of 1")
	if c.hasPod(waiting) || !c.hasPod(before) {
		c.t.Errorf("of a paused queue, what waits has a pod: %t; what was admitted has: %t", c.hasPod(waiting), c.hasPod(before))
	}
	if status := c.send(http.MethodDelete, arn+"?tagKeys=muster.sh%2Fpaused", "", nil); status != http.StatusOK {
		c.t.Fatalf("untagged: %d", status)
	}
	c.podOf(waiting)
}

// places plays what scheduler, autoscaler and kubelet say.
func (c *counter) places() {
	id := c.submit("q", "d")
	pod := c.podOf(id)
	c.status(pod, func(s *corev1.PodStatus) {
		s.Conditions = []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
			Message: "0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: x}.",
		}}
	})
	c.wantCode(id, explain.SchedulingTaint, "untolerated taint {dedicated: x}")
	err := c.Client.CoreV1().Pods(pod.Namespace).Bind(c.t.Context(), &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace}, Target: corev1.ObjectReference{Kind: "Node", Name: "n"},
	}, metav1.CreateOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.wantCode(id, explain.PodStarting, "Starts on node n")
	c.status(pod, func(s *corev1.PodStatus) {
		s.ContainerStatuses = []corev1.ContainerStatus{{Name: "Default", State: corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no such image"},
		}}}
	})
	c.wantCode(id, explain.PodImagePull, "CannotPullContainerError: no such image")

	id = c.submit("bought", "d")
	pod = c.podOf(id)
	c.wantCode(id, explain.NodeLaunching, "Admitted to compute environment bought")
	const ice = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type [c5.large]: InsufficientFreeAddressesInSubnet: none"
	_, err = c.Client.CoreV1().Events(pod.Namespace).Create(c.t.Context(), &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "e-", Namespace: pod.Namespace}, Reason: batchmeta.ReasonScaleUpFailed, Message: ice,
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
	}, metav1.CreateOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.wantCode(id, explain.CapacitySubnet, ice)
	var s viewapi.Simulation
	c.must(viewapi.PathSimulate, `{"jobName":"j","jobQueue":"bought","jobDefinition":"d"}`, &s)
	if !s.Fits || !s.FitsNow || s.ComputeEnvironment != "bought" {
		c.t.Errorf("simulated %+v", s)
	}
}
