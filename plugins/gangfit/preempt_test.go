// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// urgent is a PriorityClass whose pods may preempt, calm one whose pods may not.
var classes = []runtime.Object{
	&schedulingv1.PriorityClass{
		ObjectMeta: metav1.ObjectMeta{Name: "urgent", Annotations: map[string]string{batchmeta.Preemption: batchmeta.PreemptionEnabled}},
		Value:      100,
	},
	&schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "calm"}, Value: 100},
}

// of gives pods a PriorityClass, as the API server's admission does.
func of(class string, priority int32, pods ...*corev1.Pod) []*corev1.Pod {
	for _, pod := range pods {
		pod.Spec.PriorityClassName, pod.Spec.Priority = class, &priority
	}
	return pods
}

// job makes pods those of a queue's job: its priority as a rank, and whether it may preempt.
func job(class int, preempts bool, pods ...*corev1.Pod) []*corev1.Pod {
	for _, pod := range pods {
		if pod.Annotations == nil {
			pod.Annotations = map[string]string{}
		}
		pod.Annotations[batchmeta.Rank] = fmt.Sprintf("%04d%019d", class, 1)
		if preempts {
			pod.Annotations[batchmeta.Preemption] = batchmeta.PreemptionEnabled
		}
	}
	return pods
}

// start runs a scheduler over the nodes, with the pods on them that are told to be.
func start(t *testing.T, objects []runtime.Object, running ...*corev1.Pod) *plugintest.Cluster {
	t.Helper()
	objects = append(objects, classes...)
	for _, pod := range running {
		objects = append(objects, pod)
	}
	return plugintest.Start(t, objects...)
}

// nodes are n0, n1, … of 4 CPUs each.
func nodes(count int) []runtime.Object {
	var list []runtime.Object
	for i := range count {
		list = append(list, plugintest.Node(fmt.Sprintf("n%d", i), 4))
	}
	return list
}

// exist returns which of the pods exist and are not ending.
func exist(c *plugintest.Cluster, names ...string) []string {
	var left []string
	for _, name := range names {
		pod, err := c.Client.CoreV1().Pods(plugintest.Namespace).Get(context.Background(), name, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) && pod.DeletionTimestamp == nil {
			left = append(left, name)
		}
	}
	return left
}

func TestGangPreemptsWhatIsNeeded(t *testing.T) {
	t.Parallel()
	low := func(name, node string, cpus int, started int) *corev1.Pod {
		pod := plugintest.On(plugintest.Pod(name, cpus), node)
		pod.Status.StartTime = &metav1.Time{Time: time.Date(2025, 1, 1, started, 0, 0, 0, time.UTC)}
		return pod
	}
	on := func(pods []*corev1.Pod, nodes ...string) []*corev1.Pod {
		for i := range pods {
			pods[i] = plugintest.On(pods[i], nodes[i])
		}
		return pods
	}
	cases := map[string]struct {
		nodes   []runtime.Object
		running []*corev1.Pod
		waiting []*corev1.Pod
		gone    []string
	}{
		"for a PriorityClass that says so": {
			nodes(2),
			[]*corev1.Pod{low("a", "n0", 4, 1), low("b", "n1", 4, 1)},
			of("urgent", 100, plugintest.Gang("g", 2, 4)...),
			[]string{"a", "b"},
		},
		"the youngest goes": {
			nodes(2),
			[]*corev1.Pod{low("a", "n0", 4, 1), low("b", "n1", 4, 2)},
			of("urgent", 100, plugintest.Gang("g", 1, 4)...),
			[]string{"b"},
		},
		"the fewest go": {
			nodes(2),
			[]*corev1.Pod{low("a", "n0", 4, 1), low("b", "n1", 2, 2), low("c", "n1", 2, 2)},
			of("urgent", 100, plugintest.Gang("g", 1, 4)...),
			[]string{"a"},
		},
		"a gang goes as a whole": {
			nodes(2), on(plugintest.Gang("low", 2, 4), "n0", "n1"), of("urgent", 100, plugintest.Gang("g", 1, 4)...),
			[]string{"low-0", "low-1"},
		},
		"a gang stays where a pod will do": {
			nodes(3), append(on(plugintest.Gang("low", 2, 4), "n0", "n1"), low("a", "n2", 4, 1)),
			of("urgent", 100, plugintest.Gang("g", 1, 4)...),
			[]string{"a"},
		},
		"a pod of no gang may, too": {
			nodes(2), []*corev1.Pod{low("a", "n0", 4, 1), low("b", "n1", 4, 2)}, of("urgent", 100, plugintest.Pod("p", 4)), []string{"b"},
		},
		"for a queue that says so, a job of a queue of lower priority": {
			nodes(2), job(20, false, low("a", "n0", 4, 1), low("b", "n1", 4, 1)), job(10, true, plugintest.Gang("g", 2, 4)...),
			[]string{"a", "b"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, tc.nodes, tc.running...)
			c.CreatePods(tc.waiting...)
			c.AwaitBound(plugintest.Names(tc.waiting)...)
			var gone []string
			left := exist(c, plugintest.Names(tc.running)...)
			for _, pod := range tc.running {
				if !slices.Contains(left, pod.Name) {
					gone = append(gone, pod.Name)
				}
			}
			if !slices.Equal(gone, tc.gone) {
				t.Errorf("preempted %v, want %v", gone, tc.gone)
			}
		})
	}
}

