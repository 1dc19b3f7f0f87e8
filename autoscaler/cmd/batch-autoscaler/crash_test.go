// SPDX-License-Identifier: Apache-2.0

//go:build kwok && crashpoints

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2"
	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/hack/sdktest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

var (
	crashSeeds  = flag.Int("seeds", 50, "how often each write is died at, half of it before and half after")
	crashFirst  = flag.Int("first-seed", 0, "the first of the seeds")
	crashWithin = flag.Duration("within", 0, "after this time no more cases are begun; no bound if 0")
	crashPoint  = flag.String("point", "", "the only point to die at")
)

// crashPoints are the writes at which these cases die, with up to which hit: all of package crash.
var crashPoints = map[crashpoint.Point]int{
	"launches/open": 1, "launches/create": 1, "launches/record": 2, "launches/forget": 2,
	"fleet/launch": 2, "fleet/terminate": 2, "fleet/end-stopped": 1, "fleet/give-back": 1,
	"ec2/create-template": 1, "ec2/create-fleet": 2, "ec2/terminate": 2,
	"kwok/launch": 3, "kwok/terminate": 3, "exec/launch": 3, "exec/terminate": 2,
	"nodes/label": 2, "nodes/reserve": 2, "nodes/taint": 1, "nodes/mark": 1, "nodes/delete": 2, "notices/delete": 1,
	"reports/create": 1, "reports/change": 3, "reports/delete": 1,
}

// mortal is the life of one autoscaler after the other over a cluster and a cloud that last. A process cannot exit within a
// test; so when it dies, whatever it still does fails from that very write on, until all that it had begun has ended.
type mortal struct {
	*rig
	cloud *ec2fake.Cloud // nil if the fleet is another
	other otherFleet     // nil if it is EC2
	rng   *rand.Rand
	stays bool // no pod is bound for now

	mu     sync.Mutex // guards what follows
	point  crashpoint.Point
	moment string
	left   int // hits until it dies; none if negative
	dead   bool
	died   bool

	watching context.CancelFunc
	watched  chan struct{}
}

var errMortal = errors.New("the process has died")

// TestCrashPointsOfTheAutoscaler has the engine, over EC2's API, die at each of its writes in the middle of a story of demand,
// interruption, update, idleness and deletion, and the next one finish it.
func TestCrashPointsOfTheAutoscaler(t *testing.T) {
	died, wrong, moments := 0, 0, map[string]bool{}
	began := time.Now()
	for seed := *crashFirst; seed < *crashFirst+*crashSeeds; seed++ {
		for _, point := range slices.Sorted(maps.Keys(crashPoints)) {
			if *crashPoint != "" && *crashPoint != string(point) || *crashWithin > 0 && time.Since(began) > *crashWithin {
				continue
			}
			moment := []string{crashpoint.Before, crashpoint.After}[seed%2]
			isRight := t.Run(fmt.Sprintf("%s-%s-%d", strings.ReplaceAll(string(point), "/", "-"), moment, seed), func(t *testing.T) {
				if !playCase(t, point, moment, seed) {
					t.Errorf("never died %s %s", moment, point)
					return
				}
				died++
				moments[string(point)+moment] = true
			})
			if !isRight {
				wrong++
			}
		}
	}
	t.Logf("batch-autoscaler: %d points, %d of their moments, %d deaths, %d violations, in %v",
		len(crashPoints), len(moments), died, wrong, time.Since(began).Round(time.Second))
}

// crashTries is how often a case may have the luck not to come to its hit; after the first it need only come to the first.
const crashTries = 4

// playCase plays a case until it dies in it.
func playCase(t *testing.T, point crashpoint.Point, moment string, seed int) (died bool) {
	t.Helper()
	most := crashPoints[point]
	for try := 0; try < crashTries && !died && !t.Failed(); try++ {
		t.Run(fmt.Sprint("try-", try), func(t *testing.T) {
			m := newMortal(t, point, moment, seed, most)
			if m.other != nil {
				m.shortStory()
			} else {
				m.story()
			}
			died = m.hasDied()
		})
		most = 1
	}
	return died
}

