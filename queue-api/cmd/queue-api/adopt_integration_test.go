// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsbatch "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/queue-api/backup"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/redisstore"
	"github.com/muster-batch/muster/queue-api/redistest"
)

// shelter is the program with a real API server and a Redis that loses what it held.
type shelter struct {
	*kubelet

	t      *testing.T
	redis  *redistest.Server
	store  *redisstore.Store
	client *awsbatch.Client
	jobs   []string
}

func startShelter(t *testing.T) *shelter {
	t.Helper()
	cluster := kubetest.Start(t)
	cluster.Apply("../../../manifests/base")
	server := redistest.Start(t, redistest.Safe()...)
	var o options
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.addFlags(fs)
	err := fs.Parse([]string{
		"--kubeconfig=" + cluster.Kubeconfig(kubetest.QueueAPIToken), "--listen=" + freeAddress(t), "--health-address=" + freeAddress(t),
		"--redis-url=" + server.URL(), "--finished-pod-ttl=5m",
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &shelter{
		t: t, kubelet: runKubelet(t, cluster), redis: server, store: redisstore.New(server.Client, redisstore.Config{}),
		client: awsbatch.New(awsbatch.Options{
			BaseEndpoint: aws.String("http://" + o.listen), Region: "us-east-1",
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
			}),
		}),
	}
	runProgram(t, o)
	s.jobs = []string{submitOne(t, s.client)}
	return s
}

// submit submits more jobs like the first.
func (s *shelter) submit(n int) {
	s.t.Helper()
	described, err := s.client.DescribeJobs(s.t.Context(), &awsbatch.DescribeJobsInput{Jobs: s.jobs[:1]})
	if err != nil {
		s.t.Fatal(err)
	}
	like := described.Jobs[0]
	for range n {
		job, err := s.client.SubmitJob(s.t.Context(), &awsbatch.SubmitJobInput{
			JobName: aws.String("j"), JobQueue: like.JobQueue, JobDefinition: like.JobDefinition,
		})
		if err != nil {
			s.t.Fatal(err)
		}
		s.jobs = append(s.jobs, aws.ToString(job.JobId))
	}
}

// statuses are the jobs' by id; a job that is unknown has none.
func (s *shelter) statuses(ctx context.Context) map[string]types.JobStatus {
	out := map[string]types.JobStatus{}
	described, err := s.client.DescribeJobs(ctx, &awsbatch.DescribeJobsInput{Jobs: s.jobs})
	if err != nil {
		return out
	}
	for _, job := range described.Jobs {
		out[aws.ToString(job.JobId)] = job.Status
	}
	return out
}

// withPods are the jobs that have one.
func (s *shelter) withPods() map[string]bool {
	s.t.Helper()
	list, err := s.Client.CoreV1().Pods("muster-jobs").List(s.t.Context(), metav1.ListOptions{LabelSelector: batchmeta.JobID})
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[string]bool{}
	for _, pod := range list.Items {
		out[pod.Labels[batchmeta.JobID]] = true
	}
	return out
}

func (s *shelter) wantOneRunEach() {
	s.t.Helper()
	for job, n := range s.runs() {
		if n != 1 {
			s.t.Errorf("job %s ran %d times", job, n)
		}
	}
}

func (s *shelter) wantHealthy() {
	s.t.Helper()
	s.Await("nothing is broken", func(ctx context.Context) bool {
		var found []batch.Finding
		_, err := s.store.Audit(ctx, false, func(f batch.Finding) { found = append(found, f) }, func(context.Context) error { return nil })
		return err == nil && len(found) == 0
	})
}

