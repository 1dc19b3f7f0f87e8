// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsbatch "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apitypes "k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/cli/joblog"
	"github.com/muster-batch/muster/queue-api/client"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// podsWithLogs is how many pods TestLogsOfManyPods runs: a figure for the docs needs more than a test.
func podsWithLogs(t *testing.T) int {
	t.Helper()
	text := os.Getenv("MUSTER_LOG_PODS")
	if text == "" {
		return 100
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 2 || n > 10_000 {
		t.Fatalf("MUSTER_LOG_PODS=%s: must be a number from 2 to 10000", text)
	}
	return n
}

// TestLogsOfManyPods has pods be deleted by somebody the moment they have ended. Of each the last line comes late, as from a
// runtime that is behind, and every other one has no newline. None may be missing, and each log must say that it is whole.
func TestLogsOfManyPods(t *testing.T) {
	n := podsWithLogs(t)
	cluster := kubetest.Start(t)
	cluster.Apply("../../../manifests/overlays/restricted")
	k := startExits(t, cluster)
	dir := t.TempDir()
	p := startProcess(t, "--kubeconfig="+cluster.Kubeconfig(kubetest.QueueAPIToken), "--data-dir="+filepath.Join(dir, "redis"), "--allow-unauthenticated",
		"--host-network=false", "--finished-pod-ttl=0", "--log-dir="+filepath.Join(dir, "logs"))
	s := &site{ControlPlane: cluster, t: t, endpoint: "http://" + p.listen}
	api := sdkClient(p.listen)
	s.setUp(api)
	s.must(api.RegisterJobDefinition(t.Context(), &awsbatch.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String("logs"), Type: types.JobDefinitionTypeContainer, ContainerProperties: &types.ContainerProperties{
			Image: aws.String("busybox"), ResourceRequirements: []types.ResourceRequirement{
				{Type: types.ResourceTypeVcpu, Value: aws.String("1")}, {Type: types.ResourceTypeMemory, Value: aws.String("64")},
			},
		},
	}))
	begun := time.Now()
	submitted, err := api.SubmitJob(t.Context(), &awsbatch.SubmitJobInput{
		JobName: aws.String("logs"), JobQueue: aws.String("q"), JobDefinition: aws.String("logs"),
		ArrayProperties: &types.ArrayProperties{Size: aws.Int32(int32(n))},
	})
	if err != nil {
		t.Fatal(err)
	}
	id := aws.ToString(submitted.JobId)
	k.await(t, n)
	took := time.Since(begun)

	lines, missing := readAll(t, s, p, id, n)
	if missing > 0 {
		t.Errorf("%d of %d logs are not whole", missing, n)
	}
	figures := scrape(t, p.health)
	if got := figures[`muster_log_streams_total{result="complete"}`]; got != float64(n) || figures["muster_log_dropped_bytes_total"] != 0 {
		t.Errorf("of %d logs %v are complete; %v bytes were dropped", n, got, figures["muster_log_dropped_bytes_total"])
	}
	seconds, count := figures["muster_log_collect_duration_seconds_sum"], figures["muster_log_collect_duration_seconds_count"]
	t.Logf("%d pods deleted as they ended, in %v (%.0f a second): %d lines, %d logs not whole, %v bytes dropped; %.1f s from an end to its log, %d at once waited, queue-api had %d MiB at most",
		n, took.Round(time.Second), float64(n)/took.Seconds(), lines, missing, figures["muster_log_dropped_bytes_total"], seconds/count, k.most.Load(), peakResident(t, p.cmd.Process.Pid)>>20)
}

// readAll follows each child's log to where it says that it ends, and counts those that have not all their lines.
func readAll(t *testing.T, s *site, p *process, id string, n int) (lines, missing int64) {
	t.Helper()
	c, err := client.New(client.Config{Endpoint: "http://" + p.listen})
	if err != nil {
		t.Fatal(err)
	}
	var read, lost atomic.Int64
	var reading errgroup.Group
	reading.SetLimit(8)
	for i, stream := range s.streams(sdkClient(p.listen), id, n) {
		reading.Go(func() error {
			tail := joblog.NewTail(c, stream, time.Time{}, -1)
			var last string
			count := 0
			for {
				events, err := tail.Next(t.Context())
				if err != nil {
					return fmt.Errorf("%s: %w", stream, err)
				}
				count += len(events)
				if len(events) > 0 {
					last = events[len(events)-1].Message
				}
				if end := tail.End(); end != nil {
					if count != linesOfEach || !strings.HasSuffix(last, lastWord) || end.State != viewapi.LogComplete {
						t.Errorf("child %d has %d lines up to %q, and ended as %+v", i, count, last, end)
						lost.Add(1)
					}
					read.Add(int64(count))
					return nil
				}
			}
		})
	}
	if err := reading.Wait(); err != nil {
		t.Error(err)
	}
	return read.Load(), lost.Load()
}