func newMortal(t *testing.T, point crashpoint.Point, moment string, seed, most int) *mortal {
	t.Helper()
	m := &mortal{point: point, moment: moment, rng: rand.New(rand.NewPCG(uint64(seed), uint64(len(point))))}
	m.left = m.rng.IntN(most)
	switch kind, _, _ := strings.Cut(string(point), "/"); kind {
	case "exec", "kwok":
		m.rig, m.other = newOtherRig(t, kind)
	default:
		m.rig, m.cloud = newEC2Rig(t, types.CRTypeSpot)
	}
	m.client.PrependReactor("*", "*", m.refuse)
	crashpoint.Visit(m.visit)
	t.Cleanup(func() {
		m.unwatch()
		crashpoint.Visit(nil)
	})
	m.watch()
	return m
}

// visit decides who dies where.
func (m *mortal) visit(p crashpoint.Point, moment string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.died && p == m.point && moment == m.moment {
		m.left--
		if m.left < 0 {
			m.dead, m.died = true, true
			m.end()
		}
	}
	return m.dead
}

func (m *mortal) isDead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

func (m *mortal) hasDied() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.died
}

// refuse keeps the dead from writing where there is no point, as cluster-autoscaler's own taints.
func (m *mortal) refuse(action clienttesting.Action) (bool, runtime.Object, error) {
	isRead := slices.Contains([]string{"get", "list", "watch"}, action.GetVerb())
	resource := action.GetResource().Resource
	isBoot := action.GetVerb() == "create" && resource == "nodes"                 // an instance's own
	return !isRead && !isBoot && resource != "pods" && m.isDead(), nil, errMortal // pods are others' to write
}

func (m *mortal) watch() {
	ctx, cancel := context.WithCancel(m.Context())
	m.watching, m.watched = cancel, make(chan struct{})
	go func() {
		defer close(m.watched)
		if m.watcher != nil { // other fleets than EC2 tell of nothing
			_ = m.watcher.Run(ctx) // its errors are those of its end
		}
	}()
}

func (m *mortal) unwatch() {
	m.watching()
	<-m.watched
}

// revive starts another process once nothing of the dead one is left: nothing but cluster and cloud outlives it.
func (m *mortal) revive() {
	m.Helper()
	m.unwatch()
	m.end()
	m.orchestrator.Stop()
	m.provider.Wait()
	time.Sleep(10 * time.Millisecond) // deletions that cluster-autoscaler had begun
	if m.cloud != nil {
		m.connect()
	}
	for {
		m.mu.Lock()
		m.dead = false
		m.mu.Unlock()
		err := m.begin()
		if err == nil {
			break
		}
		if !m.isDead() {
			m.Fatal(err)
		}
	}
	m.watch()
}

// connect makes clients of EC2 as a new process does.
func (m *mortal) connect() {
	m.Helper()
	srv := httptest.NewServer(m.cloud)
	m.Cleanup(srv.Close)
	client, err := ec2.NewClient(ec2.ClientConfig{
		Region: "us-east-1", Endpoint: srv.URL, Credentials: aws.CredentialsProviderFunc(anyone), Retryer: sdktest.Once(), HTTP: srv.Client(),
	})
	if err != nil {
		m.Fatal(err)
	}
	if m.machines, err = ec2.New(client, client, ec2.Config{Cluster: "muster", Clock: m.clock}); err != nil {
		m.Fatal(err)
	}
	m.notices = ec2.NewQueue(client, "notices")
}

// until lives on, in one process after the other, until the condition holds.
func (m *mortal) until(what string, done func() bool) {
	m.Helper()
	deadline := time.Now().Add(patience)
	for n := 0; !done() || m.isDead(); n++ {
		if time.Now().After(deadline) {
			m.Fatalf("never: %s\n%s", what, m.dump())
		}
		if m.isDead() {
			m.revive()
		}
		m.loop(1)
		_ = m.reports.Write(m.Context()) // it is written again
		if n%5 == 4 {
			_ = m.provider.Reconcile(m.Context()) // and so is this
		}
		if m.other != nil {
			m.other.boot(m.rig)
		}
		m.darken()
		if !m.stays {
			m.seat()
		}
	}
}

// darken has the nodes of instances that are no more fall silent, as Kubernetes finds.
func (m *mortal) darken() {
	m.Helper()
	alive := map[string]bool{}
	switch {
	case m.other != nil:
		alive = m.other.alive(m.rig)
	default:
		for _, i := range m.cloud.Instances() {
			alive[i.NodeName()] = i.State != "stopped"
		}
	}
	for _, name := range m.nodeNames() {
		node, err := m.client.CoreV1().Nodes().Get(m.Context(), name, metav1.GetOptions{})
		if err != nil || alive[name] {
			continue
		}
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown}}
		if err := m.client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("nodes"), node, ""); err != nil {
			m.Log(err) // deleted meanwhile
		}
	}
}

