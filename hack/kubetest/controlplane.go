// SPDX-License-Identifier: Apache-2.0

package kubetest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/muster-batch/muster/hack/freeport"
)

// Namespace is where the pods of tests are, unless they say otherwise. Its service account exists from the start.
const Namespace = metav1.NamespaceDefault

// patience is how long Await waits: several times what anything takes on a machine that many tests share.
const patience = 5 * time.Minute

// The users of a ControlPlane, by their bearer tokens.
const (
	AdminToken     = "admin"
	SchedulerToken = "scheduler" // the service account muster-system/batch-scheduler
	QueueAPIToken  = "queue-api" // the service account muster-system/queue-api
)

// ControlPlane is a real etcd, kube-apiserver and kube-controller-manager on loopback. It has no kubelet: nodes are
// whatever the test writes.
type ControlPlane struct {
	Client kubernetes.Interface // as the admin, with no limit on its rate

	tb   testing.TB
	dir  string
	host string
}

// Start starts a control plane that ends with the test, its API server with more flags if the test has any. Its binaries are
// those that the project builds and caches.
func Start(tb testing.TB, flags ...string) *ControlPlane {
	tb.Helper()
	etcd, peer, api := FreeAddress(tb), FreeAddress(tb), FreeAddress(tb)
	c := &ControlPlane{tb: tb, dir: tb.TempDir(), host: "https://" + api}
	c.write("tokens.csv", AdminToken+",admin,1,system:masters\n"+
		SchedulerToken+`,system:serviceaccount:muster-system:batch-scheduler,2,"system:serviceaccounts,system:serviceaccounts:muster-system"`+"\n"+
		QueueAPIToken+`,system:serviceaccount:muster-system:queue-api,3,"system:serviceaccounts,system:serviceaccounts:muster-system"`+"\n")
	c.writeKey("service-accounts.key")

	Run(tb, Binary(tb, "etcd-v*", "etcd"), "--data-dir="+c.path("etcd"), "--unsafe-no-fsync", "--log-level=error",
		"--listen-client-urls=http://"+etcd, "--advertise-client-urls=http://"+etcd,
		"--listen-peer-urls=http://"+peer, "--initial-advertise-peer-urls=http://"+peer, "--initial-cluster=default=http://"+peer)
	_, port, _ := net.SplitHostPort(api)
	Run(tb, Binary(tb, "kubernetes-v*", "kube-apiserver"), append([]string{
		"--etcd-servers=http://" + etcd,
		"--bind-address=127.0.0.1", "--secure-port=" + port, "--cert-dir=" + c.path("certs"),
		"--token-auth-file=" + c.path("tokens.csv"), "--authorization-mode=Node,RBAC", "--service-cluster-ip-range=10.0.0.0/16",
		"--service-account-issuer=https://kubernetes.default.svc", "--endpoint-reconciler-type=none",
		"--service-account-key-file=" + c.path("service-accounts.key"), "--service-account-signing-key-file=" + c.path("service-accounts.key"),
	}, flags...)...)
	c.Client = c.client(AdminToken, rest.ImpersonationConfig{})
	c.Await("the API server is ready", func(ctx context.Context) bool {
		return c.Client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() == nil
	})
	Run(tb, Binary(tb, "kubernetes-v*", "kube-controller-manager"), "--kubeconfig="+c.Kubeconfig(AdminToken), "--leader-elect=false",
		"--bind-address=127.0.0.1", "--secure-port=0", "--controllers=*,-nodeipam",
		"--service-account-private-key-file="+c.path("service-accounts.key"))
	c.Await("the default service account exists", func(ctx context.Context) bool {
		_, err := c.Client.CoreV1().ServiceAccounts(Namespace).Get(ctx, "default", metav1.GetOptions{})
		return err == nil
	})
	return c
}

// In returns the same control plane for a subtest, which its methods then report to.
func (c *ControlPlane) In(tb testing.TB) *ControlPlane {
	tb.Helper()
	sub := *c
	sub.tb = tb
	return &sub
}

