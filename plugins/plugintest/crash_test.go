// SPDX-License-Identifier: Apache-2.0

//go:build crashpoints

package plugintest_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

var (
	crashSeeds = flag.Int("seeds", 50, "how often each write is died at, half of it before and half after")
	crashPoint = flag.String("point", "", "the only point to die at")
)

// story is a cluster in which a scheduler comes to a point.
type story struct {
	objects []runtime.Object
	waiting []*corev1.Pod // all are bound in the end, once each
	victims []*corev1.Pod // all are gone in the end
	stays   string        // a pod that nobody may touch
	most    int           // how often the scheduler comes to the point
}

// stories are those of all the scheduler's points; see package crash.
var stories = map[crashpoint.Point]func(*rand.Rand) *story{
	"pods/bind": bindStory, "nodes/claim": claimStory, "pods/mark-disrupted": preemptStory, "pods/evict": preemptStory,
}

// bindStory has a gang and two pods be bound.
func bindStory(rng *rand.Rand) *story {
	size := 2 + rng.IntN(3)
	s := &story{waiting: append(plugintest.Gang("g", size, 3), plugintest.Pod("a", 1), plugintest.Pod("b", 1))}
	for i := range size + 1 { // wherever the two others are put, there is room for the gang
		s.objects = append(s.objects, plugintest.Node(fmt.Sprint("n-", i), 4))
	}
	s.most = len(s.waiting)
	return s
}

// claimStory has a gang and two pods each claim a node of its own. One that was claimed in vain stays unused, so there are more.
func claimStory(rng *rand.Rand) *story {
	s := &story{waiting: append(plugintest.Gang("g", 2+rng.IntN(2), 1), plugintest.Pod("a", 1), plugintest.Pod("b", 1))}
	for i := range 2 * len(s.waiting) {
		node := plugintest.Node(fmt.Sprint("n-", i), 4)
		node.Labels[batchmeta.SoleTenant] = "true"
		s.objects = append(s.objects, node)
	}
	s.most = len(s.waiting)
	return s
}

// preemptStory has a gang make room for itself, as large or smaller, by ending another one, which ends as a whole.
func preemptStory(rng *rand.Rand) *story {
	size, priority := 2+rng.IntN(3), int32(100)
	s := &story{victims: plugintest.Gang("low", size, 4), stays: "calm", most: size} // it asks for nothing when it loses members
	for i, pod := range s.victims {
		node := plugintest.Node(fmt.Sprint("n-", i), 4)
		s.victims[i] = plugintest.On(pod, node.Name)
		s.objects = append(s.objects, node)
	}
	s.waiting = plugintest.Gang("g", 1+rng.IntN(size), 4)
	calm := plugintest.On(plugintest.Pod(s.stays, 4), "n-calm")
	for _, pod := range append(slices.Clone(s.waiting), calm) {
		pod.Spec.PriorityClassName, pod.Spec.Priority = "urgent", &priority
	}
	s.objects = append(s.objects, plugintest.Node("n-calm", 4), calm, &schedulingv1.PriorityClass{
		ObjectMeta: metav1.ObjectMeta{Name: "urgent", Annotations: map[string]string{batchmeta.Preemption: batchmeta.PreemptionEnabled}}, Value: priority,
	})
	return s
}

// mortal decides where a scheduler dies. A process cannot exit within a test: from that write on none is made.
type mortal struct {
	mu       sync.Mutex // guards what follows
	point    crashpoint.Point
	moment   string
	left     int // writes until it dies
	underWay int // writes that were begun and have not ended
	dead     bool
}

func (m *mortal) visit(p crashpoint.Point, moment string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if moment == crashpoint.After {
		m.underWay--
	}
	if !m.dead && p == m.point && moment == m.moment {
		m.left--
		m.dead = m.left < 0
	}
	if moment == crashpoint.Before && !m.dead {
		m.underWay++
	}
	return m.dead
}

// isDead reports whether nothing will be written any more.
func (m *mortal) isDead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead && m.underWay == 0
}