func TestNobodyIsPreempted(t *testing.T) {
	t.Parallel()
	full := func() []*corev1.Pod {
		return []*corev1.Pod{plugintest.On(plugintest.Pod("a", 4), "n0"), plugintest.On(plugintest.Pod("b", 4), "n1")}
	}
	never := of("urgent", 100, plugintest.Gang("g", 2, 4)...)
	for _, pod := range never {
		policy := corev1.PreemptNever
		pod.Spec.PreemptionPolicy = &policy
	}
	oneCalm := of("urgent", 100, plugintest.Gang("g", 2, 4)...)
	of("calm", 100, oneCalm[1])
	users := plugintest.Gang("g", 2, 4)
	for _, pod := range of("", 100, users...) {
		pod.Annotations[batchmeta.Preemption] = batchmeta.PreemptionEnabled
	}
	others := full()
	for _, pod := range others {
		pod.Spec.SchedulerName = "another-scheduler"
	}
	cases := map[string]struct{ running, waiting []*corev1.Pod }{
		"unless somebody asks":                        {full(), of("calm", 100, plugintest.Gang("g", 2, 4)...)},
		"when the pods' policy is never":              {full(), never},
		"unless all members ask":                      {full(), oneCalm},
		"for a user's own annotation":                 {full(), users},
		"of the same priority":                        {of("", 100, full()...), of("urgent", 100, plugintest.Gang("g", 2, 4)...)},
		"of the same queue":                           {job(10, false, full()...), job(10, true, plugintest.Gang("g", 2, 4)...)},
		"of a queue of higher priority":               {job(5, false, full()...), job(10, true, plugintest.Gang("g", 2, 4)...)},
		"whom another scheduler placed":               {others, of("urgent", 100, plugintest.Gang("g", 2, 4)...)},
		"when the gang would not fit even then":       {full(), of("urgent", 100, plugintest.Gang("g", 3, 4)...)},
		"when the gang would not fit there at all":    {full(), of("urgent", 100, plugintest.Gang("g", 1, 5)...)},
		"for a pod of no gang that would not fit":     {full(), of("urgent", 100, plugintest.Pod("g-0", 5))},
		"for a pod of no gang if it does not ask for": {full(), of("calm", 100, plugintest.Pod("g-0", 4))},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, nodes(2), tc.running...)
			c.CreatePods(tc.waiting...)
			c.AwaitUnschedulable("", plugintest.Names(tc.waiting)...)
			for _, name := range plugintest.Names(tc.waiting) {
				if why := plugintest.Condition(c.Pod(name)).Message; strings.Contains(why, "preempts") {
					t.Errorf("%s: %s", name, why)
				}
			}
			if left := exist(c, "a", "b"); len(left) != 2 {
				t.Errorf("only %v is left of a and b", left)
			}
		})
	}
}

// TestDisruptionBudgetIsKept has two pods with a budget, and one without that counts for more.
func TestDisruptionBudgetIsKept(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		allowed int32
		size    int // of the gang, in nodes
		left    int // of the two pods with the budget
	}{
		"none may go, and one other is there":      {0, 1, 2},
		"one may go, and one other is there":       {1, 2, 1},
		"none may go, but nobody else is there":    {0, 3, 0},
		"they may go, and count for less":          {2, 2, 0},
		"one may go, and counts for less than all": {1, 1, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			budget := &policyv1.PodDisruptionBudget{
				ObjectMeta: metav1.ObjectMeta{Namespace: plugintest.Namespace, Name: "budget"},
				Spec:       policyv1.PodDisruptionBudgetSpec{Selector: plugintest.Selector("app", "db")},
				Status:     policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: tc.allowed},
			}
			running := []*corev1.Pod{plugintest.On(plugintest.Pod("a", 4), "n0"), plugintest.On(plugintest.Pod("b", 4), "n1")}
			for _, pod := range running {
				pod.Labels = map[string]string{"app": "db"}
			}
			other := of("", 50, plugintest.On(plugintest.Pod("c", 4), "n2"))
			c := start(t, append(nodes(3), budget), append(running, other...)...)
			gang := of("urgent", 100, plugintest.Gang("g", tc.size, 4)...)
			c.CreatePods(gang...)
			c.AwaitBound(plugintest.Names(gang)...)
			if left := exist(c, "a", "b"); len(left) != tc.left {
				t.Errorf("%v are left, want %d", left, tc.left)
			}
			if left := exist(c, "a", "b", "c"); len(left) != 3-tc.size {
				t.Errorf("%v are left, want %d", left, 3-tc.size)
			}
		})
	}
}