// TestOlderRedisRunsNothingTwice puts a backup back that knows nothing of what ran since: what the pods know is not run again,
// and all jobs of the backup succeed.
func TestOlderRedisRunsNothingTwice(t *testing.T) {
	s := startShelter(t)
	s.submit(13)
	s.Await("some jobs run", func(context.Context) bool { return s.started() >= 2 })
	var file bytes.Buffer
	server := backup.Server{Dial: func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", s.redis.Address)
	}}
	if _, err := backup.Save(t.Context(), server, &file); err != nil {
		t.Fatal(err)
	}
	s.Await("more have run", func(context.Context) bool { return s.ended() >= 8 })
	knew := s.started()
	epoch, err := s.store.Epoch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(file.Bytes())), nil }
	if err := backup.Load(t.Context(), server, "", int64(file.Len()), open); err != nil {
		t.Fatal(err)
	}
	if err := s.store.Refence(t.Context(), epoch); err != nil {
		t.Fatal(err)
	}
	s.Await("all jobs have succeeded", func(ctx context.Context) bool {
		n := 0
		for _, status := range s.statuses(ctx) {
			if status == types.JobStatusSucceeded {
				n++
			}
		}
		return n == len(s.jobs)
	})
	s.wantOneRunEach()
	s.wantHealthy()
	t.Logf("%d jobs, %d pods when Redis went back, %d runs", len(s.jobs), knew, s.started())
}

// TestEmptyRedisAdoptsItsPods loses everything while jobs run: their pods live on, and their outcome is known.
func TestEmptyRedisAdoptsItsPods(t *testing.T) {
	s := startShelter(t)
	s.submit(7)
	s.Await("some jobs run", func(context.Context) bool { return s.running() >= 2 })
	if err := s.redis.Client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	unsettled := map[string]bool{}
	list, err := s.Client.CoreV1().Pods("muster-jobs").List(t.Context(), metav1.ListOptions{LabelSelector: batchmeta.JobID})
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range list.Items {
		// The outcome of one that has ended may have been in Redis already.
		if len(pod.Finalizers) > 0 && pod.Status.Phase != corev1.PodSucceeded {
			unsettled[pod.Labels[batchmeta.JobID]] = true
		}
	}
	s.Await("the jobs of all pods have succeeded", func(ctx context.Context) bool {
		statuses := s.statuses(ctx)
		for job := range unsettled {
			if statuses[job] != types.JobStatusSucceeded {
				return false
			}
		}
		return true
	})
	if len(unsettled) == 0 {
		t.Error("no pod was there")
	}
	pods := s.withPods()
	for job := range unsettled {
		if !pods[job] {
			t.Errorf("the pod of job %s is gone", job)
		}
	}
	s.wantOneRunEach()
	queues, err := s.client.DescribeJobQueues(t.Context(), &awsbatch.DescribeJobQueuesInput{})
	if err != nil || len(queues.JobQueues) != 1 || queues.JobQueues[0].State != types.JQStateDisabled {
		t.Errorf("queues %+v, %v; want the one there was, DISABLED", queues, err)
	}
	s.wantHealthy()
	t.Logf("%d of %d jobs had unsettled pods when Redis was emptied", len(unsettled), len(s.jobs))
}

// TestIndexesAreRepairedWhileItRuns loses every index at once, with jobs waiting and running: all of them succeed, each by one
// run.
func TestIndexesAreRepairedWhileItRuns(t *testing.T) {
	s := startShelter(t)
	s.submit(9)
	s.Await("some jobs run", func(context.Context) bool { return s.running() >= 2 })
	lost := 0
	for _, pattern := range []string{"status:*", "waiting*", "active-shares", "live", "usage", "share-*", "ended", "spec-references", "order"} {
		for _, key := range s.redis.Client.Keys(t.Context(), "muster:{0*}:"+pattern).Val() {
			if err := s.redis.Client.Del(t.Context(), key).Err(); err != nil {
				t.Fatal(err)
			}
			lost++
		}
	}
	start := time.Now()
	s.Await("nothing is left waiting", func(ctx context.Context) bool {
		for _, status := range s.statuses(ctx) {
			if status != types.JobStatusSucceeded {
				return false
			}
		}
		return true
	})
	s.wantOneRunEach()
	s.wantHealthy()
	t.Logf("%d keys lost; all %d jobs have succeeded after %v", lost, len(s.jobs), time.Since(start).Round(time.Second))
}
