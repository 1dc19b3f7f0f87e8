// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/scheduler-plugins/apis/scheduling/v1alpha1"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// groupServer is an API server that has PodGroups, or does not even know what they are.
type groupServer struct {
	*httptest.Server

	mu     sync.Mutex // guards what follows
	groups []v1alpha1.PodGroup
	served bool
	asked  int           // requests since the server last changed
	broken chan struct{} // closed when the watches are to end
}

func newGroupServer(t *testing.T) *groupServer {
	t.Helper()
	s := &groupServer{broken: make(chan struct{})}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		s.set(false)
		s.Close()
	})
	return s
}

// set replaces the definition and all groups, and ends the watches.
func (s *groupServer) set(served bool, groups ...v1alpha1.PodGroup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.served, s.groups, s.asked = served, groups, 0
	close(s.broken)
	s.broken = make(chan struct{})
}

func (s *groupServer) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *groupServer) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked++
	served, broken := s.served, s.broken
	list := v1alpha1.PodGroupList{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "PodGroupList"},
		ListMeta: metav1.ListMeta{ResourceVersion: "1"}, Items: s.groups,
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case !served:
		w.WriteHeader(http.StatusNotFound)
	case r.URL.Query().Get("watch") == "":
		_ = json.NewEncoder(w).Encode(list)
	default:
		_ = http.NewResponseController(w).Flush()
		select {
		case <-broken:
		case <-r.Context().Done():
		}
	}
}

func podGroupOf(minMember int32) v1alpha1.PodGroup {
	return v1alpha1.PodGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "g", UID: "u", Generation: int64(minMember)},
		Spec:       v1alpha1.PodGroupSpec{MinMember: minMember},
	}
}

func TestPodGroupsComeAndGoWithTheirDefinition(t *testing.T) {
	server, ledger := newGroupServer(t), gang.NewLedger()
	clk := testingclock.NewFakeClock(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))
	groups, err := newPodGroups(&rest.Config{Host: server.URL}, clk, ledger, func(klog.Logger, gang.Change) {})
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ns", Name: "m", UID: types.UID("m"), Labels: map[string]string{batchmeta.PodGroup: "g"},
	}}
	ledger.Observe(pod)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { groups.run(ctx) })
	defer running.Wait()
	defer cancel()

	await(t, "the cluster is asked for PodGroups", func() bool { return server.requests() > 0 && clk.HasWaiters() })
	if got := server.requests(); got != 1 {
		t.Errorf("%d requests where there are no PodGroups, want 1", got)
	}
	server.set(true, podGroupOf(2))
	clk.Step(podGroupsAgain)
	await(t, "the PodGroup is known", obstacleIs(ledger, pod, "1 of 2 members exist"))
	server.set(true, podGroupOf(3))
	await(t, "the PodGroup has changed", obstacleIs(ledger, pod, "1 of 3 members exist"))
	server.set(false)
	await(t, "the PodGroup is gone with its definition", obstacleIs(ledger, pod, "does not exist"))
	await(t, "the cluster is left alone", clk.HasWaiters)
}

func obstacleIs(l *gang.Ledger, pod *corev1.Pod, text string) func() bool {
	return func() bool { return strings.Contains(l.Obstacle(pod), text) }
}

func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(context.Background(), 5*time.Millisecond, 5*time.Minute, true,
		func(context.Context) (bool, error) { return cond(), nil })
	if err != nil {
		t.Fatalf("waited in vain: %s", what)
	}
}

func TestLacking(t *testing.T) {
	t.Parallel()
	node := func(cpus, gpus int64) *framework.NodeInfo {
		info := framework.NewNodeInfo()
		info.Allocatable = &framework.Resource{
			MilliCPU: cpus * 1000, Memory: 8 << 30, AllowedPodNumber: 2,
			ScalarResources: map[corev1.ResourceName]int64{"nvidia.com/gpu": gpus},
		}
		info.Requested = &framework.Resource{MilliCPU: 500}
		return info
	}
	cluster := []*framework.NodeInfo{node(4, 0), node(2, 1), node(0, 0)}
	cases := map[string]struct {
		needs map[corev1.ResourceName]string
		want  string
	}{
		"nothing is asked for":     {},
		"all is there":             {needs: map[corev1.ResourceName]string{"cpu": "5", "memory": "24Gi", "pods": "6", "nvidia.com/gpu": "1"}},
		"cpu is short":             {needs: map[corev1.ResourceName]string{"cpu": "5001m"}, want: "5001m cpu, and 5 are free"},
		"memory is short":          {needs: map[corev1.ResourceName]string{"memory": "25Gi"}, want: "25Gi memory, and 24Gi are free"},
		"pods are short":           {needs: map[corev1.ResourceName]string{"pods": "7"}, want: "7 pods, and 6 are free"},
		"a device is short":        {needs: map[corev1.ResourceName]string{"nvidia.com/gpu": "2"}, want: "2 nvidia.com/gpu, and 1 are free"},
		"what no node has":         {needs: map[corev1.ResourceName]string{"a.b/c": "1"}, want: "1 a.b/c, and 0 are free"},
		"storage that no node has": {needs: map[corev1.ResourceName]string{"ephemeral-storage": "1Gi"}, want: "1Gi ephemeral-storage, and 0 are free"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needs := corev1.ResourceList{}
			for resourceName, quantity := range tc.needs {
				needs[resourceName] = resource.MustParse(quantity)
			}
			if diff := cmp.Diff(tc.want, lacking(needs, cluster)); diff != "" {
				t.Errorf("lacking (-want +got):\n%s", diff)
			}
		})
	}
}
