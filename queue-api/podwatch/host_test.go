// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"context"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// onHost is what became of the nodes of a cluster's pods.
type onHost struct {
	gone   []string // nodes
	given  []string // nodes that the autoscaler ended
	ends   time.Time
	within []time.Duration // asked of StopWithin

	machines map[string]Machine // by node
}

func (h *onHost) Machine(node string) Machine { return h.machines[node] }

func (h *onHost) HostGone(pod *corev1.Pod) bool { return slices.Contains(h.gone, pod.Spec.NodeName) }
func (h *onHost) GivenUp(node string) bool      { return slices.Contains(h.given, node) }
func (h *onHost) HostEnds(string) time.Time     { return h.ends }
func (h *onHost) StopWithin(_ context.Context, _ *corev1.Pod, grace time.Duration) error {
	h.within = append(h.within, grace)
	return nil
}

func TestHostThatIsGoneEndsItsJobAtOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 0)
	s.cluster.gone = []string{"n"}
	s.show(t, podIn(corev1.PodRunning, "n", running()))
	s.want(t, batch.StatusFailed, "Host EC2 (instance i-1) terminated.", 0, 1)
	if !slices.Equal(s.cluster.within, []time.Duration{0}) {
		t.Errorf("stopped within %v, want at once", s.cluster.within)
	}
	if c := s.job(t).Attempts[0].Containers[0]; c.ExitCode != nil || c.Reason != "" {
		t.Errorf("container %+v, want no exit code", c)
	}
}

func TestHostThatIsGoneIsARetryableFailure(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2, 0)
	s.cluster.gone = []string{"n"}
	s.show(t, deleted(podIn(corev1.PodRunning, "n", running())))
	s.want(t, batch.StatusRunnable, "", 0, 1)
	if job := s.job(t); !job.IsWaiting() || job.Attempts[0].StatusReason != "Host EC2 (instance i-1) terminated." {
		t.Errorf("attempts %+v", job.Attempts)
	}
}

func TestPodThatEndedBeforeItsHostKeepsItsOutcome(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		pod    *corev1.Pod
		status batch.JobStatus
	}{
		"it succeeded": {podIn(corev1.PodSucceeded, "n", terminated(0, "Completed")), batch.StatusSucceeded},
		"it failed":    {podIn(corev1.PodFailed, "n", terminated(3, "Error")), batch.StatusFailed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 1, 0)
			s.cluster.gone = []string{"n"}
			s.show(t, tc.pod)
			s.want(t, tc.status, lifecycle.ReasonExited, 0, 1)
		})
	}
}

// lagging is a cluster whose cache has not seen yet what the API server knows.
type lagging struct {
	*onePod
	live *corev1.Pod
}

func (c *lagging) Live(context.Context, string, string) (*corev1.Pod, error) { return c.live, nil }

func TestAPodIsNotLostBeforeTheAPIServerSaysSo(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 0)
	s.show(t, podIn(corev1.PodRunning, "n", running()))
	s.cluster.gone = []string{"n"}
	ended := s.cluster.pod.DeepCopy()
	ended.Status = podIn(corev1.PodSucceeded, "n", terminated(0, "Completed")).Status
	s.watcher.pods = &lagging{s.cluster, ended}
	if _, err := s.watcher.settle(t.Context(), s.id); err != nil {
		t.Fatal(err)
	}
	s.want(t, batch.StatusSucceeded, lifecycle.ReasonExited, 0, 1)
}

func TestPodsHaveNoMoreTimeThanTheirHost(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		ends, grace time.Duration // from now
		want        []time.Duration
	}{
		"nothing was announced":                {grace: time.Hour},
		"the pod will have ended by then":      {ends: 2 * time.Minute, grace: 30 * time.Second},
		"the pod wants more":                   {ends: 2 * time.Minute, grace: 10 * time.Minute, want: []time.Duration{115 * time.Second}},
		"there is no time left to speak of":    {ends: 5 * time.Second, grace: 10 * time.Minute},
		"the time of the host is over":         {ends: -time.Minute, grace: 10 * time.Minute},
		"the pod ends just before its kubelet": {ends: 2 * time.Minute, grace: 115 * time.Second},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 1, 0)
			if tc.ends != 0 {
				s.cluster.ends = began.Add(tc.ends)
			}
			pod := podIn(corev1.PodRunning, "n", running())
			pod.DeletionTimestamp = new(metav1.NewTime(began.Add(tc.grace)))
			s.show(t, pod)
			if !slices.Equal(s.cluster.within, tc.want) {
				t.Errorf("stopped within %v, want %v", s.cluster.within, tc.want)
			}
		})
	}
}

