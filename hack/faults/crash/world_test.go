// SPDX-License-Identifier: Apache-2.0

//go:build integration && crashpoints

package crash

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/redis/go-redis/v9"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// fileVariable is what names the file that arms a point; see package crashpoint.
const fileVariable = "MUSTER_CRASH_FILE"

// world is a queue-api of its own, with its Redis, that sees its own part of the one cluster. It lives through many crashes.
type world struct {
	t        *testing.T
	name     string
	dir      string
	kubelets *kubelets
	redis    *redis.Client
	api      *sdk.Client
	command  []string // of queue-api
	program  *program
	ledger   ledger
	nodes    nodes
	dry      atomic.Bool // no capacity in the environment dry
	dryUUID  string
	cursors  map[int]string             // of the outboxes: how far they were checked
	statuses map[string]batch.JobStatus // as the outboxes told
	serial   int                        // of cases
}

func newWorld(t *testing.T, k *kubelets, cluster *rest.Config, binary string, number int) *world {
	t.Helper()
	w := &world{t: t, name: fmt.Sprintf("world-%d", number), dir: t.TempDir(), kubelets: k, cursors: map[int]string{}, statuses: map[string]batch.JobStatus{}}
	if _, err := k.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.name}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.await("the default service account", func() bool {
		_, err := k.client.CoreV1().ServiceAccounts(w.name).Get(t.Context(), "default", metav1.GetOptions{})
		return err == nil
	})
	k.mu.Lock()
	k.worlds[w.name] = w
	k.mu.Unlock()
	socket := filepath.Join(w.dir, "redis.sock")
	kubetest.Run(t, "/usr/bin/redis-server", "--port", "0", "--unixsocket", socket, "--dir", w.dir,
		"--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction")
	w.redis = redis.NewClient(&redis.Options{Network: "unix", Addr: socket})
	t.Cleanup(func() { _ = w.redis.Close() })
	sink := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(sink.Close)
	w.write("webhooks", "webhooks: [{name: sink, url: '"+sink.URL+"', secret: 0123456789abcdef0123456789abcdef}]")
	listen := kubetest.FreeAddress(t)
	w.command = []string{
		binary, "--kubeconfig=" + startProxy(t, cluster, w.name), "--listen=" + listen, "--health-address=" + kubetest.FreeAddress(t),
		"--redis-url=unix://" + socket, "--durability=relaxed", "--namespace=" + w.name, "--leader-elect-namespace=" + w.name,
		"--host-network=false", "--finished-pod-ttl=0s", "--webhook-allow=127.0.0.0/8",
	}
	w.api = newAPI("http://" + listen)
	w.replaceNode()
	w.start()
	t.Cleanup(func() {
		w.program.kill()
		if t.Failed() {
			t.Logf("%s:\n%s", w.name, w.log())
		}
	})
	w.setUp()
	return w
}

// newAPI is the AWS SDK's client. It tries again and again what fails because queue-api has died, as it does by itself but
// for the pauses.
func newAPI(endpoint string) *sdk.Client {
	return sdk.New(sdk.Options{
		BaseEndpoint: &endpoint, Region: "us-east-1",
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.RateLimiter = 1000, ratelimit.None
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 20 * time.Millisecond, nil })
		}),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
}

func (w *world) write(name, text string) string {
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		w.t.Error(err)
	}
	if err := os.Rename(path+".new", path); err != nil { // in one go: the program may look at any time
		w.t.Error(err)
	}
	return path
}

// arm has the program die at the n-th hit of a point from now on.
func (w *world) arm(c *crashCase) {
	w.write("armed", fmt.Sprintf("%s %s %d", c.point, c.moment, c.nth))
}

func (w *world) disarm() { _ = os.Remove(filepath.Join(w.dir, "armed")) }

// program is one process.
type program struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once it has ended
}

func (w *world) start(flags ...string) {
	log, err := os.OpenFile(filepath.Join(w.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		w.t.Error(err)
		return
	}
	defer log.Close()
	cmd := kubetest.Command(w.command[0], append(w.command[1:], flags...)...)
	cmd.Env = append(os.Environ(), fileVariable+"="+filepath.Join(w.dir, "armed"))
	cmd.Stdout, cmd.Stderr = log, log
	p := &program{cmd: cmd, done: make(chan struct{})}
	w.program = p
	if err := cmd.Start(); err != nil {
		w.t.Error(err)
		close(p.done)
		return
	}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // whoever waits asks for the exit code
	}()
}

func (p *program) kill() {
	if p.cmd.Process != nil {
		_ = p.cmd.Process.Kill() // an error means it has ended
	}
	<-p.done
}

// crashed reports whether the process ended by itself at a crash point.
func (p *program) crashed() bool { return p.cmd.ProcessState.ExitCode() == 137 }

// log is the end of what the programs of this world said.
func (w *world) log() string {
	text, err := os.ReadFile(filepath.Join(w.dir, "log"))
	if err != nil {
		return err.Error()
	}
	const most = 6000
	return string(text[max(0, len(text)-most):])
}

var errPatience = errors.New("waited in vain")

// patience is how long anything may take: much longer than it does.
const patience = time.Minute

// await waits until cond holds.
func (w *world) await(what string, cond func() bool) bool {
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(40 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Errorf("%s: %v: %s", w.name, errPatience, what)
			return false
		}
	}
	return true
}

func (w *world) nodeName() string { return fmt.Sprintf("%s-%d", w.name, w.nodes.serial.Load()) }

// replaceNode makes a new node, to which pods are bound from now on.
func (w *world) replaceNode() {
	w.nodes.serial.Add(1)
	_, err := w.kubelets.client.CoreV1().Nodes().Create(context.Background(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: w.nodeName(), Labels: map[string]string{worldLabel: w.name, batchmeta.ComputeEnvironmentUUID: "any"},
	}}, metav1.CreateOptions{})
	if err != nil {
		w.t.Error(err)
	}
}

// loseNode has the world's node end with all that runs there, as the autoscaler tells it, and replaces it.
func (w *world) loseNode() {
	name := w.nodeName()
	w.nodes.lost.Store(name, true)
	w.replaceNode()
	for _, pod := range w.kubelets.podsOf(w.name) {
		if pod.Spec.NodeName == name {
			w.ledger.end(pod.UID, false)
		}
	}
	nodes := w.kubelets.client.CoreV1().Nodes()
	w.await("the node is marked", func() bool {
		node, err := nodes.Get(context.Background(), name, metav1.GetOptions{})
		if err == nil {
			node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: corev1.TaintNodeOutOfService, Effect: corev1.TaintEffectNoExecute})
			_, err = nodes.Update(context.Background(), node, metav1.UpdateOptions{})
		}
		return err == nil
	})
}

func (w *world) isGone(node string) bool {
	_, gone := w.nodes.lost.Load(node)
	return node != "" && gone
}

// isDry reports whether a pod waits for a node of an environment that gets none.
func (w *world) isDry(pod *corev1.Pod) bool {
	return w.dry.Load() && pod.Labels[batchmeta.ComputeEnvironmentUUID] == w.dryUUID
}