// endSlowly makes pods that are deleted run on until the test ends them with the function returned.
func endSlowly(c *plugintest.Cluster) (end func(name string)) {
	pods := corev1.SchemeGroupVersion.WithResource("pods")
	c.Client.PrependReactor("delete", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		name := action.(clienttesting.DeleteAction).GetName()
		obj, err := c.Client.Tracker().Get(pods, plugintest.Namespace, name)
		if err != nil {
			return true, nil, err
		}
		pod := obj.(*corev1.Pod).DeepCopy()
		if pod.DeletionTimestamp == nil {
			pod.DeletionTimestamp = &metav1.Time{Time: time.Now().Add(30 * time.Second)}
		}
		return true, nil, c.Client.Tracker().Update(pods, pod, plugintest.Namespace)
	})
	return func(name string) { _ = c.Client.Tracker().Delete(pods, plugintest.Namespace, name) }
}

// TestRoomIsKeptWhileVictimsEnd has two victims end one after the other (kueue#13662). The room of the first one is not
// taken by somebody who sorts behind the gang, and nobody else is preempted meanwhile.
func TestRoomIsKeptWhileVictimsEnd(t *testing.T) {
	t.Parallel()
	c := start(t, nodes(3),
		plugintest.On(plugintest.Pod("a", 4), "n0"), plugintest.On(plugintest.Pod("b", 4), "n1"), of("", 50, plugintest.On(plugintest.Pod("c", 4), "n2"))[0])
	end := endSlowly(c)
	c.CreatePods(of("urgent", 100, plugintest.Gang("g", 2, 4)...)...)
	c.Await("both victims are ending", func() bool { return len(exist(c, "a", "b")) == 0 })
	for _, name := range []string{"a", "b"} {
		conditions := c.Pod(name).Status.Conditions
		if !slices.ContainsFunc(conditions, func(cond corev1.PodCondition) bool {
			return cond.Type == corev1.DisruptionTarget && cond.Reason == corev1.PodReasonPreemptionByScheduler
		}) {
			t.Errorf("%s ends without a reason: %v", name, conditions)
		}
	}
	end("a")
	c.CreatePods(plugintest.Pod("late", 4))
	c.AwaitUnschedulable("", "late", "g-0")
	if got := c.Bound("late", "g-0", "g-1"); got > 0 || len(exist(c, "c")) == 0 {
		t.Fatalf("%d pods are bound while b ends, %v of c is left", got, exist(c, "c"))
	}
	end("b")
	c.AwaitBound("g-0", "g-1")
	if got := exist(c, "c"); len(got) == 0 {
		t.Error("c was preempted, too")
	}
}

// TestEndingPodsAreWaitedFor starts a scheduler after another one's decision: the room that is being made is enough, and
// nobody else has to go.
func TestEndingPodsAreWaitedFor(t *testing.T) {
	t.Parallel()
	ending := plugintest.On(plugintest.Pod("a", 4), "n0")
	ending.DeletionTimestamp = &metav1.Time{Time: time.Now().Add(30 * time.Second)}
	ending.Finalizers = []string{batchmeta.Tracking}
	c := start(t, nodes(2), ending, plugintest.On(plugintest.Pod("b", 4), "n1"))
	c.CreatePods(of("urgent", 100, plugintest.Gang("g", 1, 4)...)...)
	c.AwaitUnschedulable("waits for 1 pods to end", "g-0")
	endSlowly(c)("a")
	c.AwaitBound("g-0")
	if len(exist(c, "b")) == 0 {
		t.Error("b was preempted")
	}
}

// TestOldGenerationDoesNotMatter preempts a gang that is made again under the same names' successors while its old pods are
// still ending (armada#4634): the new generation is planned for itself.
func TestOldGenerationDoesNotMatter(t *testing.T) {
	t.Parallel()
	old := plugintest.Gang("low", 2, 4)
	c := start(t, nodes(4), plugintest.On(old[0], "n0"), plugintest.On(old[1], "n1"), of("", 100, plugintest.On(plugintest.Pod("x", 4), "n2"))[0])
	end := endSlowly(c)
	c.CreatePods(of("urgent", 100, plugintest.Gang("g", 2, 4)...)...)
	c.Await("the gang is ending", func() bool { return len(exist(c, "low-0", "low-1")) == 0 })
	again := plugintest.Gang("low", 2, 1)
	for _, pod := range again {
		pod.Name, pod.UID = "again-"+pod.Name, "again-"+pod.UID
	}
	c.CreatePods(again...)
	c.AwaitUnschedulable("", "g-0")
	end("low-0")
	end("low-1")
	c.AwaitBound("g-0", "g-1", "again-low-0", "again-low-1")
}
