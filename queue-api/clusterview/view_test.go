// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

const (
	jobA = "00001aaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
	east = "arn:aws:eks:us-east-1:123456789012:cluster/east"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// store has two environments and some jobs.
type store map[string]batch.Job

func (store) Environments(context.Context) ([]batch.ComputeEnvironment, error) {
	return []batch.ComputeEnvironment{
		{Name: "managed", UUID: "u-1", Type: batch.Managed, Report: &batch.Report{InstanceTypes: "m5.large 2 8192 0 1930 6907 0.096\nold 1 1 0 1 1 0"}},
		{Name: "own", UUID: "u-2", Type: batch.Unmanaged},
	}, nil
}

func (s store) Job(_ context.Context, id string) (batch.Job, error) {
	job, ok := s[id]
	if !ok {
		return job, batch.ErrNotFound
	}
	return job, nil
}

func makeNode(name, uuid string, change ...func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, CreationTimestamp: metav1.NewTime(now.Add(-time.Hour)), Annotations: map[string]string{},
			Labels: map[string]string{
				batchmeta.ComputeEnvironmentUUID: uuid, corev1.LabelInstanceTypeStable: "m5.large", corev1.LabelTopologyZone: "us-east-1a",
				batchmeta.CapacityType: batchmeta.CapacitySpot, batchmeta.InstanceID: "i-" + name,
			},
		},
		Status: corev1.NodeStatus{
			Allocatable: corev1.ResourceList{"cpu": resource.MustParse("1930m"), "memory": resource.MustParse("6907Mi"), "pods": resource.MustParse("29"), gpuResource: resource.MustParse("1")},
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	for _, f := range change {
		f(n)
	}
	return n
}

func makePod(name, node, job string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "jobs", Name: name, Labels: map[string]string{}, Annotations: map[string]string{}},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			"cpu": resource.MustParse("500m"), "memory": resource.MustParse("256Mi"),
		}}}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
	if job != "" {
		p.Labels[batchmeta.JobID], p.Labels[batchmeta.JobQueue], p.Labels[batchmeta.Attempt] = job, "demo", "2"
		p.Labels[batchmeta.ComputeEnvironmentUUID] = "u-1"
		p.Annotations[batchmeta.Job] = `{"name":"hello","queue":"demo"}`
	}
	for _, f := range change {
		f(p)
	}
	return p
}

func label(key, value string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Labels[key] = value }
}

// site is a View of clusters that tests fill.
type site struct {
	*View

	clock    *testingclock.FakePassiveClock
	clusters []Cluster
}

func newSite(jobs store, clusters ...Cluster) *site {
	s := &site{clock: testingclock.NewFakePassiveClock(now), clusters: clusters}
	s.View = New(jobs, func() []Cluster { return s.clusters }, s.clock)
	return s
}

func home(objects ...runtime.Object) Cluster {
	return Cluster{IsHome: true, Client: fake.NewClientset(objects...).CoreV1()}
}