// Nothing of its own failed when a job was sent to a node that had been given up: cluster-autoscaler #7244, #8196.
func TestPodThatCameTooLateToItsNodeIsMadeAgain(t *testing.T) {
	t.Parallel()
	collected := func(change ...func(*corev1.Pod)) *corev1.Pod {
		pod := podIn(corev1.PodFailed, "n")
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "DeletionByPodGC"}}
		for _, f := range change {
			f(pod)
		}
		return pod
	}
	started := func(p *corev1.Pod) {
		p.Status.ContainerStatuses = podIn(corev1.PodRunning, "n", running()).Status.ContainerStatuses
	}
	cases := map[string]struct {
		pod     *corev1.Pod
		given   []string
		want    batch.JobStatus
		counted int
	}{
		"it never began":                 {collected(), []string{"n"}, batch.StatusRunnable, 0},
		"it had begun":                   {collected(started), []string{"n"}, batch.StatusFailed, 1},
		"its node ended for another why": {collected(), []string{"m"}, batch.StatusFailed, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 1, 0)
			s.cluster.given = tc.given
			s.show(t, tc.pod)
			job := s.job(t)
			if job.Status != tc.want || job.CountedAttempts() != tc.counted || job.Attempts[0].StatusReason != "Host EC2 (instance i-1) terminated." {
				t.Errorf("%s, %d attempts counted of %+v", job.Status, job.CountedAttempts(), job.Attempts)
			}
		})
	}
}

func TestNodesThatWereGivenUpAreRemembered(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 0)
	c, err := NewCluster(fake.NewClientset().CoreV1(), nil)
	if err != nil {
		t.Fatal(err)
	}
	marked := hostNode(func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Key: batchmeta.ToBeDeleted, Effect: corev1.TaintEffectNoSchedule}}
	})
	handler := c.onNodeChange(s.watcher)
	handler.OnAdd(marked, false)
	if c.GivenUp("n") {
		t.Error("a node that is still there counts as given up")
	}
	handler.OnDelete(marked)
	if !c.GivenUp("n") || c.HostGone(podIn(corev1.PodRunning, "n")) {
		t.Error("a node that was given up is not known as that")
	}
	handler.OnAdd(hostNode(), false)
	handler.OnDelete(hostNode())
	if c.GivenUp("n") {
		t.Error("another node of the name counts as given up")
	}
}

func hostNode(change ...func(*corev1.Node)) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	for _, f := range change {
		f(node)
	}
	return node
}

func outOfService(node *corev1.Node) {
	node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: corev1.TaintNodeOutOfService, Effect: corev1.TaintEffectNoExecute})
}

func TestNodesOutOfServiceTellOfTheirPods(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 0)
	c, err := NewCluster(fake.NewClientset().CoreV1(), nil)
	if err != nil {
		t.Fatal(err)
	}
	pod := podIn(corev1.PodRunning, "n", running())
	pod.Name, pod.Labels = "p", map[string]string{batchmeta.JobID: s.id}
	if err := c.pods.GetIndexer().Add(pod); err != nil {
		t.Fatal(err)
	}
	handler := c.onNodeChange(s.watcher)
	store := c.nodes.GetStore()
	steps := []struct {
		what             string
		do               func(*corev1.Node)
		node             *corev1.Node
		wantGone, wantTo bool
	}{
		{"a node comes", func(n *corev1.Node) { _ = store.Add(n); handler.OnAdd(n, false) }, hostNode(), false, false},
		{"it goes out of service", func(n *corev1.Node) { _ = store.Update(n); handler.OnUpdate(nil, n) }, hostNode(outOfService), true, true},
		{"it is deleted", func(n *corev1.Node) {
			_ = store.Delete(n)
			handler.OnDelete(cache.DeletedFinalStateUnknown{Key: "n", Obj: n})
		}, hostNode(outOfService), true, true},
		{"another takes the name", func(n *corev1.Node) { _ = store.Add(n); handler.OnAdd(n, false) }, hostNode(), false, false},
		{"that one is deleted", func(n *corev1.Node) { _ = store.Delete(n); handler.OnDelete(n) }, hostNode(), false, false},
	}
	for _, step := range steps {
		step.do(step.node)
		if got := c.HostGone(pod); got != step.wantGone {
			t.Errorf("%s: gone = %v", step.what, got)
		}
		told := s.watcher.work.Len() > 0
		if told != step.wantTo {
			t.Errorf("%s: told of its pods: %v", step.what, told)
		}
		for s.watcher.work.Len() > 0 {
			id, _ := s.watcher.work.Get()
			s.watcher.work.Done(id)
		}
	}
}

func TestAnnouncedEndOfANode(t *testing.T) {
	t.Parallel()
	c, err := NewCluster(fake.NewClientset().CoreV1(), nil)
	if err != nil {
		t.Fatal(err)
	}
	announce := func(at string) *corev1.Node {
		kept, err := trimNode(hostNode(func(n *corev1.Node) { n.Annotations = map[string]string{batchmeta.InterruptionDeadline: at} }))
		if err != nil {
			t.Fatal(err)
		}
		return kept.(*corev1.Node)
	}
	for at, want := range map[string]time.Time{"2026-01-02T03:04:05Z": time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "soon": {}, "": {}} {
		if err := c.nodes.GetStore().Add(announce(at)); err != nil {
			t.Fatal(err)
		}
		if got := c.HostEnds("n"); !got.Equal(want) {
			t.Errorf("%q: ends %v, want %v", at, got, want)
		}
	}
}