// seat binds the pods that wait to nodes that have room and are open.
func (m *mortal) seat() {
	m.Helper()
	pods := m.allPods()
	free := map[string]int64{}
	for _, name := range m.nodeNames() {
		node, err := m.client.CoreV1().Nodes().Get(m.Context(), name, metav1.GetOptions{})
		if err == nil && isOpen(node) {
			free[name] = 3
		}
	}
	for _, p := range pods {
		if _, ok := free[p.Spec.NodeName]; ok && p.Status.Phase == corev1.PodRunning {
			free[p.Spec.NodeName] -= p.Spec.Containers[0].Resources.Requests.Cpu().Value()
		}
	}
	for _, p := range pods {
		asks := p.Spec.Containers[0].Resources.Requests.Cpu().Value()
		for name, left := range free {
			if p.Spec.NodeName == "" && left >= asks {
				m.change(p.Name, func(p *corev1.Pod) { p.Spec.NodeName, p.Status.Phase = name, corev1.PodRunning })
				free[name] -= asks
				break
			}
		}
	}
}

func isOpen(n *corev1.Node) bool {
	return !slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool {
		return t.Key != batchmeta.BatchNode
	})
}

func (m *mortal) allPods() []corev1.Pod {
	m.Helper()
	list, err := m.client.CoreV1().Pods("jobs").List(m.Context(), metav1.ListOptions{})
	if err != nil {
		m.Fatal(err)
	}
	return list.Items
}

// allRun reports whether every pod has a node that is there.
func (m *mortal) allRun() bool {
	names := m.nodeNames()
	for _, p := range m.allPods() {
		if !slices.Contains(names, p.Spec.NodeName) {
			return false
		}
	}
	return true
}

// story is what happens, whoever dies in it.
func (m *mortal) story() {
	m.Helper()
	// 0. Another leader, and none has ever been where the ledger is to be made.
	if m.point == "launches/create" {
		if err := m.client.CoreV1().ConfigMaps(m.options.Namespace).Delete(m.Context(), ledgerName, metav1.DeleteOptions{}); err != nil {
			m.Fatal(err)
		}
	}
	m.revive()
	// 1. Demand: three pods that fit on one node, or a gang of which each takes a node of its own.
	m.create(pod("a"))
	size := 2 + m.rng.IntN(2)
	for i := range size {
		m.create(pod(fmt.Sprint("g-", i), cpus(3), gang("g", size)))
	}
	if m.point == "nodes/reserve" {
		m.keep("jobs/g", size)
	}
	m.until("all pods run", m.allRun)
	if got := len(m.cloud.Instances()); got > size+1 {
		m.Errorf("%d instances for %d nodes' worth of pods", got, size+1)
	}
	m.until("every node knows its instance, and the books are even", m.isEven)
	// 2. EC2 takes one back; another ends without warning.
	m.lose(func(id string) { m.cloud.Interrupt(id) })
	m.lose(func(id string) { m.cloud.Reclaim(id) })
	switch m.point {
	case "fleet/end-stopped":
		m.lose(func(id string) { m.cloud.Stop(id) })
	case "fleet/give-back":
		m.regret()
	}
	m.until("no message is left", func() bool { return m.cloud.Messages() == 0 })
	// 3. An update: nodes of the first generation take no more pods.
	m.update(nil)
	m.until("the old nodes are marked", func() bool {
		return !slices.ContainsFunc(m.nodeNames(), func(name string) bool {
			n := m.node(name)
			return n.Labels[batchmeta.Generation] != "2" && !m.has(name, corev1.TaintEffectNoSchedule)
		})
	})
	// 4. All work ends, and the environment is deleted.
	for _, p := range m.allPods() {
		m.change(p.Name, finish(corev1.PodSucceeded))
	}
	m.until("all nodes go", func() bool {
		m.clock.Step(m.options.ScaleDownDelay)
		return m.gone() && len(m.ledger()) == 0
	})
	m.api.environments = nil
	m.until("the report goes", func() bool { return m.reportCount() == 0 })
	if got := len(m.cloud.Instances()); got != 0 {
		m.Errorf("%d instances are left", got)
	}
}