func TestNodesShowWhatRunsOnThem(t *testing.T) {
	t.Parallel()
	s := newSite(nil, home(
		makeNode("b", "u-1"), makeNode("a", "u-1", func(n *corev1.Node) { n.Labels[corev1.LabelTopologyZone] = "us-east-1b" }),
		makeNode("own", "u-2", func(n *corev1.Node) { delete(n.Labels, batchmeta.CapacityType) }), makeNode("gone", "u-9"),
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "control-plane"}},
		makePod("p-1", "b", jobA, label(batchmeta.ArrayIndex, "7")), makePod("p-2", "b", jobA, label(batchmeta.NodeIndex, "0"), label(batchmeta.Attempt, "x")),
		makePod("daemon", "b", ""), makePod("ended", "b", jobA, func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }),
		makePod("waits", "", jobA), makePod("elsewhere", "control-plane", ""),
	))
	got, err := s.Nodes(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	node := func(name, environment, zone string) viewapi.Node {
		return viewapi.Node{
			Name: name, ComputeEnvironment: environment, Managed: environment == "managed", InstanceType: "m5.large", InstanceID: "i-" + name, Zone: zone,
			CapacityType: "SPOT", CreatedAt: now.Add(-time.Hour).UnixMilli(), Ready: true,
			Allocatable: viewapi.Resources{VCPUs: 1.93, MemoryMiB: 6907, GPUs: 1, Pods: 29}, Jobs: []viewapi.NodeJob{},
		}
	}
	a, b, own, gone := node("a", "managed", "us-east-1b"), node("b", "managed", "us-east-1a"), node("own", "own", "us-east-1a"), node("gone", "", "us-east-1a")
	own.CapacityType = ""
	a.PricePerHour, b.PricePerHour = new(0.096), new(0.096)
	b.Requested = viewapi.Resources{VCPUs: 1.5, MemoryMiB: 768, Pods: 3}
	b.Jobs = []viewapi.NodeJob{
		{JobID: jobA, JobName: "hello", JobQueue: "demo", Attempt: 1, NodeIndex: new(0), VCPUs: 0.5, MemoryMiB: 256, Pod: "p-2"},
		{JobID: jobA + ":7", JobName: "hello", JobQueue: "demo", Attempt: 2, VCPUs: 0.5, MemoryMiB: 256, Pod: "p-1"},
	}
	want := &viewapi.Nodes{At: now.UnixMilli(), Nodes: []viewapi.Node{gone, b, a, own}, Clusters: []viewapi.ClusterState{{Nodes: 4}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("nodes mismatch (-want +got):\n%s", diff)
	}
	if got, err = s.Nodes(t.Context(), "arn:aws:batch:us-east-1:123456789012:compute-environment/own"); err != nil || len(got.Nodes) != 1 || got.Nodes[0].Name != "own" {
		t.Errorf("nodes of one environment = %+v, %v", got, err)
	}
	if _, err := s.Nodes(t.Context(), "other"); !isClients(err) {
		t.Errorf("nodes of an environment that is not there: %v", err)
	}
}

func isClients(err error) bool {
	_, ok := errors.AsType[*batch.Error](err)
	return ok
}

func TestNodesAreMarked(t *testing.T) {
	t.Parallel()
	taint := func(key, value string, effect corev1.TaintEffect) func(*corev1.Node) {
		return func(n *corev1.Node) {
			n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Value: value, Effect: effect})
		}
	}
	annotate := func(key, value string) func(*corev1.Node) {
		return func(n *corev1.Node) { n.Annotations[key] = value }
	}
	cases := map[string]struct {
		change             []func(*corev1.Node)
		wantMark           string
		draining, reserved bool
	}{
		"one that takes pods": {change: []func(*corev1.Node){taint(batchmeta.BatchNode, "", corev1.TaintEffectNoSchedule)}},
		"an idle one":         {change: []func(*corev1.Node){taint(batchmeta.ToBeDeleted, "1", corev1.TaintEffectNoSchedule)}, wantMark: "idle: its machine is about to end", draining: true},
		"an outdated one":     {change: []func(*corev1.Node){taint(batchmeta.Outdated, "", corev1.TaintEffectNoSchedule)}, wantMark: "outdated: replaced once its jobs have ended", draining: true},
		"one that is replaced": {
			change:   []func(*corev1.Node){taint(batchmeta.Outdated, "", corev1.TaintEffectNoExecute), taint(batchmeta.Outdated, "", corev1.TaintEffectNoSchedule)},
			wantMark: "outdated: its jobs are ended and it is replaced", draining: true,
		},
		"one that Spot takes back": {
			change: []func(*corev1.Node){
				taint(batchmeta.ToBeDeleted, "1", corev1.TaintEffectNoSchedule), taint(batchmeta.Interruption, batchmeta.InterruptionSpot, corev1.TaintEffectNoExecute),
				annotate(batchmeta.InterruptionDeadline, "2026-01-02T03:06:00Z"),
			},
			wantMark: "EC2 takes the Spot instance back, at 03:06:00 UTC at the latest", draining: true,
		},
		"an interruption of some new kind": {change: []func(*corev1.Node){taint(batchmeta.Interruption, "", corev1.TaintEffectNoSchedule)}, wantMark: "the instance is interrupted", draining: true},
		"a cordoned one":                   {change: []func(*corev1.Node){func(n *corev1.Node) { n.Spec.Unschedulable = true }}, wantMark: "cordoned", draining: true},
		"a reserved one": {
			change: []func(*corev1.Node){annotate(batchmeta.Reserved, "jobs/gang 2026-01-02T03:05:00Z")}, wantMark: "held for a gang until 03:05:00 UTC at most", reserved: true,
		},
		"one that was reserved": {change: []func(*corev1.Node){annotate(batchmeta.Reserved, "jobs/gang 2026-01-02T03:00:00Z")}},
		"nonsense":              {change: []func(*corev1.Node){annotate(batchmeta.Reserved, "<b>"), annotate(batchmeta.InterruptionDeadline, "soon")}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := newSite(nil, home(makeNode("n", "u-1", tc.change...))).Nodes(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			if n := got.Nodes[0]; n.Mark != tc.wantMark || n.Draining != tc.draining || n.Reserved != tc.reserved {
				t.Errorf("mark %q, draining %t, reserved %t", n.Mark, n.Draining, n.Reserved)
			}
		})
	}
}