// scrape reads a program's metrics, by name and labels.
func scrape(t *testing.T, health string) map[string]float64 {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+health+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	values := map[string]float64{}
	scanner := bufio.NewScanner(response.Body)
	for scanner.Scan() {
		if name, text, ok := strings.Cut(scanner.Text(), " "); ok && name != "#" {
			values[name], _ = strconv.ParseFloat(text, 64) // what is no number is not asked for
		}
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}

const (
	// behind is how long after a container's end its last line is there.
	behind = 300 * time.Millisecond
	// lastWord ends the last line.
	lastWord = "last words"
)

// exits is a scheduler and a kubelet whose pods end as soon as they have started, and are deleted by somebody as soon as they have ended.
type exits struct {
	cluster *kubetest.ControlPlane
	most    atomic.Int64 // of pods that had ended and were not gone

	mu    sync.Mutex           // guards what follows
	ended map[string]time.Time // by pod; those that are gone included
	here  map[string]bool      // those that have ended and are not gone
}

func startExits(t *testing.T, cluster *kubetest.ControlPlane) *exits {
	t.Helper()
	k := &exits{cluster: cluster, ended: map[string]time.Time{}, here: map[string]bool{}}
	server := httptest.NewTLSServer(http.HandlerFunc(k.serveLog))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	patch := fmt.Sprintf(`{"status":{"addresses":[{"type":"InternalIP","address":"127.0.0.1"}],"daemonEndpoints":{"kubeletEndpoint":{"Port":%s}}}}`, port)
	if _, err := cluster.Client.CoreV1().Nodes().Patch(t.Context(), "n", apitypes.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
	kubetest.RunPodLoop(t, cluster.Client, kubetest.PodLoopConfig{Selector: batchmeta.JobID, Sync: k.sync, Gone: k.gone, Resync: 10 * time.Second, Workers: 16})
	return k
}

// sync does the next thing with a pod.
func (k *exits) sync(ctx context.Context, pod *corev1.Pod) (time.Duration, error) {
	pods := k.cluster.Client.CoreV1().Pods(pod.Namespace)
	switch {
	case pod.Spec.NodeName == "":
		return 0, pods.Bind(ctx, &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: pod.Name, UID: pod.UID}, Target: corev1.ObjectReference{Kind: "Node", Name: "n"},
		}, metav1.CreateOptions{})
	case pod.Status.Phase == corev1.PodPending:
		return 0, k.write(ctx, pod, corev1.PodRunning, corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}})
	case pod.Status.Phase == corev1.PodRunning:
		k.end(pod.Name)
		state := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ContainerID: "c", Reason: "Completed", StartedAt: metav1.Now(), FinishedAt: metav1.Now()}}
		if err := k.write(ctx, pod, corev1.PodSucceeded, state); err != nil {
			return 0, err
		}
	case pod.DeletionTimestamp != nil:
		return 0, nil
	}
	return 0, pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64), Preconditions: &metav1.Preconditions{UID: &pod.UID}})
}

func (k *exits) write(ctx context.Context, pod *corev1.Pod, phase corev1.PodPhase, state corev1.ContainerState) error {
	pod.Status.Phase = phase
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: pod.Spec.Containers[0].Name, State: state, ContainerID: "c"}}
	_, err := k.cluster.Client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

func (k *exits) end(pod string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.ended[pod].IsZero() {
		return
	}
	k.ended[pod], k.here[pod] = time.Now(), true
	k.most.Store(max(k.most.Load(), int64(len(k.here))))
}

// gone is told of each pod that is no more: so is its log.
func (k *exits) gone(pod *corev1.Pod) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.here, pod.Name)
}

// await waits until so many pods have ended and all are gone, as long as there is progress.
func (k *exits) await(t *testing.T, n int) {
	t.Helper()
	before, since := -1, time.Now()
	for {
		k.mu.Lock()
		gone := len(k.ended) - len(k.here)
		k.mu.Unlock()
		if gone == n {
			return
		}
		if gone != before {
			before, since = gone, time.Now()
		}
		if time.Since(since) > 2*time.Minute {
			t.Fatalf("%d of %d pods are gone, and nothing happens", gone, n)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

var errNoPod = errors.New("no such pod")

// serveLog answers the API server in place of the kubelet, with what the container has written by now.
func (k *exits) serveLog(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/containerLogs/"), "/")
	pod := parts[min(1, len(parts)-1)]
	k.mu.Lock()
	ended, isHere := k.ended[pod], k.here[pod]
	k.mu.Unlock()
	if !ended.IsZero() && !isHere {
		http.Error(w, errNoPod.Error(), http.StatusNotFound)
		return
	}
	n := linesOfEach - 1
	if !ended.IsZero() && time.Since(ended) >= behind {
		n++
	}
	since, _ := time.Parse(time.RFC3339, r.URL.Query().Get("sinceTime")) // none is the beginning
	var b strings.Builder
	for i := range n {
		at := time.Unix(1_767_323_045, int64(i)*int64(10*time.Millisecond)).UTC()
		if at.Before(since) {
			continue
		}
		fmt.Fprintf(&b, "%s %s line %d of a job that says what it is at\n", at.Format(time.RFC3339Nano), pod, i)
	}
	text := b.String()
	if n == linesOfEach {
		text = strings.TrimSuffix(text, "\n") + ": " + lastWord
		if len(pod) > 0 && pod[len(pod)-1]%2 == 0 {
			text += "\n"
		}
	}
	fmt.Fprint(w, text)
}
