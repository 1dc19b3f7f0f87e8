// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/client"
)

// server is a Batch API whose deletions take one look.
type server struct {
	queues, environments []string // those that are there; see newServer
	disabled, deleting   map[string]bool
	orders               map[string][]string
	clusters             map[string]string
	jobs                 map[string]int // unfinished, by queue: one ends whenever it is asked about
	down                 error
	calls                []string
}

func newServer() *server {
	return &server{
		disabled: map[string]bool{}, deleting: map[string]bool{}, orders: map[string][]string{}, clusters: map[string]string{}, jobs: map[string]int{},
	}
}

func (s *server) environment(name, cluster string) {
	s.environments = append(s.environments, name)
	s.clusters[name] = cluster
}

func (s *server) queue(name string, order ...string) {
	s.queues = append(s.queues, name)
	s.orders[name] = order
}

func (s *server) Call(_ context.Context, operation string, in, out any) error {
	if s.down != nil {
		return s.down
	}
	switch in := in.(type) {
	case *awsapi.DescribeComputeEnvironmentsRequest:
		s.environments = slices.DeleteFunc(s.environments, func(name string) bool { return s.deleting[name] })
		*out.(*awsapi.DescribeComputeEnvironmentsResponse) = s.describeEnvironments(in)
		return nil
	case *awsapi.DescribeJobQueuesRequest:
		s.queues = slices.DeleteFunc(s.queues, func(name string) bool { return s.deleting[name] })
		*out.(*awsapi.DescribeJobQueuesResponse) = s.describeQueues()
		return nil
	case *awsapi.ListJobsRequest:
		if *in.JobStatus == string(batch.StatusRunning) && s.jobs[*in.JobQueue] > 0 {
			s.jobs[*in.JobQueue]--
			out.(*awsapi.ListJobsResponse).JobSummaryList = make([]awsapi.JobSummary, 1)
		}
		return nil
	case *awsapi.UpdateJobQueueRequest:
		s.calls = append(s.calls, operation+" "+*in.JobQueue)
		return s.updateQueue(in)
	case *awsapi.UpdateComputeEnvironmentRequest:
		s.calls = append(s.calls, operation+" "+*in.ComputeEnvironment)
		s.disabled[*in.ComputeEnvironment] = true
	case *awsapi.DeleteJobQueueRequest:
		s.calls = append(s.calls, operation+" "+*in.JobQueue)
		s.deleting[*in.JobQueue] = true
	case *awsapi.DeleteComputeEnvironmentRequest:
		s.calls = append(s.calls, operation+" "+*in.ComputeEnvironment)
		s.deleting[*in.ComputeEnvironment] = true
	default:
		return fmt.Errorf("%s is not expected", operation)
	}
	return nil
}

func (s *server) updateQueue(in *awsapi.UpdateJobQueueRequest) error {
	if in.State != nil {
		s.disabled[*in.JobQueue] = true
		return nil
	}
	s.orders[*in.JobQueue] = nil
	for _, o := range in.ComputeEnvironmentOrder {
		s.orders[*in.JobQueue] = append(s.orders[*in.JobQueue], *o.ComputeEnvironment)
	}
	return nil
}

func state(disabled bool) *string {
	if disabled {
		return new(string(batch.Disabled))
	}
	return new(string(batch.Enabled))
}

// describeEnvironments gives one a page.
func (s *server) describeEnvironments(in *awsapi.DescribeComputeEnvironmentsRequest) (out awsapi.DescribeComputeEnvironmentsResponse) {
	at := 0
	if in.NextToken != nil {
		at = slices.Index(s.environments, *in.NextToken)
	}
	if at >= len(s.environments) {
		return out
	}
	name := s.environments[at]
	e := awsapi.ComputeEnvironmentDetail{ComputeEnvironmentName: &name, State: state(s.disabled[name])}
	if cluster := s.clusters[name]; cluster != "" {
		e.EksConfiguration = &awsapi.EksConfiguration{EksClusterArn: new("arn:aws:eks:eu-west-1:123456789012:cluster/" + cluster)}
	}
	out.ComputeEnvironments = []awsapi.ComputeEnvironmentDetail{e}
	if at+1 < len(s.environments) {
		out.NextToken = &s.environments[at+1]
	}
	return out
}