// TestCrashPointsOfTheScheduler has the scheduler die at each of its writes, in the midst of what belongs together: the Bindings of a
// gang, the nodes that are for one pod each, the end of a gang that makes room. The next one, which knows what the API server
// has, does the rest, and nothing twice.
func TestCrashPointsOfTheScheduler(t *testing.T) {
	deaths, wrong, moments := 0, 0, map[string]bool{}
	for _, point := range slices.Sorted(maps.Keys(stories)) {
		if *crashPoint != "" && *crashPoint != string(point) {
			continue
		}
		for seed := range *crashSeeds {
			moment := []string{crashpoint.Before, crashpoint.After}[seed%2]
			isRight := t.Run(fmt.Sprintf("%s-%s-%d", strings.ReplaceAll(string(point), "/", "-"), moment, seed), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(uint64(seed), 0))
				s := stories[point](rng)
				s.play(t, &mortal{point: point, moment: moment, left: rng.IntN(s.most)})
				deaths++
				moments[string(point)+moment] = true
			})
			if !isRight {
				wrong++
			}
		}
	}
	t.Logf("batch-scheduler: %d points, %d of their moments, %d deaths, %d violations", len(stories), len(moments), deaths, wrong)
}

// play has one scheduler die and the next one finish.
func (s *story) play(t *testing.T, m *mortal) {
	t.Helper()
	for _, p := range append(slices.Clone(s.waiting), s.victims...) {
		s.objects = append(s.objects, p)
	}
	bound := map[string]int{}
	t.Run("who dies", func(t *testing.T) { s.objects = m.die(t, s.objects, bound) })
	if t.Failed() {
		t.FailNow()
	}
	t.Run("who follows", func(t *testing.T) {
		c := plugintest.Start(t, s.objects...)
		c.AwaitBound(plugintest.Names(s.waiting)...)
		c.Await("all victims are gone", func() bool { return !exists(t, c, plugintest.Names(s.victims)...) })
		if s.stays != "" && !exists(t, c, s.stays) {
			t.Errorf("pod %s is gone", s.stays)
		}
		count(bound, c.Bindings())
		wantTenants(t, c)
	})
	for _, p := range s.waiting {
		if bound[p.Name] != 1 {
			t.Errorf("pod %s was bound %d times", p.Name, bound[p.Name])
		}
	}
}

// exists reports whether any of the pods exists.
func exists(t *testing.T, c *plugintest.Cluster, names ...string) bool {
	t.Helper()
	pods, err := c.Client.CoreV1().Pods(plugintest.Namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool { return slices.Contains(names, p.Name) })
}

// wantTenants fails the test if a node that is for one pod has another than the one that claims it.
func wantTenants(t *testing.T, c *plugintest.Cluster) {
	t.Helper()
	nodes, err := c.Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: batchmeta.SoleTenant})
	if err != nil {
		t.Fatal(err)
	}
	pods, err := c.Client.CoreV1().Pods(plugintest.Namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes.Items {
		var on []string
		for _, p := range pods.Items {
			if p.Spec.NodeName == n.Name {
				on = append(on, string(p.UID))
			}
		}
		if len(on) > 1 || len(on) == 1 && on[0] != n.Annotations[batchmeta.Tenant] {
			t.Errorf("node %s has the pods %v and is claimed by %q", n.Name, on, n.Annotations[batchmeta.Tenant])
		}
	}
}

// die runs a scheduler until it dies and gives what the API server has then.
func (m *mortal) die(t *testing.T, objects []runtime.Object, bound map[string]int) (left []runtime.Object) {
	t.Helper()
	crashpoint.Visit(m.visit)
	t.Cleanup(func() { crashpoint.Visit(nil) }) // once it has ended
	c := plugintest.Start(t, objects...)
	c.Await("the scheduler dies", m.isDead)
	pods, err := c.Client.CoreV1().Pods(plugintest.Namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := c.Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	classes, err := c.Client.SchedulingV1().PriorityClasses().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	count(bound, c.Bindings())
	for i := range pods.Items {
		left = append(left, &pods.Items[i])
	}
	for i := range nodes.Items {
		left = append(left, &nodes.Items[i])
	}
	for i := range classes.Items {
		left = append(left, &classes.Items[i])
	}
	return left
}

func count(bound map[string]int, bindings []corev1.Binding) {
	for _, b := range bindings {
		bound[b.Name]++
	}
}
