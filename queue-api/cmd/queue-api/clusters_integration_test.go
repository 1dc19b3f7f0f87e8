// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsbatch "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/muster-batch/muster/hack/faults/cable"
	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/hack/sdktest"
)

// federation is the program with two real API servers: its own, and one that is registered and reached over a cable.
type federation struct {
	t          *testing.T
	options    options
	client     *awsbatch.Client
	end        func()
	home, west *kubelet
	cable      *cable.Cable
	jobs       []string
}

// TestClusterThatIsCutOff lets the jobs of one queue overflow from one cluster to another and cuts the first one off while they
// run, first for a moment, then until its environment is INVALID and the program has another leader. No job is lost, and
// none runs twice.
func TestClusterThatIsCutOff(t *testing.T) {
	f := startFederation(t)
	f.environment("far", westARN)
	f.environment("near", homeARN)
	f.environment("nowhere", "arn:aws:eks:us-east-1:123456789012:cluster/nowhere")
	f.wantEnvironment("nowhere", types.CEStatusInvalid, "CLIENT_ERROR - No cluster found for name: nowhere.")
	f.wantEnvironment("far", types.CEStatusValid, "ComputeEnvironment Healthy")
	f.queue("q", "nowhere", "far", "near")
	f.must(f.client.RegisterJobDefinition(t.Context(), definition("d", nil)))

	f.cutWhileJobsRun()
	f.wantToGoOnAtHome()
	f.cable.Join()
	f.cutWhileJobsRun()
	inWest := f.west.started()
	f.wantEnvironment("far", types.CEStatusInvalid, "CLIENT_ERROR - Unable to connect to the Kubernetes API server of cluster west")
	f.restart()
	if got := f.west.started(); got > inWest+4 { // those whose pods were there
		t.Errorf("%d jobs were started in a cluster that is cut off", got-inWest)
	}
	f.wantToGoOnAtHome()
	f.home.Await("what ran in the cluster that is cut off has ended", func(context.Context) bool { return f.west.ended() == f.west.started() })
	f.wantUnsettled()

	f.cable.Join()
	f.wantEnvironment("far", types.CEStatusValid, "ComputeEnvironment Healthy")
	f.wantAllSucceeded()
	runs := f.home.runs()
	for job, n := range f.west.runs() {
		runs[job] += n
	}
	for _, job := range f.jobs {
		if runs[job] != 1 {
			t.Errorf("job %s ran %d times", job, runs[job])
		}
	}
	t.Logf("%d jobs: %d ran at home, %d in west", len(f.jobs), f.home.started(), f.west.started())
}

func startFederation(t *testing.T) *federation {
	t.Helper()
	home, west := kubetest.Start(t), kubetest.Start(t)
	home.Apply("../../../manifests/base")
	west.Apply("../../../manifests/overlays/member")
	f := &federation{t: t, home: runKubelet(t, home), west: runKubelet(t, west)}
	dir := t.TempDir()
	clustersDir := filepath.Join(dir, "clusters")
	if err := os.Mkdir(clustersDir, 0o700); err != nil {
		t.Fatal(err)
	}
	f.cable = registerOverCable(t, west, filepath.Join(clustersDir, "west.yaml"))
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.options.addFlags(fs)
	err := fs.Parse([]string{
		"--kubeconfig=" + home.Kubeconfig(kubetest.QueueAPIToken), "--listen=" + freeAddress(t), "--health-address=" + freeAddress(t),
		"--data-dir=" + filepath.Join(dir, "redis"), "--finished-pod-ttl=1s", "--cluster=home", "--clusters-dir=" + clustersDir,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.client = awsbatch.New(awsbatch.Options{
		BaseEndpoint: aws.String("http://" + f.options.listen), Region: "us-east-1", Retryer: sdktest.Once(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
		}),
	})
	f.start()
	t.Cleanup(func() { f.end() })
	return f
}

// registerOverCable writes the kubeconfig of a member, with the token that its manifests make, for an address at the other end
// of a cable.
func registerOverCable(t *testing.T, member *kubetest.ControlPlane, path string) *cable.Cable {
	t.Helper()
	cfg, err := clientcmd.LoadFromFile(member.Kubeconfig(kubetest.QueueAPIToken))
	if err != nil {
		t.Fatal(err)
	}
	var token []byte
	member.Await("the account has a token", func(ctx context.Context) bool {
		secret, err := member.Client.CoreV1().Secrets("muster-system").Get(ctx, "queue-api-token", metav1.GetOptions{})
		if err != nil {
			return false
		}
		token = secret.Data["token"]
		return len(token) > 0
	})
	for _, user := range cfg.AuthInfos {
		user.Token = string(token)
	}
	var c *cable.Cable
	for _, cluster := range cfg.Clusters {
		if c, err = cable.New(strings.TrimPrefix(cluster.Server, "https://")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		cluster.Server = "https://" + c.Address()
	}
	if err := clientcmd.WriteToFile(*cfg, path); err != nil {
		t.Fatal(err)
	}
	return c
}

// start runs the program until end is called.
func (f *federation) start() {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx, f.options) }()
	f.end = func() {
		cancel()
		if err := <-done; err != nil {
			f.t.Errorf("run: %v", err)
		}
	}
	eventually(f.t, "the program listens", func() bool {
		c, err := net.Dial("tcp", f.options.listen)
		if err != nil {
			return false
		}
		_ = c.Close()
		_, err = f.client.DescribeJobQueues(f.t.Context(), &awsbatch.DescribeJobQueuesInput{})
		return err == nil
	})
}