func (s *server) describeQueues() (out awsapi.DescribeJobQueuesResponse) {
	for _, name := range s.queues {
		q := awsapi.JobQueueDetail{JobQueueName: new(name), State: state(s.disabled[name])}
		for i, e := range s.orders[name] {
			q.ComputeEnvironmentOrder = append(q.ComputeEnvironmentOrder, awsapi.ComputeEnvironmentOrder{Order: new(i), ComputeEnvironment: new(e)})
		}
		out.JobQueues = append(out.JobQueues, q)
	}
	return out
}

// world is a cluster and what it says.
type world struct {
	*server
	kube *fake.Clientset
	out  strings.Builder
}

func newWorld(objects ...runtime.Object) *world {
	return &world{server: newServer(), kube: fake.NewClientset(objects...)}
}

func (w *world) run(t *testing.T, limit time.Duration, change func(*Config)) error {
	t.Helper()
	cfg := Config{
		API: w.server, Kube: w.kube.CoreV1(), Namespace: "muster-system", Poll: time.Millisecond, Grace: time.Millisecond, Out: &w.out,
	}
	if change != nil {
		change(&cfg)
	}
	return New(cfg).Run(t.Context(), limit)
}

const patience = time.Minute

func tracked(name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "muster-jobs", Name: name, UID: "u", ResourceVersion: "1", Labels: map[string]string{batchmeta.JobID: "id"},
		Finalizers: []string{"example.com/other", batchmeta.Tracking},
	}}
}

func counted(n string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "muster-system", Name: batchmeta.InstancesReport},
		Data:       map[string]string{batchmeta.InstancesCount: n, batchmeta.InstancesCountedAt: "2026-01-01T00:00:00Z"},
	}
}

func node(name string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{batchmeta.NodeGroup: "g"}}}
}

func TestEverythingIsDeletedInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.environment("e", "")
	w.environment("unused", "far")
	w.queue("q", "e")
	w.queue("empty")
	w.disabled["unused"] = true
	if err := w.run(t, patience, nil); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"UpdateJobQueue q", "UpdateJobQueue empty", "DeleteComputeEnvironment unused", "DeleteJobQueue q", "DeleteJobQueue empty",
		"UpdateComputeEnvironment e", "DeleteComputeEnvironment e",
	}
	if diff := cmp.Diff(want, w.calls); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Of several clusters one is left: a queue that has environments elsewhere goes on with those.
func TestOneClusterOfSeveral(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.environment("here", "")
	w.environment("named", "home")
	w.environment("there", "far")
	w.queue("both", "here", "there")
	w.queue("ours", "named")
	w.queue("theirs", "there")
	if err := w.run(t, patience, func(c *Config) { c.Cluster = Cluster{Name: "home", IsHome: true} }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"both", "theirs"}, w.queues); diff != "" {
		t.Errorf("queues (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"there"}, w.environments); diff != "" {
		t.Errorf("environments (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"there"}, w.orders["both"]); diff != "" {
		t.Errorf("order (-want +got)\n%s", diff)
	}
}

func TestJobsAreWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.environment("e", "")
	w.queue("q", "e")
	w.jobs["q"] = 3
	if err := w.run(t, patience, func(c *Config) { c.Jobs = Wait }); err != nil {
		t.Fatal(err)
	}
	if w.jobs["q"] > 0 || !strings.Contains(w.out.String(), "Waiting for the jobs of q\n") {
		t.Errorf("%d jobs, %s", w.jobs["q"], w.out.String())
	}
	w = newWorld()
	w.queue("q")
	w.disabled["q"] = true // so that the first look, which there always is, comes to its jobs
	w.jobs["q"] = 1 << 30
	err := w.run(t, 20*time.Millisecond, func(c *Config) { c.Jobs = Wait })
	if err == nil || !strings.Contains(err.Error(), "Waiting for the jobs of q") || w.deleting["q"] {
		t.Errorf("err = %v, deleted: %v", err, w.deleting["q"])
	}
}

