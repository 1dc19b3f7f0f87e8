// SPDX-License-Identifier: Apache-2.0

//go:build integration

package manifests

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apitypes "k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// TestChartOnAPIServer installs the chart with helm on a real API server, has the programs run under what it gives them,
// uninstalls it while jobs run, and finds nothing left that costs or hangs.
func TestChartOnAPIServer(t *testing.T) {
	audit := newAudit(t)
	cluster := kubetest.Start(t, audit.flags()...)
	t.Run("uninstalled", func(t *testing.T) { leavesNothing(t, cluster.In(t), audit) })
	t.Run("applied twice", func(t *testing.T) { appliesTwice(t, cluster.In(t)) })
}

// appliesTwice applies every overlay, and what the chart makes in place of it, on the server's side.
func appliesTwice(t *testing.T, cluster *kubetest.ControlPlane) {
	t.Helper()
	sources := map[string][]string{"uninstall": {"-k", "uninstall"}} // in the overlays' namespace, which sort before it
	for name, dir := range kustomizations(t) {
		sources[name] = []string{"-k", dir}
	}
	for name, text := range charts(t) {
		file := filepath.Join(t.TempDir(), "chart.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		sources["chart, "+name] = []string{"-f", file}
	}
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		from := sources[name]
		flags := slices.Concat([]string{"--kubeconfig=" + cluster.Kubeconfig(kubetest.AdminToken), "--server-side", "--force-conflicts"}, from)
		if out, err := kubectl(t, append([]string{"apply", "--validate=strict"}, flags...)...); err != nil {
			t.Errorf("%s is not taken: %v\n%s", name, err, out)
		}
		if out, err := unchanged(t, flags); err != nil {
			t.Errorf("%s changes something when it is applied again: %v\n%s", name, err, out)
		}
	}
}

// unchanged asks what applying again would change. It asks more than once: kubectl compares two looks at an object, and a
// controller may write its status between them.
func unchanged(t *testing.T, flags []string) (out string, err error) {
	t.Helper()
	for range 100 {
		if out, err = kubectl(t, append([]string{"diff"}, flags...)...); err == nil {
			return out, nil
		}
		time.Sleep(500 * time.Millisecond)
	}
	return out, err
}

func kubectl(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := kubetest.Command(kubetest.Binary(t, "kubernetes-v*", "kubectl"), args...).CombinedOutput()
	return string(out), err
}