// keep has a gang not start before its nodes are kept for it, and if who says so dies over it, whoever comes next go on with what
// was said, and say it of all of them. One that died before it had said anything leaves nothing to go on with.
func (m *mortal) keep(gang string, size int) {
	m.Helper()
	m.stays = true
	var said []string // by who died
	looks := 0        // all may have come before anybody looked
	m.until("the gang's nodes are kept for it", func() bool {
		looks++
		if said = m.keptFor(gang); m.isDead() {
			return true
		}
		return len(said) >= size || looks > 100
	})
	for end := m.clock.Now().Add(2 * time.Minute); len(said) > 0 && m.clock.Now().Before(end); {
		if m.isDead() {
			m.revive()
		}
		m.elapse(10 * time.Second)
		m.provider.Wait()
		if got := m.keptFor(gang); !isWithin(said, got) {
			m.Fatalf("of %v, which were kept for the gang, %v are\n%s", said, got, m.dump())
		}
	}
	if got := m.keptFor(gang); len(said) > 0 && len(got) < size {
		m.Errorf("%v are kept for a gang of %d nodes\n%s", got, size, m.dump())
	}
	m.stays = false
}

// isWithin reports whether all of some names are among others.
func isWithin(some, others []string) bool {
	return !slices.ContainsFunc(some, func(name string) bool { return !slices.Contains(others, name) })
}

// regret has a pod go away while the instance that was bought for it is on its way.
func (m *mortal) regret() {
	m.Helper()
	before := len(m.cloud.Instances())
	m.mute = true
	m.create(pod("regretted", cpus(3)))
	m.until("an instance is on its way", func() bool { return len(m.cloud.Instances()) > before })
	m.rig.delete("regretted")
	m.until("it is given back", func() bool { return len(m.cloud.Instances()) == before })
	m.mute = false
	m.until("the books are even", m.isEven)
}

// lose has something happen to the instance of a node, and its pods come again elsewhere.
func (m *mortal) lose(how func(id string)) {
	m.Helper()
	i := m.cloud.Instances()[m.rng.IntN(len(m.cloud.Instances()))]
	how(i.ID)
	m.until("the node is closed or gone", func() bool {
		n := m.nodeOf(&i)
		return n == nil || !isOpen(n)
	})
	for _, p := range m.allPods() {
		if p.Spec.NodeName == i.NodeName() {
			again := pod(p.Name+"-x", cpus(p.Spec.Containers[0].Resources.Requests.Cpu().Value()))
			m.rig.delete(p.Name)
			m.create(again)
		}
	}
	m.until("its pods run elsewhere", m.allRun)
	m.until("its node goes", func() bool {
		m.clock.Step(time.Minute)
		return m.nodeOf(&i) == nil
	})
	m.until("the books are even", m.isEven)
}

// dump is what there is, for a failure.
func (m *mortal) dump() string {
	var b strings.Builder
	for _, name := range m.nodeNames() {
		n := m.node(name)
		fmt.Fprintln(&b, "node", name, n.Labels[batchmeta.InstanceID], n.Spec.Taints)
	}
	for _, p := range m.allPods() {
		fmt.Fprintln(&b, "pod", p.Name, p.Spec.NodeName, p.Status.Phase)
	}
	if m.cloud != nil {
		for _, i := range m.cloud.Instances() {
			fmt.Fprintln(&b, "instance", i.ID, i.NodeName(), i.State)
		}
		fmt.Fprintln(&b, "messages", m.cloud.Messages())
	}
	fmt.Fprintln(&b, "launches", m.ledger())
	return b.String()
}

// isEven: no launch is under way, and every node has the label of its instance.
func (m *mortal) isEven() bool {
	for _, name := range m.nodeNames() {
		if m.node(name).Labels[batchmeta.InstanceID] == "" {
			return false
		}
	}
	return len(m.ledger()) == 0
}

func (m *mortal) ledger() map[string]string {
	cm, err := m.client.CoreV1().ConfigMaps(m.options.Namespace).Get(m.Context(), ledgerName, metav1.GetOptions{})
	if err != nil {
		return nil
	}
	delete(cm.Data, "holder")
	return cm.Data
}

func (m *mortal) reportCount() int {
	list, err := m.client.CoreV1().ConfigMaps(m.options.Namespace).List(m.Context(), metav1.ListOptions{LabelSelector: batchmeta.EnvironmentReport})
	if err != nil {
		m.Fatal(err)
	}
	return len(list.Items)
}