// Apply applies a kustomization.
func (c *ControlPlane) Apply(dir string) {
	c.tb.Helper()
	out, err := Command(Binary(c.tb, "kubernetes-v*", "kubectl"), "--kubeconfig="+c.Kubeconfig(AdminToken), "apply", "-k", dir).CombinedOutput()
	if err != nil {
		c.tb.Fatalf("apply %s: %v\n%s", dir, err, out)
	}
}

// CreateNamespace creates a namespace unless it exists.
func (c *ControlPlane) CreateNamespace(name string) {
	c.tb.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := c.Client.CoreV1().Namespaces().Create(context.Background(), namespace, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		c.tb.Fatal(err)
	}
}

// As returns a client that is taken for another user.
func (c *ControlPlane) As(user string, groups ...string) kubernetes.Interface {
	c.tb.Helper()
	return c.client(AdminToken, rest.ImpersonationConfig{UserName: user, Groups: groups})
}

func (c *ControlPlane) client(token string, as rest.ImpersonationConfig) kubernetes.Interface {
	c.tb.Helper()
	client, err := kubernetes.NewForConfig(&rest.Config{
		Host: c.host, BearerToken: token, Impersonate: as, TLSClientConfig: rest.TLSClientConfig{Insecure: true}, QPS: -1,
	})
	if err != nil {
		c.tb.Fatal(err)
	}
	return client
}

// AccountKubeconfig returns a file with a token of a service account, as Kubernetes gives it to the account's pods.
func (c *ControlPlane) AccountKubeconfig(namespace, name string) string {
	c.tb.Helper()
	request, err := c.Client.CoreV1().ServiceAccounts(namespace).CreateToken(context.Background(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		c.tb.Fatal(err)
	}
	return c.kubeconfig("account-"+namespace+"-"+name, request.Status.Token)
}

// Kubeconfig returns a file with which to reach the API server as the token's user.
func (c *ControlPlane) Kubeconfig(token string) string {
	c.tb.Helper()
	return c.kubeconfig(token, token)
}

func (c *ControlPlane) kubeconfig(name, token string) string {
	c.tb.Helper()
	path := c.path(name + ".kubeconfig")
	cfg := clientcmdapi.NewConfig()
	cfg.Clusters["local"] = &clientcmdapi.Cluster{Server: c.host, InsecureSkipTLSVerify: true}
	cfg.AuthInfos["user"] = &clientcmdapi.AuthInfo{Token: token}
	cfg.Contexts["local"] = &clientcmdapi.Context{Cluster: "local", AuthInfo: "user"}
	cfg.CurrentContext = "local"
	if err := clientcmd.WriteToFile(*cfg, path); err != nil {
		c.tb.Fatal(err)
	}
	return path
}

// Await waits until cond holds and fails the test if it never does.
func (c *ControlPlane) Await(what string, cond func(context.Context) bool) {
	c.tb.Helper()
	err := wait.PollUntilContextTimeout(context.Background(), 20*time.Millisecond, patience, true,
		func(ctx context.Context) (bool, error) { return cond(ctx), nil })
	if err != nil {
		c.tb.Fatalf("waited in vain: %s", what)
	}
}

// Binary returns the newest cached binary of a tool.
func Binary(tb testing.TB, versions, name string) string {
	tb.Helper()
	cache := os.Getenv("MUSTER_CACHE")
	if cache == "" {
		var err error
		if cache, err = os.UserCacheDir(); err != nil {
			tb.Fatal(err)
		}
	}
	pattern := filepath.Join(cache, "muster", "bin", versions, name)
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		tb.Fatalf("no %s: it has to be built first", pattern)
	}
	return slices.Max(found)
}

func (c *ControlPlane) path(name string) string { return filepath.Join(c.dir, name) }

func (c *ControlPlane) write(name, content string) {
	c.tb.Helper()
	if err := os.WriteFile(c.path(name), []byte(content), 0o600); err != nil {
		c.tb.Fatal(err)
	}
}

func (c *ControlPlane) writeKey(name string) {
	c.tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		c.tb.Fatal(err)
	}
	var text strings.Builder
	if err := pem.Encode(&text, &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}); err != nil {
		c.tb.Fatal(err)
	}
	c.write(name, text.String())
}

// FreeAddress returns a loopback address that nobody listens at, and that no other test gets before this one ends.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	port, release, err := freeport.Take()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(release)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
