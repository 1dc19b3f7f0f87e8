// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/clusters"
	"github.com/muster-batch/muster/queue-api/dispatch"
	"github.com/muster-batch/muster/queue-api/logs"
	"github.com/muster-batch/muster/queue-api/podevents"
	"github.com/muster-batch/muster/queue-api/podwatch"
	"github.com/muster-batch/muster/queue-api/storetest"
)

const (
	homeARN = "arn:aws:eks:us-east-1:123456789012:cluster/home"
	westARN = "arn:aws:eks:us-east-1:123456789012:cluster/west"
)

func environmentIn(arn string) batch.ComputeEnvironment {
	e := batch.ComputeEnvironment{Name: "e", UUID: "u"}
	if arn != "" {
		e.EKS = &batch.EKSConfiguration{ClusterARN: arn, Namespace: "jobs"}
	}
	return e
}

func TestWhichClusterAnEnvironmentIsIn(t *testing.T) {
	t.Parallel()
	some := &clusters.Registry{}
	cases := map[string]struct {
		self     string
		registry *clusters.Registry
		arn      string
		want     string
	}{
		"without registered clusters all are at home": {"", nil, westARN, ""},
		"one that names none is at home":              {"home", some, "", ""},
		"one that names the home cluster":             {"home", some, homeARN, ""},
		"one that names its ARN":                      {homeARN, some, homeARN, ""},
		"one that names another":                      {"home", some, westARN, westARN},
		"one that names any, while home has no name":  {"", some, homeARN, homeARN},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &clusterSet{self: tc.self, registry: tc.registry}
			if got := s.Of(environmentIn(tc.arn)); got != tc.want {
				t.Errorf("in %q, want %q", got, tc.want)
			}
		})
	}
}

// apiServer is one without pods and nodes, whose watches never tell anything. While it is away it answers nothing of use.
type apiServer struct {
	*httptest.Server
	away chan bool // what to be, once
}

func newAPIServer(t *testing.T) *apiServer {
	t.Helper()
	s := &apiServer{away: make(chan bool, 1)}
	s.away <- false
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		away := <-s.away
		s.away <- away
		w.Header().Set("Content-Type", "application/json")
		switch {
		case away:
			http.Error(w, "{}", http.StatusServiceUnavailable)
		case r.URL.Query().Get("watch") != "":
			<-r.Context().Done()
		case strings.HasPrefix(r.URL.Path, "/api/v1/namespaces/"):
			http.Error(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`, http.StatusNotFound)
		default:
			kind := map[string]string{"pods": "PodList", "nodes": "NodeList", "events": "EventList", "configmaps": "ConfigMapList"}[filepath.Base(r.URL.Path)]
			_, _ = w.Write([]byte(`{"kind":"` + kind + `","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}`))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *apiServer) setAway(away bool) {
	<-s.away
	s.away <- away
}

// register writes a kubeconfig for it as west.
func (s *apiServer) register(t *testing.T, dir string) {
	t.Helper()
	text := strings.ReplaceAll(noCluster, "http://127.0.0.1:1", s.URL)
	if err := os.WriteFile(filepath.Join(dir, "west.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// startSet works with the clusters of a directory until the test ends.
func startSet(t *testing.T, dir string) (*clusterSet, *clocktesting.FakePassiveClock) {
	t.Helper()
	o := options{clusterOptions: clusterOptions{clustersDir: dir, cluster: "home", kubeQPS: 100}, podOptions: podOptions{namespace: "jobs"}}
	registry, err := o.registered(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	metric, err := newReachable(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	clk := clocktesting.NewFakePassiveClock(time.Now())
	s := &clusterSet{self: o.cluster, registry: registry, clock: clk}
	s.join = joiner{o, nil, func(pods *podwatch.Cluster, _ string, owns func(string) bool, _ *logs.Collector, _ *podevents.Recorder) *podwatch.Watcher {
		return podwatch.New(storetest.NewMemory(), pods, nil, podwatch.Config{Owns: owns})
	}, metric, podevents.Metrics{}, func() {}}.join
	ctx, cancel := context.WithCancel(t.Context())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
	})
	s.await(ctx)
	return s, clk
}

func isWestReady(s *clusterSet) bool {
	_, ok := s.Pods(westARN)
	return ok
}

func TestClusterIsWorkedWithWhileItAnswers(t *testing.T) {
	t.Parallel()
	dir, server := t.TempDir(), newAPIServer(t)
	server.register(t, dir)
	s, clk := startSet(t, dir)
	west := environmentIn(westARN)
	pods, ok := s.Pods(westARN)
	if host, err := s.Host(west); !ok || err != nil || host == nil {
		t.Fatalf("not ready once it was awaited: %v", err)
	}
	server.setAway(true)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "jobs"}}
	if err := pods.Create(t.Context(), pod); err == nil || errors.Is(err, batch.ErrNotSent) {
		t.Errorf("a request that was sent: %v", err)
	}
	if err := pods.Create(t.Context(), pod); !errors.Is(err, batch.ErrNotSent) {
		t.Errorf("the next one: %v", err)
	}
	if _, err := s.Host(west); isWestReady(s) || err == nil || errors.Is(err, dispatch.ErrUnreachable) {
		t.Errorf("soon after it went: %v", err)
	}
	clk.SetTime(clk.Now().Add(time.Minute))
	if _, err := s.Host(west); !errors.Is(err, dispatch.ErrUnreachable) {
		t.Errorf("a while after it went: %v", err)
	}
	server.setAway(false)
	eventually(t, "it is back", func() bool { return isWestReady(s) })
}

func TestClustersComeAndGoWithTheirFiles(t *testing.T) {
	t.Parallel()
	dir, server := t.TempDir(), newAPIServer(t)
	s, _ := startSet(t, dir)
	if _, err := s.Host(environmentIn(westARN)); !errors.Is(err, dispatch.ErrNoCluster) {
		t.Errorf("before it is registered: %v", err)
	}
	server.register(t, dir)
	eventually(t, "it is ready", func() bool { return isWestReady(s) })
	other := newAPIServer(t)
	other.register(t, dir)
	eventually(t, "it has another API server", func() bool {
		m := s.member(westARN)
		return m != nil && m.registration.Config.Host == other.URL && m.isReady()
	})
	if err := os.Remove(filepath.Join(dir, "west.yaml")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is gone", func() bool {
		_, err := s.Host(environmentIn(westARN))
		return errors.Is(err, dispatch.ErrNoCluster) && !isWestReady(s)
	})
}

func TestClusterThatDoesNotAnswerIsNotAwaitedLong(t *testing.T) {
	t.Parallel()
	dir, server := t.TempDir(), newAPIServer(t)
	server.setAway(true)
	server.register(t, dir)
	s, _ := startSet(t, dir)
	if m := s.member(westARN); m == nil || !m.isAway() || isWestReady(s) {
		t.Error("it was not tried")
	}
}