// leavesNothing is the life of an installation of overlays/restricted.
func leavesNothing(t *testing.T, cluster *kubetest.ControlPlane, log *audit) {
	t.Helper()
	kubeconfig := cluster.Kubeconfig(kubetest.AdminToken)
	release := []string{"--kubeconfig=" + kubeconfig, "--namespace=" + system}
	install := []string{"install", "muster", chart, "--create-namespace", "--values=" + chart + "/overlays/restricted.yaml"}
	if out, err := helm(t, slices.Concat(install, release)...); err != nil {
		t.Fatalf("helm install: %v\n%s", err, out)
	}
	restrict := []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`) // which helm cannot do
	if _, err := cluster.Client.CoreV1().Namespaces().Patch(t.Context(), system, apitypes.MergePatchType, restrict, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	s := startSite(t, cluster)
	s.environment("plain", &types.ComputeResource{
		Type: types.CRTypeEc2, MinvCpus: aws.Int32(4), MaxvCpus: aws.Int32(16), InstanceTypes: []string{"c5.xlarge"},
		InstanceRole: aws.String("arn:aws:iam::123456789012:instance-profile/local"),
		Subnets:      []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"},
	})
	s.awaitStatus(types.JobStatusSucceeded, s.single())
	long, tooLarge := s.long(), s.tooLarge()
	s.awaitStatus(types.JobStatusRunning, long)
	s.orphan()

	holdsLock(t, kubeconfig)
	u := newUninstallJob(s)
	if err := u.run("--jobs=wait", "--timeout=15s"); err == nil || !strings.Contains(u.log, "Waiting for the jobs of plain") {
		t.Errorf("it did not wait for the job that runs: %v\n%s", err, u.log)
	}
	s.awaitStatus(types.JobStatusRunning, long)

	var kubelet sync.WaitGroup
	kubelet.Go(func() { u.runJob(long, tooLarge) })
	out, err := helm(t, slices.Concat([]string{"uninstall", "muster", "--timeout=8m"}, release)...)
	kubelet.Wait()
	if err != nil {
		t.Fatalf("helm uninstall: %v\n%s\n%s", err, out, u.log)
	}
	t.Logf("muster admin uninstall:\n%s", u.log)
	for id, status := range u.ended {
		if status != types.JobStatusFailed {
			t.Errorf("job %s is %s", id, status)
		}
	}
	if len(u.ended) != 2 {
		t.Errorf("of two jobs it is known what became of %v", u.ended)
	}
	s.nothingLeft()
	rights := slices.DeleteFunc(parsed(t, "uninstall").rights(), func(r *right) bool {
		// The API server asks itself about the one; the other takes a queue over several clusters.
		return r.group == "batch.muster.sh" && (r.verb == "manage" || r.verb == "use")
	})
	if idle := unused(rights, log.requests(t)); len(idle) > 0 {
		t.Errorf("nobody used:\n%s", strings.Join(idle, "\n"))
	}
	for _, q := range log.requests(t) {
		if q.account == "muster-uninstall" && q.code == 403 {
			t.Errorf("it may not %s %s %s/%s", q.verb, q.resource, q.namespace, q.name)
		}
	}
}

// parsed are the objects of one kustomization.
func parsed(t *testing.T, dir string) rendered {
	t.Helper()
	out, err := kubectl(t, "kustomize", dir)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return parse(t, []byte(out))
}

// holdsLock tries to delete what nobody would end the instances without.
func holdsLock(t *testing.T, kubeconfig string) {
	t.Helper()
	for _, object := range []string{"deployment/batch-autoscaler", "namespace/" + system} {
		out, err := kubectl(t, "--kubeconfig="+kubeconfig, "delete", "--namespace="+system, "--wait=false", object)
		if err == nil || !strings.Contains(out, "uninstall first") {
			t.Errorf("%s was deleted while there are instances: %v\n%s", object, err, out)
		}
	}
}

// orphan is a pod of a job that nobody knows: queue-api keeps it, and nobody else may delete it.
func (s *site) orphan() {
	s.t.Helper()
	s.create(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "orphan", Namespace: jobs, Finalizers: []string{batchmeta.Tracking},
			Labels: map[string]string{batchmeta.JobID: "fffff000-0000-4000-8000-000000000000", batchmeta.Attempt: "1", batchmeta.JobQueue: "gone"},
		},
		Spec: corev1.PodSpec{
			SchedulerName: batchmeta.SchedulerName, TerminationGracePeriodSeconds: new(int64),
			Containers: []corev1.Container{{Name: "main", Image: "busybox"}},
		},
	})
}

// nothingLeft looks for what should be gone.
func (s *site) nothingLeft() {
	s.t.Helper()
	ctx := s.t.Context()
	nodes, err := s.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: batchmeta.NodeGroup})
	s.must(nodes, err)
	if len(nodes.Items) > 0 {
		s.t.Errorf("%d nodes are left", len(nodes.Items))
	}
	pods, err := s.Client.CoreV1().Pods(jobs).List(ctx, metav1.ListOptions{})
	s.must(pods, err)
	for i := range pods.Items {
		s.t.Errorf("pod %s is left, with finalizers %v", pods.Items[i].Name, pods.Items[i].Finalizers)
	}
	if _, err := s.Client.AppsV1().Deployments(system).Get(ctx, "batch-autoscaler", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		s.t.Errorf("the Deployment of batch-autoscaler: %v", err)
	}
	for _, namespace := range []string{jobs, system} {
		s.must(nil, s.Client.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{}))
		s.Await("namespace "+namespace+" goes", func(ctx context.Context) bool {
			_, err := s.Client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
			return apierrors.IsNotFound(err)
		})
	}
}

// uninstallJob plays the kubelet of the Job muster-uninstall: no other is there.
type uninstallJob struct {
	*site
	program string
	dir     string
	log     string
	ended   map[string]types.JobStatus // of jobs, before helm takes queue-api's rights away
}

func newUninstallJob(s *site) *uninstallJob {
	s.t.Helper()
	return &uninstallJob{site: s, program: filepath.Join(build(s.t, "../queue-api/cmd/muster"), "muster"), dir: s.t.TempDir()}
}

// runJob runs the program as the Job's pod says, but for the addresses, notes what became of jobs, and then says of the pod that
// it has ended.
func (u *uninstallJob) runJob(ids ...string) {
	var pod corev1.Pod
	u.Await("the Job has a pod", func(ctx context.Context) bool {
		list, err := u.Client.CoreV1().Pods(system).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=muster-uninstall"})
		if err != nil || len(list.Items) == 0 {
			return false
		}
		pod = list.Items[0]
		return true
	})
	phase := corev1.PodSucceeded
	args := slices.DeleteFunc(slices.Clone(pod.Spec.Containers[0].Args[2:]), func(arg string) bool {
		return strings.HasPrefix(arg, "--endpoint-url=") || strings.HasPrefix(arg, "--token-file=")
	})
	if err := u.run(args...); err != nil {
		phase = corev1.PodFailed
	}
	out, err := u.api.DescribeJobs(context.Background(), &batch.DescribeJobsInput{Jobs: ids})
	if err != nil {
		u.t.Error(err)
		return
	}
	u.ended = map[string]types.JobStatus{}
	for i := range out.Jobs {
		u.ended[*out.Jobs[i].JobId] = out.Jobs[i].Status
	}
	_, err = u.Client.CoreV1().Pods(system).Patch(context.Background(), pod.Name, apitypes.MergePatchType,
		[]byte(`{"status":{"phase":"`+string(phase)+`"}}`), metav1.PatchOptions{}, "status")
	if err != nil {
		u.t.Error(err)
	}
}

// run runs the program under the Job's account.
func (u *uninstallJob) run(args ...string) error {
	u.account()
	token, err := u.Client.CoreV1().ServiceAccounts(system).CreateToken(context.Background(), "muster-uninstall", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"muster.sh"}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	file := filepath.Join(u.dir, "token")
	if err := os.WriteFile(file, []byte(token.Status.Token), 0o600); err != nil {
		return err
	}
	kubeconfig := u.AccountKubeconfig(system, "muster-uninstall")
	cmd := kubetest.Command(u.program, slices.Concat([]string{
		"admin", "uninstall", "--endpoint-url=" + u.endpoint, "--token-file=" + file, "--kubeconfig=" + kubeconfig,
	}, args)...)
	out, err := cmd.CombinedOutput()
	u.log = string(out)
	return err
}

// account makes the Job's account and rights, if helm has not made them: they are there while it uninstalls.
func (u *uninstallJob) account() {
	_, err := u.Client.CoreV1().ServiceAccounts(system).Get(context.Background(), "muster-uninstall", metav1.GetOptions{})
	if err == nil {
		return
	}
	out, err := kubectl(u.t, "--kubeconfig="+u.Kubeconfig(kubetest.AdminToken), "apply", "-f", "uninstall/rbac.yaml")
	if err != nil {
		u.t.Errorf("%v\n%s", err, out)
	}
}