// failing is a cluster whose answers are errors.
func failing(name string, err error) Cluster {
	client := fake.NewClientset()
	client.PrependReactor("list", "*", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, err })
	return Cluster{Name: name, Client: client.CoreV1()}
}

func TestAClusterThatIsDownIsNamedAndTheOthersAreShown(t *testing.T) {
	t.Parallel()
	s := newSite(nil,
		failing("north", errors.New("dial tcp 10.0.0.1:6443: connection refused")),
		failing("west", apierrors.NewForbidden(schema.GroupResource{Resource: "nodes"}, "", errors.New("no"))),
		failing("south", context.DeadlineExceeded),
		Cluster{Name: east, Client: fake.NewClientset(makeNode("e", "u-1")).CoreV1()},
		home(makeNode("h", "u-1"), makeEvent("e-1", "ScaledUpGroup", now, corev1.ObjectReference{Kind: "Node", Name: "h"})),
	)
	got, err := s.Nodes(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	want := []viewapi.ClusterState{
		{Nodes: 1},
		{Name: east, Nodes: 1},
		{Name: "north", Error: "The cluster does not answer."},
		{Name: "south", Error: "The cluster did not answer in time."},
		{Name: "west", Error: "The cluster does not let queue-api list its nodes, pods and events."},
	}
	if diff := cmp.Diff(want, got.Clusters); diff != "" {
		t.Errorf("clusters mismatch (-want +got):\n%s", diff)
	}
	if len(got.Nodes) != 2 || got.Nodes[0].Name != "h" || got.Nodes[1].Cluster != east {
		t.Errorf("nodes = %+v", got.Nodes)
	}
	decisions, err := s.Decisions(t.Context())
	if err != nil || len(decisions.Decisions) != 1 || decisions.Clusters[2].Error == "" {
		t.Errorf("decisions = %+v, %v", decisions, err)
	}
}

func makeEvent(uid, reason string, at time.Time, about corev1.ObjectReference) *corev1.Event {
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: "jobs", Name: uid, UID: types.UID(uid)}, InvolvedObject: about, Reason: reason, Message: "because", Type: corev1.EventTypeNormal,
		Source: corev1.EventSource{Component: autoscaler}, FirstTimestamp: metav1.NewTime(at.Add(-time.Minute)), LastTimestamp: metav1.NewTime(at), Count: 3,
	}
}

func TestDecisionsSayWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	other := makeEvent("other", "Scheduled", now, corev1.ObjectReference{})
	other.Source.Component = "batch-scheduler"
	series := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: "jobs", Name: "series", UID: "series"}, Reason: "New", Message: strings.Repeat("é", maxMessage), ReportingController: autoscaler,
		EventTime: metav1.NewMicroTime(now.Add(-time.Hour)), Series: &corev1.EventSeries{Count: 9, LastObservedTime: metav1.NewMicroTime(now.Add(-time.Second))},
	}
	claiming := func(name, namespace, pod, job string, ago time.Duration) *corev1.Event {
		e := makeEvent(name, "TriggeredScaleUp", now.Add(-ago), corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: pod})
		e.Labels = map[string]string{batchmeta.JobID: job, batchmeta.Attempt: "1", batchmeta.ComputeEnvironmentUUID: "u-1"}
		return e
	}
	jobs := store{jobA: batch.Job{ID: jobA, Attempts: []batch.Attempt{{Number: 1, PodNamespace: "jobs", PodName: "ended"}}}}
	s := newSite(jobs, home(
		claiming("was", "jobs", "ended", jobA, 5*time.Minute), claiming("forged", "tenants", "ended", jobA, 6*time.Minute),
		claiming("another", "jobs", "stranger", jobA, 7*time.Minute), claiming("nobody", "jobs", "ended", "00001aaa-bbbb-4ccc-8ddd-000000000000", 8*time.Minute),
		claiming("none", "jobs", "ended", "x", 9*time.Minute),
		makeNode("n", "u-2"), makePod("p", "", jobA, label(batchmeta.ArrayIndex, "3")), other, series,
		makeEvent("pod", "TriggeredScaleUp", now, corev1.ObjectReference{Kind: "Pod", Namespace: "jobs", Name: "p"}),
		makeEvent("gone", "TriggeredScaleUp", now.Add(-time.Minute), corev1.ObjectReference{Kind: "Pod", Namespace: "elsewhere", Name: "p"}),
		makeEvent("node", "ScaleDown", now.Add(-2*time.Second), corev1.ObjectReference{Kind: "Node", Name: "n"}),
		makeEvent("report", "ComputeEnvironmentInvalid", now.Add(-3*time.Second), corev1.ObjectReference{Kind: "ConfigMap", Name: batchmeta.EnvironmentReportPrefix + "u-1"}),
		makeEvent("status", "ScaledUpGroup", now.Add(-4*time.Second), corev1.ObjectReference{Kind: "ConfigMap", Name: "cluster-autoscaler-status"}),
	))
	got, err := s.Decisions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	decision := func(id, reason, object string, ago time.Duration) viewapi.Decision {
		at := now.Add(-ago)
		return viewapi.Decision{ID: id, At: at.UnixMilli(), FirstAt: at.Add(-time.Minute).UnixMilli(), Count: 3, Type: "Normal", Reason: reason, Message: "because", Object: object}
	}
	pod, node := decision("pod", "TriggeredScaleUp", "Pod/p", 0), decision("node", "ScaleDown", "Node/n", 2*time.Second)
	pod.JobID, pod.ComputeEnvironment, node.ComputeEnvironment = jobA+":3", "managed", "own"
	report := decision("report", "ComputeEnvironmentInvalid", "ConfigMap/compute-environment-u-1", 3*time.Second)
	report.ComputeEnvironment = "managed"
	newer := viewapi.Decision{
		ID: "series", At: now.Add(-time.Second).UnixMilli(), FirstAt: now.Add(-time.Hour).UnixMilli(), Count: 9, Reason: "New",
		Message: strings.Repeat("é", maxMessage/2) + "…", Object: "/",
	}
	was := decision("was", "TriggeredScaleUp", "Pod/ended", 5*time.Minute)
	was.JobID, was.ComputeEnvironment = jobA, "managed"
	want := []viewapi.Decision{
		pod, newer, node, report, decision("status", "ScaledUpGroup", "ConfigMap/cluster-autoscaler-status", 4*time.Second), decision("gone", "TriggeredScaleUp", "Pod/p", time.Minute),
		was, decision("forged", "TriggeredScaleUp", "Pod/ended", 6*time.Minute), decision("another", "TriggeredScaleUp", "Pod/stranger", 7*time.Minute),
		decision("nobody", "TriggeredScaleUp", "Pod/ended", 8*time.Minute), decision("none", "TriggeredScaleUp", "Pod/ended", 9*time.Minute),
	}
	if diff := cmp.Diff(want, got.Decisions); diff != "" {
		t.Errorf("decisions mismatch (-want +got):\n%s", diff)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset()
	client.PrependReactor("list", "nodes", func(clienttesting.Action) (bool, runtime.Object, error) {
		list := &corev1.NodeList{}
		for i := range maxNodes + 1 {
			list.Items = append(list.Items, *makeNode(fmt.Sprintf("n-%05d", i), "u-1"))
		}
		return true, list, nil
	})
	client.PrependReactor("list", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		list := &corev1.PodList{}
		for i := range maxAllJobs * 2 {
			list.Items = append(list.Items, *makePod(fmt.Sprintf("p-%d", i), fmt.Sprintf("n-%05d", i/100), jobA))
		}
		return true, list, nil
	})
	client.PrependReactor("list", "events", func(clienttesting.Action) (bool, runtime.Object, error) {
		list := &corev1.EventList{}
		for i := range maxDecisions + 1 {
			list.Items = append(list.Items, *makeEvent(strconv.Itoa(i), "Reason", now, corev1.ObjectReference{}))
		}
		return true, list, nil
	})
	s := newSite(nil, Cluster{IsHome: true, Client: client.CoreV1()})
	nodes, err := s.Nodes(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	jobs, hidden := 0, 0
	for _, n := range nodes.Nodes {
		jobs, hidden = jobs+len(n.Jobs), hidden+n.HiddenJobs
	}
	if len(nodes.Nodes) != maxNodes || !nodes.Truncated || len(nodes.Nodes[0].Jobs) != maxJobs || jobs != maxAllJobs || hidden != maxAllJobs {
		t.Errorf("%d nodes, truncated %t, with %d jobs and %d more", len(nodes.Nodes), nodes.Truncated, jobs, hidden)
	}
	decisions, err := s.Decisions(t.Context())
	if err != nil || len(decisions.Decisions) != maxDecisions || !decisions.Truncated {
		t.Errorf("%d decisions, truncated %t, %v", len(decisions.Decisions), decisions.Truncated, err)
	}
}