func (f *federation) restart() {
	f.t.Helper()
	f.end()
	f.start()
}

func (f *federation) must(_ any, err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *federation) environment(name, arn string) {
	f.t.Helper()
	f.must(f.client.CreateComputeEnvironment(f.t.Context(), &awsbatch.CreateComputeEnvironmentInput{
		ComputeEnvironmentName: &name, Type: types.CETypeUnmanaged, UnmanagedvCpus: aws.Int32(4),
		EksConfiguration: &types.EksConfiguration{EksClusterArn: &arn, KubernetesNamespace: aws.String("muster-jobs")},
	}))
}

func (f *federation) queue(name string, environments ...string) {
	f.t.Helper()
	in := &awsbatch.CreateJobQueueInput{JobQueueName: &name, Priority: aws.Int32(1)}
	for i := range environments {
		in.ComputeEnvironmentOrder = append(in.ComputeEnvironmentOrder, types.ComputeEnvironmentOrder{
			Order: aws.Int32(int32(i + 1)), ComputeEnvironment: &environments[i],
		})
	}
	f.must(f.client.CreateJobQueue(f.t.Context(), in))
}

func (f *federation) submit(n int) {
	f.t.Helper()
	for range n {
		out, err := f.client.SubmitJob(f.t.Context(), submission("q", "d"))
		if err != nil {
			f.t.Fatal(err)
		}
		f.jobs = append(f.jobs, aws.ToString(out.JobId))
	}
}

func (f *federation) wantEnvironment(name string, status types.CEStatus, reason string) {
	f.t.Helper()
	f.home.Await("environment "+name+" is "+string(status)+": "+reason, func(ctx context.Context) bool {
		out, err := f.client.DescribeComputeEnvironments(ctx, &awsbatch.DescribeComputeEnvironmentsInput{ComputeEnvironments: []string{name}})
		return err == nil && len(out.ComputeEnvironments) == 1 && out.ComputeEnvironments[0].Status == status &&
			aws.ToString(out.ComputeEnvironments[0].StatusReason) == reason
	})
}

// describe returns all jobs, or none if that fails. AWS Batch: 100 a call.
func (f *federation) describe(ctx context.Context) (jobs []types.JobDetail) {
	for ids := range slices.Chunk(f.jobs, 100) {
		out, err := f.client.DescribeJobs(ctx, &awsbatch.DescribeJobsInput{Jobs: ids})
		if err != nil || len(out.Jobs) != len(ids) {
			return nil
		}
		jobs = append(jobs, out.Jobs...)
	}
	return jobs
}

// wantToGoOnAtHome submits jobs while the other cluster is cut off and waits until more have ended at home than ran there already.
func (f *federation) wantToGoOnAtHome() {
	f.t.Helper()
	atHome := f.home.ended()
	f.submit(20) // more than both clusters hold
	f.home.Await("jobs go on at home", func(context.Context) bool { return f.home.ended() >= atHome+8 })
}

// cutWhileJobsRun cuts the cluster off while jobs run in both clusters and more wait.
func (f *federation) cutWhileJobsRun() {
	f.t.Helper()
	ended := f.west.ended()
	f.home.Await("jobs run in both clusters", func(context.Context) bool {
		if waiting := len(f.jobs) - f.west.started() - f.home.started(); waiting < 20 { // however quick the clusters are
			f.submit(40)
		}
		return f.west.ended() > ended && f.west.running() >= 3 && f.home.running() >= 2
	})
	f.cable.Cut()
}

// wantUnsettled holds that jobs in the cluster that is cut off are as they were when it was.
func (f *federation) wantUnsettled() {
	f.t.Helper()
	there := 0
	for _, job := range f.describe(f.t.Context()) {
		if len(job.Attempts)+len(job.EksAttempts) > 1 || job.Status == types.JobStatusFailed {
			f.t.Errorf("job %s is %s after %d attempts", aws.ToString(job.JobId), job.Status, len(job.EksAttempts))
		}
		id := aws.ToString(job.JobId)
		if f.west.runs()[id] > 0 && job.Status != types.JobStatusSucceeded {
			there++
		}
	}
	if there == 0 {
		f.t.Error("no job was in the cluster when it was cut off")
	}
	f.t.Logf("%d jobs wait for the cluster that is cut off", there)
}

func (f *federation) wantAllSucceeded() {
	f.t.Helper()
	f.home.Await("all jobs have succeeded", func(ctx context.Context) bool {
		jobs := f.describe(ctx)
		for _, job := range jobs {
			if job.Status != types.JobStatusSucceeded {
				return false
			}
		}
		return len(jobs) > 0
	})
	for _, job := range f.describe(f.t.Context()) {
		if len(job.EksAttempts) != 1 {
			f.t.Errorf("job %s had %d attempts", aws.ToString(job.JobId), len(job.EksAttempts))
		}
	}
}