// A count that stood there before says nothing of what was launched since.
func TestInstancesAreCountedAfresh(t *testing.T) {
	t.Parallel()
	w := newWorld(counted("0"))
	err := w.run(t, 20*time.Millisecond, nil)
	if err == nil || !strings.Contains(err.Error(), "is batch-autoscaler running?") {
		t.Errorf("with an old count: %v", err)
	}
	done := make(chan error)
	go func() { done <- w.run(t, patience, nil) }()
	for i := 0; ; i++ {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		case <-time.After(5 * time.Millisecond):
			cm := counted("0")
			cm.Data[batchmeta.InstancesCountedAt] = strconv.Itoa(i)
			if _, err := w.kube.CoreV1().ConfigMaps(cm.Namespace).Update(t.Context(), cm, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestInstancesAreWaitedFor(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		objects []runtime.Object
		want    string
	}{
		"of which one is no node":        {objects: []runtime.Object{counted("2"), node("n")}, want: "2 are there; nodes n"},
		"that nobody counted":            {objects: []runtime.Object{node("a"), node("b")}, want: "no are there; nodes a, b"},
		"that were said to be gone":      {objects: []runtime.Object{counted("0"), node("n")}, want: "nodes n"},
		"of which there are very many":   {objects: []runtime.Object{node("1"), node("2"), node("3"), node("4"), node("5"), node("6"), node("7")}, want: "nodes 1, 2, 3, 4, 5 and 2 more"},
		"of which none has ever counted": {objects: nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := newWorld(tc.objects...).run(t, 20*time.Millisecond, nil)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want %q", err, tc.want)
			}
		})
	}
}

func TestPodsThatNobodySettlesAreFreed(t *testing.T) {
	t.Parallel()
	w := newWorld(tracked("a"), tracked("b"), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "other"}})
	if err := w.run(t, patience, nil); err != nil {
		t.Fatal(err)
	}
	pods, err := w.kube.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(pods.Items) != 1 || pods.Items[0].Name != "other" {
		t.Errorf("left: %v, %v", pods.Items, err)
	}
	var patches []string
	for _, a := range w.kube.Actions() {
		if patch, ok := a.(interface{ GetPatch() []byte }); ok {
			patches = append(patches, string(patch.GetPatch()))
		}
	}
	want := `{"metadata":{"finalizers":["example.com/other"],"resourceVersion":"1","uid":"u"}}`
	if diff := cmp.Diff([]string{want, want}, patches); diff != "" {
		t.Errorf("patches (-want +got)\n%s", diff)
	}
}

// An installation that never worked can be uninstalled; one that has something left says what.
func TestBatchAPIThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	unreachable := fmt.Errorf("%w: connection refused", client.ErrUnreachable)
	w := newWorld()
	w.down = unreachable
	if err := w.run(t, patience, nil); err != nil || !strings.Contains(w.out.String(), "nothing of it is in this cluster") {
		t.Errorf("without anything: %v, %s", err, w.out.String())
	}
	for name, object := range map[string]runtime.Object{"a pod": tracked("p"), "a node": node("n"), "an instance": counted("1")} {
		w := newWorld(object)
		w.down = unreachable
		if err := w.run(t, 20*time.Millisecond, nil); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("with %s: %v", name, err)
		}
	}
	w = newWorld(node("n"), tracked("p"))
	w.down = unreachable
	if err := w.run(t, 20*time.Millisecond, func(c *Config) { c.Force = true }); err != nil {
		t.Errorf("forced: %v", err)
	}
	if pods, err := w.kube.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{}); err != nil || len(pods.Items) > 0 {
		t.Errorf("forced: %d pods are left, %v", len(pods.Items), err)
	}
}

func TestWhoMayNotIsToldAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.down = &client.Error{Operation: "DescribeComputeEnvironments", Status: http.StatusForbidden, Code: "AccessDeniedException", Message: "no"}
	if err := w.run(t, patience, nil); !errors.Is(err, w.down) {
		t.Errorf("err = %v", err)
	}
}

// In a cluster whose queue-api is elsewhere nothing is asked of the Batch API.
func TestMemberCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(tracked("p"))
	if err := w.run(t, patience, func(c *Config) { c.API = nil }); err != nil || len(w.calls) > 0 {
		t.Errorf("err = %v, calls %v", err, w.calls)
	}
}
