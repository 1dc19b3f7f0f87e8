// SPDX-License-Identifier: Apache-2.0

//go:build crashpoints

package plugintest_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

var crashSeeds = flag.Int("seeds", 50, "how often the scheduler dies, half of it before a Binding and half after")

// mortal decides where a scheduler dies. A process cannot exit within a test: from that Binding on none is made.
type mortal struct {
	mu     sync.Mutex // guards what follows
	moment string
	left   int // Bindings until it dies
	dead   bool
}

func (m *mortal) visit(p crashpoint.Point, moment string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.dead && p == "pods/bind" && moment == m.moment {
		m.left--
		m.dead = m.left < 0
	}
	return m.dead
}

func (m *mortal) isDead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

// TestCrashPointsOfTheScheduler has the scheduler die at one of the Bindings of a gang and some pods; the next one, which knows
// what the API server has, binds the rest, and nothing twice.
func TestCrashPointsOfTheScheduler(t *testing.T) {
	for seed := range *crashSeeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(seed), 0))
			size := 2 + rng.IntN(3)
			pods := append(plugintest.Gang("g", size, 3), plugintest.Pod("a", 1), plugintest.Pod("b", 1))
			var objects []runtime.Object
			for i := range size + 1 { // wherever the two others are put, there is room for the gang
				objects = append(objects, plugintest.Node(fmt.Sprint("n-", i), 4))
			}
			for _, p := range pods {
				objects = append(objects, p)
			}
			m := &mortal{moment: []string{crashpoint.Before, crashpoint.After}[seed%2], left: rng.IntN(len(pods))}
			bound := map[string]int{}
			t.Run("who dies", func(t *testing.T) { objects = m.die(t, objects, bound) })
			t.Run("who follows", func(t *testing.T) {
				c := plugintest.Start(t, objects...)
				c.AwaitBound(plugintest.Names(pods)...)
				count(bound, c.Bindings())
			})
			for _, p := range pods {
				if bound[p.Name] != 1 {
					t.Errorf("pod %s was bound %d times", p.Name, bound[p.Name])
				}
			}
		})
	}
}

// die runs a scheduler until it dies and gives what the API server has then.
func (m *mortal) die(t *testing.T, objects []runtime.Object, bound map[string]int) (left []runtime.Object) {
	t.Helper()
	crashpoint.Visit(m.visit)
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
	t.Cleanup(func() { crashpoint.Visit(nil) })
	bindings := c.Bindings()
	count(bound, bindings)
	for i := range pods.Items {
		left = append(left, &pods.Items[i])
	}
	for i := range nodes.Items {
		left = append(left, &nodes.Items[i])
	}
	return left
}

func count(bound map[string]int, bindings []corev1.Binding) {
	for _, b := range bindings {
		bound[b.Name]++
	}
}