func TestWhatWasReadIsShared(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset(makeNode("n", "u-1"))
	s := newSite(nil, Cluster{IsHome: true, Client: client.CoreV1()})
	look := func() *viewapi.Nodes {
		t.Helper()
		got, err := s.Nodes(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := look()
	first.Nodes[0].Name = "changed by its reader"
	first.Nodes[0].Jobs = append(first.Nodes[0].Jobs, viewapi.NodeJob{JobID: "x"})
	if again := look(); len(client.Actions()) != 2 || again.Nodes[0].Name != "n" || len(again.Nodes[0].Jobs) != 0 {
		t.Errorf("after %d requests: %+v", len(client.Actions()), again.Nodes[0])
	}
	s.clock.SetTime(now.Add(keptFor))
	if look(); len(client.Actions()) != 4 {
		t.Errorf("%d requests after %v", len(client.Actions()), keptFor)
	}
	s.clusters[0] = home(makeNode("other", "u-1"))
	if got := look(); got.Nodes[0].Name != "other" {
		t.Errorf("a cluster that is reached otherwise shows %s", got.Nodes[0].Name)
	}
}

func TestOneReadingServesAllWhoWait(t *testing.T) {
	t.Parallel()
	var s shared[int]
	clk := testingclock.NewFakePassiveClock(now)
	begun, finish := make(chan struct{}), make(chan struct{})
	reads := 0
	read := func(ctx context.Context) (int, error) {
		reads++
		close(begun)
		<-finish
		clk.SetTime(now.Add(time.Second)) // that long it took
		return reads, ctx.Err()
	}
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := s.get(ctx, clk, read)
		left <- err
	}()
	<-begun
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	got := make(chan int)
	for range 10 {
		go func() {
			n, err := s.get(t.Context(), clk, read)
			if err != nil {
				t.Error(err)
			}
			got <- n
		}()
	}
	close(finish)
	for range 10 {
		if n := <-got; n != 1 {
			t.Errorf("read %d times", n)
		}
	}
	clk.SetTime(now.Add(10 * time.Second)) // nine since it was read, which took one
	if n, err := s.get(t.Context(), clk, read); n != 1 || err != nil {
		t.Errorf("got %d, %v: what takes long to read is kept longer", n, err)
	}
}

func TestGang(t *testing.T) {
	t.Parallel()
	nodes := []batch.NodeAttempt{
		{Status: batch.StatusRunning, PodName: "p-0", NodeName: "n"},
		{Status: batch.StatusStarting, PodName: "p-1", NodeName: "n"},
		{Status: batch.StatusRunnable, PodName: "p-2"},
		{Status: batch.StatusRunnable, PodName: "p-3"},
		{Status: batch.StatusFailed, PodName: "p-4", NodeName: "n", StatusReason: "boom", Containers: []batch.ContainerOutcome{{ExitCode: new(0)}, {ExitCode: new(3)}}},
		{Status: batch.StatusSucceeded, PodName: "p-5", NodeName: "other"},
	}
	attempt := &batch.Attempt{PodNamespace: "jobs", Nodes: nodes}
	job := batch.Job{ID: jobA, Name: "mpi", Queue: "demo", NumNodes: len(nodes), MainNode: 1, Status: batch.StatusRunning, StatusReason: "two short", Current: attempt}
	waiting, ended, single := job, job, job
	waiting.Current, waiting.Status = nil, batch.StatusRunnable
	ended.Current, ended.Attempts, ended.Status = nil, []batch.Attempt{*attempt}, batch.StatusFailed
	single.NumNodes = 0
	unscheduled := func(p *corev1.Pod) {
		p.Status.Phase = corev1.PodPending
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "1 of 6 short"}}
	}
	cluster := home(makeNode("n", "u-1"), makePod("p-2", "", jobA, unscheduled))
	statuses := func(g *viewapi.Gang) (all []string) {
		for _, m := range g.Members {
			all = append(all, m.Status)
		}
		return all
	}
	cases := map[string]struct {
		job                    batch.Job
		cluster                Cluster
		want                   []string
		bound, waiting, misses int
	}{
		"one that runs": {job, cluster, []string{MemberRunning, MemberBound, MemberWaiting, MemberMissing, MemberFailed, MemberSucceeded}, 2, 1, 1},
		"one that runs where nobody answers": {
			job,
			Cluster{IsHome: true, Client: failing("", errors.New("down")).Client},
			[]string{MemberRunning, MemberBound, MemberWaiting, MemberWaiting, MemberFailed, MemberSucceeded},
			2, 2, 0,
		},
		"one that waits": {waiting, cluster, []string{MemberMissing, MemberMissing, MemberMissing, MemberMissing, MemberMissing, MemberMissing}, 0, 0, 6},
		"one that ended": {ended, cluster, []string{MemberRunning, MemberBound, MemberWaiting, MemberMissing, MemberFailed, MemberSucceeded}, 2, 1, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(store{jobA: tc.job}, tc.cluster)
			g, err := s.Gang(t.Context(), jobA+"#3")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, statuses(g)); diff != "" {
				t.Errorf("members mismatch (-want +got):\n%s", diff)
			}
			if g.Bound != tc.bound || g.Waiting != tc.waiting || g.Missing != tc.misses || g.Size != 6 || g.JobName != "mpi" || !g.Members[1].Main {
				t.Errorf("gang = %+v", g)
			}
		})
	}
	s := newSite(store{jobA: job}, cluster)
	g, err := s.Gang(t.Context(), "arn:aws:batch:us-east-1:123456789012:job/"+jobA)
	if err != nil {
		t.Fatal(err)
	}
	if m := g.Members[2]; m.Reason != "1 of 6 short" || g.Members[0].Zone != "us-east-1a" || *g.Members[4].ExitCode != 3 {
		t.Errorf("members = %+v", g.Members)
	}
	for _, id := range []string{"", "nonsense", jobA + ":1", strings.Replace(jobA, "a", "b", 1)} {
		if _, err := s.Gang(t.Context(), id); !isClients(err) {
			t.Errorf("gang of %q: %v", id, err)
		}
	}
	if _, err := newSite(store{jobA: single}, cluster).Gang(t.Context(), jobA); !isClients(err) {
		t.Errorf("gang of a single job: %v", err)
	}
}
