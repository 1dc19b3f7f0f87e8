// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Port bases. They lie beside the ports of a demo and of the clients' tests.
const (
	portBase      = "17440"
	portBaseCloud = "17640"
)

// settings make the programs quick: what takes minutes in production takes seconds here.
var settings = []string{
	"batch-autoscaler=--scale-down-delay=5s",
	"queue-api=--finished-pod-ttl=5s",
	"queue-api=--image-pull-timeout=30s",
	"queue-api=-v=2",
}

// cluster is a local cluster: its folder, and the program that works on it.
type cluster struct {
	dir          string
	localcluster string
	// args are those of its own that it is brought up with.
	args []string
	// env is what "localcluster env" prints; empty until the cluster is up.
	env    map[string]string
	config *rest.Config
	kube   kubernetes.Interface
}

// buildLocalcluster builds the program that works on clusters.
func buildLocalcluster(ctx context.Context, file string) error {
	build := exec.CommandContext(ctx, "go", "build", "-tags", "kwok", "-o", file, "github.com/muster-batch/muster/hack/localcluster")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build localcluster: %w:\n%s", err, output)
	}
	return nil
}

// newCluster clears away what an earlier run left behind.
func newCluster(dir, localcluster string, args ...string) (*cluster, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, localcluster: localcluster, args: args}
	return c, c.down()
}

// up starts the cluster.
func (c *cluster) up(ctx context.Context) error {
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	args := append([]string{"up", "--nodes=real", "--source=" + root, "--slots=32"}, c.args...)
	for _, setting := range settings {
		args = append(args, "--set", setting)
	}
	if _, err := c.run(ctx, args...); err != nil {
		c.printLogs(os.Stderr)
		return err
	}
	printed, err := c.run(ctx, "env", "--json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(printed, &c.env); err != nil {
		return fmt.Errorf("read localcluster's env: %w", err)
	}
	if c.config, err = clientcmd.BuildConfigFromFlags("", c.env["KUBECONFIG"]); err != nil {
		return err
	}
	c.config.QPS, c.config.Burst = 200, 400
	c.kube, err = kubernetes.NewForConfig(c.config)
	return err
}

func (c *cluster) down() error {
	_, err := c.run(context.Background(), "down")
	return err
}

// run runs a verb of localcluster and returns what it prints. An interrupt at the terminal is ours to pass on.
func (c *cluster) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.localcluster, append([]string{"--dir", c.dir}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var messages bytes.Buffer
	cmd.Stderr = &messages
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("localcluster %s: %w:\n%s", args[0], err, messages.String())
	}
	return output, nil
}

// guard starts a process that takes the cluster down when this one is gone, however it went. It holds the lock until
// then. The function returned ends it.
func (c *cluster) guard(lock *os.File) (dismiss func(), err error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	const script = `cat; exec "$0" --dir "$1" down >/dev/null 2>&1`
	cmd := exec.Command("/bin/sh", "-c", script, c.localcluster, c.dir)
	cmd.Stdin = reader
	cmd.ExtraFiles = []*os.File{lock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		writer.Close()
		return nil, fmt.Errorf("start guardian: %w", err)
	}
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		writer.Close()
	}, nil
}

// lines are those of a log to which others add; one that is being written is not there yet.
func lines(file string) ([]string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	all := strings.Split(string(content), "\n")
	return all[:len(all)-1], nil
}

func (c *cluster) logs() string { return filepath.Join(c.dir, "logs") }

// printLogs shows where the logs are and how those of the programs end.
func (c *cluster) printLogs(out io.Writer) {
	fmt.Fprintln(out, "e2e: logs are in", c.logs())
	for _, program := range []string{"queue-api", "batch-scheduler", "batch-autoscaler"} {
		content, err := os.ReadFile(filepath.Join(c.logs(), program+".log"))
		if err != nil {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(content)), "\n")
		fmt.Fprintf(out, "--- the end of %s.log\n%s\n", program, strings.Join(lines[max(0, len(lines)-25):], "\n"))
	}
}

// instance is one of the fleet's.
type instance struct {
	InstanceID         string `json:"instanceId"`
	ComputeEnvironment string `json:"computeEnvironment"`
	State              string `json:"state"`
}

// clusterStatus is what "localcluster status" tells.
type clusterStatus struct {
	Programs []struct {
		Name string `json:"name"`
		PID  int    `json:"pid"`
	} `json:"programs"`
	Instances []instance `json:"instances"`
}

func (c *cluster) status(ctx context.Context) (clusterStatus, error) {
	var status clusterStatus
	printed, err := c.run(ctx, "status", "--json")
	if err != nil {
		return status, err
	}
	if err := json.Unmarshal(printed, &status); err != nil {
		return status, fmt.Errorf("read localcluster's status: %w", err)
	}
	return status, nil
}

// instances are those of the named environment, or of all if it is empty.
func (c *cluster) instances(ctx context.Context, environment string) ([]instance, error) {
	status, err := c.status(ctx)
	if err != nil {
		return nil, err
	}
	var found []instance
	for _, i := range status.Instances {
		if environment == "" || i.ComputeEnvironment == environment {
			found = append(found, i)
		}
	}
	return found, nil
}

// kill ends a program with SIGKILL.
func (c *cluster) kill(t *testing.T, program string) {
	t.Helper()
	c.must(t, "kill", program)
}

// aim finds a program. The function returned kills it without any delay.
func (c *cluster) aim(t *testing.T, program string) (kill func()) {
	t.Helper()
	status, err := c.status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range status.Programs {
		if p.Name == program && p.PID > 0 {
			return func() {
				if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
					t.Fatalf("kill %s: %v", program, err)
				}
				c.kill(t, program) // waits until it is gone
			}
		}
	}
	t.Fatalf("%s does not run", program)
	return nil
}

// start starts a program and waits until it is ready.
func (c *cluster) start(t *testing.T, program string) {
	t.Helper()
	c.must(t, "start", program)
}

func (c *cluster) must(t *testing.T, verb, program string) {
	t.Helper()
	// Not the test's own context: what was stopped is started again when the test has failed, too.
	if _, err := c.run(context.Background(), verb, program); err != nil {
		t.Fatal(err)
	}
}

// kubectl runs kubectl and returns what it prints.
func (c *cluster) kubectl(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.env["MUSTER_KUBECTL"], append([]string{"--kubeconfig", c.env["KUBECONFIG"]}, args...)...)
	output, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("kubectl %s: %w: %s", args[0], err, output)
	}
	return string(output), err
}

// processes are the processes of the cluster's nodes, by their command lines: all of them name the nodes' folder.
func (c *cluster) processes() ([]string, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, file := range files {
		line, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if bytes.Contains(line, []byte(filepath.Join(c.dir, "nodes")+"/")) {
			found = append(found, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return found, nil
}
