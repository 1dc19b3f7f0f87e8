// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsbatch "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apitypes "k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const (
	childrenWithLogs = 200
	linesOfEach      = 50
)

// serveLogs answers the API server in place of the node's kubelet: with half of a pod's lines while it runs, with all of them
// once it has ended, and with none when it is gone.
func (k *kubelet) serveLogs(t *testing.T) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", func(w http.ResponseWriter, r *http.Request) {
		pod, err := k.Client.CoreV1().Pods(r.PathValue("namespace")).Get(r.Context(), r.PathValue("pod"), metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			http.Error(w, "no such pod", http.StatusNotFound)
			return
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		n := linesOfEach
		if pod.Status.Phase != corev1.PodSucceeded {
			n /= 2
		}
		since, _ := time.Parse(time.RFC3339, r.URL.Query().Get("sinceTime"))
		for i := range n {
			if at := pod.CreationTimestamp.Add(time.Duration(i) * time.Millisecond); !at.Before(since) {
				fmt.Fprintf(w, "%s %s line %d\n", at.Format(time.RFC3339Nano), pod.Name, i)
			}
		}
	})
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	patch := fmt.Sprintf(`{"status":{"addresses":[{"type":"InternalIP","address":"127.0.0.1"}],"daemonEndpoints":{"kubeletEndpoint":{"Port":%s}}}}`, port)
	_, err = k.Client.CoreV1().Nodes().Patch(t.Context(), "n", apitypes.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
	if err != nil {
		t.Fatal(err)
	}
}

// TestLogsOutlivePods runs the program under its own role: pods that are deleted as soon as they have ended leave all of their
// lines, to those alone who may see the job.
func TestLogsOutlivePods(t *testing.T) {
	s := startSite(t, "--log-dir="+filepath.Join(t.TempDir(), "logs"), "--finished-pod-ttl=0")
	s.addUsers()
	admin := s.as("admin")
	s.setUp(admin)
	runKubelet(t, s.ControlPlane).serveLogs(t)
	s.must(admin.RegisterJobDefinition(t.Context(), &awsbatch.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String("logs"), Type: types.JobDefinitionTypeContainer, ContainerProperties: &types.ContainerProperties{
			Image: aws.String("busybox"), ResourceRequirements: []types.ResourceRequirement{
				{Type: types.ResourceTypeVcpu, Value: aws.String("1")}, {Type: types.ResourceTypeMemory, Value: aws.String("64")},
			},
		},
	}))
	submitted, err := admin.SubmitJob(t.Context(), &awsbatch.SubmitJobInput{
		JobName: aws.String("logs"), JobQueue: aws.String("q"), JobDefinition: aws.String("logs"),
		ArrayProperties: &types.ArrayProperties{Size: aws.Int32(childrenWithLogs)},
	})
	if err != nil {
		t.Fatal(err)
	}
	id := aws.ToString(submitted.JobId)
	logs := s.logs("viewer")
	live := s.firstStream(admin, id)
	s.Await("a pod that runs shows its log", func(ctx context.Context) bool {
		lines, err := eventsOf(ctx, logs, live)
		return err == nil && len(lines) >= linesOfEach/2
	})
	s.Await("all have ended and no pod is left", func(ctx context.Context) bool {
		out, err := admin.DescribeJobs(ctx, &awsbatch.DescribeJobsInput{Jobs: []string{id}})
		if err != nil || len(out.Jobs) != 1 || out.Jobs[0].Status != types.JobStatusSucceeded {
			return false
		}
		pods, err := s.Client.CoreV1().Pods("muster-jobs").List(ctx, metav1.ListOptions{LabelSelector: batchmeta.JobID + "=" + id})
		return err == nil && len(pods.Items) == 0
	})
	missing, lines := 0, 0
	for _, stream := range s.streams(admin, id, childrenWithLogs) {
		events, err := eventsOf(t.Context(), logs, stream)
		lines += len(events)
		if err != nil {
			t.Errorf("%s: %v", stream, err)
		}
		if len(events) != linesOfEach || !strings.HasSuffix(events[linesOfEach-1], fmt.Sprint(" line ", linesOfEach-1)) {
			missing++
			t.Errorf("%s has %d lines", stream, len(events))
		}
	}
	t.Logf("%d pods deleted as they ended, %d lines, %d logs without their last lines", childrenWithLogs, lines, missing)
	_, err = s.logs("tenant").GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/aws/batch/job"), LogStreamName: &live})
	if _, ok := errors.AsType[*logtypes.ResourceNotFoundException](err); !ok {
		t.Errorf("another tenant: %v", err)
	}
}

// logs is the SDK's client of CloudWatch Logs with a user's derived key.
func (s *site) logs(user string) *cloudwatchlogs.Client {
	s.t.Helper()
	credentials := s.credentials(user)
	return cloudwatchlogs.New(cloudwatchlogs.Options{
		BaseEndpoint: &s.endpoint, Region: "eu-west-1", // with the SDK's retries: under load it sometimes closes a connection while it reads
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
	})
}

// eventsOf are a log's lines.
func eventsOf(ctx context.Context, c *cloudwatchlogs.Client, stream string) (lines []string, err error) {
	out, err := c.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/aws/batch/job"), LogStreamName: &stream})
	if err != nil {
		return nil, err
	}
	for _, e := range out.Events {
		lines = append(lines, *e.Message)
	}
	return lines, nil
}

// firstStream is the log of the first child, once it runs.
func (s *site) firstStream(client *awsbatch.Client, id string) (stream string) {
	s.t.Helper()
	s.Await("the first child runs", func(ctx context.Context) bool {
		out, err := client.DescribeJobs(ctx, &awsbatch.DescribeJobsInput{Jobs: []string{id + ":0"}})
		if err != nil || len(out.Jobs) == 0 || out.Jobs[0].Container == nil {
			return false
		}
		stream = aws.ToString(out.Jobs[0].Container.LogStreamName)
		return stream != ""
	})
	return stream
}

// streams are the logs of an array's children, as DescribeJobs names them.
func (s *site) streams(client *awsbatch.Client, id string, children int) (list []string) {
	s.t.Helper()
	for from := 0; from < children; from += 100 {
		var ids []string
		for i := from; i < min(from+100, children); i++ {
			ids = append(ids, fmt.Sprintf("%s:%d", id, i))
		}
		out, err := client.DescribeJobs(s.t.Context(), &awsbatch.DescribeJobsInput{Jobs: ids})
		if err != nil || len(out.Jobs) != len(ids) {
			s.t.Fatalf("%v", err)
		}
		for _, job := range out.Jobs {
			list = append(list, aws.ToString(job.Attempts[0].Container.LogStreamName))
		}
	}
	return list
}
