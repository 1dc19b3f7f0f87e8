// SPDX-License-Identifier: Apache-2.0

//go:build integration

package manifests

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"go.opentelemetry.io/otel/trace"
	authenticationv1 "k8s.io/api/authentication/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/hack/otlptest"
)

// site is the three programs under their own roles, and a user who may do everything.
type site struct {
	*kubetest.ControlPlane
	t *testing.T

	api       *batch.Client
	endpoint  string // of the Batch API
	scheduler string // its address
}

// holdsRoles runs the real programs with their own accounts' tokens through work that needs all that their roles allow: nothing
// is refused to them, and no verb of any rule is idle.
func holdsRoles(t *testing.T, cluster *kubetest.ControlPlane, log *audit) {
	t.Helper()
	cluster.Apply(kustomization(t, "resources: [OVERLAYS/restricted]\ncomponents: [OVERLAYS/../components/podgroups]\n"))
	traces := otlptest.Start(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", traces.URL)
	s := startSite(t, cluster)
	s.work()
	cluster.Await("spans of all programs in the trace of one job", func(context.Context) bool { return isTraced(traces) })
	rights := render(t)["restricted"].rights()
	var idle []string
	defer func() {
		if len(idle) > 0 {
			t.Logf("nobody used:\n%s", strings.Join(idle, "\n"))
		}
	}()
	cluster.Await("every right is used", func(context.Context) bool {
		idle = unused(rights, log.requests(t))
		return len(idle) == 0
	})
	requests := log.requests(t)
	for _, q := range requests {
		if q.code == http.StatusForbidden {
			t.Errorf("%s may not %s %s %s/%s (%s)", q.account, q.verb, q.resource, q.namespace, q.name, q.userAgent)
		}
	}
	t.Logf("%d requests used all of %d rights", len(requests), len(rights))
}

// isTraced reports whether there is a job whose whole trace was sent, each program having sent its part.
func isTraced(traces *otlptest.Receiver) bool {
	wanted := []string{
		"queue-api job", "queue-api submit", "queue-api queue wait", "queue-api attempt", "queue-api run", "queue-api image pull",
		"batch-scheduler schedule", "batch-autoscaler launch", "batch-autoscaler node wait",
	}
	sent := map[trace.TraceID]map[string]bool{}
	for _, span := range traces.Spans() {
		if sent[span.Trace] == nil {
			sent[span.Trace] = map[string]bool{}
		}
		sent[span.Trace][span.Service+" "+span.Name] = true
	}
	for _, names := range sent {
		if !slices.ContainsFunc(wanted, func(name string) bool { return !names[name] }) {
			return true
		}
	}
	return false
}

// build builds the programs.
func build(t *testing.T, programs ...string) string {
	t.Helper()
	dir := t.TempDir()
	args := append([]string{"build", "-tags=kwok", "-o=" + dir + "/"}, programs...)
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("build the programs: %v\n%s", err, out)
	}
	return dir
}

const (
	keyID  = "AKIDCI"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// startSite runs everything as overlays/restricted does, but for the addresses.
func startSite(t *testing.T, cluster *kubetest.ControlPlane) *site {
	t.Helper()
	bin := build(t, "../queue-api/cmd/queue-api", "../plugins/cmd/batch-scheduler", "../autoscaler/cmd/batch-autoscaler")
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	api, scheduler := kubetest.FreeAddress(t), kubetest.FreeAddress(t)
	kubetest.Run(t, filepath.Join(bin, "queue-api"), "--kubeconfig="+cluster.AccountKubeconfig(system, "queue-api"),
		"--listen="+api, "--health-address="+kubetest.FreeAddress(t), "--data-dir="+filepath.Join(dir, "redis"),
		"--host-network=false", "--auth=sigv4,token", "--session-keys-file="+write("session", strings.Repeat("k", 40)),
		"--access-keys-file="+write("keys", "- {accessKeyId: "+keyID+", secretAccessKey: "+secret+", user: ci}"),
		"--finished-pod-ttl=1s", "--log-dir="+filepath.Join(dir, "logs"))
	account := cluster.AccountKubeconfig(system, "batch-scheduler")
	_, port, err := net.SplitHostPort(scheduler)
	if err != nil {
		t.Fatal(err)
	}
	kubetest.Run(t, filepath.Join(bin, "batch-scheduler"), "--kubeconfig="+account, "--authentication-kubeconfig="+account, "--authorization-kubeconfig="+account,
		"--bind-address=127.0.0.1", "--secure-port="+port)
	token, err := cluster.Client.CoreV1().ServiceAccounts(system).CreateToken(t.Context(), "batch-autoscaler", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"muster.sh"}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	kubetest.Run(t, filepath.Join(bin, "batch-autoscaler"), "--kubeconfig="+cluster.AccountKubeconfig(system, "batch-autoscaler"),
		"--batch-endpoint=http://"+api, "--batch-token-file="+write("token", token.Status.Token), "--health-address="+kubetest.FreeAddress(t),
		"--fleet=kwok", "--scale-down-delay=1s")
	kubetest.Run(t, kubetest.Binary(t, "kwok-v*", "kwok"), "--kubeconfig="+cluster.Kubeconfig(kubetest.AdminToken), "--config=../hack/localcluster/kwok.yaml",
		"--manage-all-nodes=false", "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake", "--node-lease-duration-seconds=40",
		"--server-address="+kubetest.FreeAddress(t))
	_, err = cluster.Client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "ci"}, Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: "ci"}, {Kind: rbacv1.ServiceAccountKind, Namespace: jobs, Name: "default"}},
		RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "cluster-admin"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	credentials := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}, nil
	})
	endpoint := "http://" + api
	return &site{cluster, t, batch.New(batch.Options{BaseEndpoint: &endpoint, Region: "us-east-1", Credentials: credentials}), endpoint, scheduler}
}
