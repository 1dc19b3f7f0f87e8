// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testCluster is a cluster in a folder of its own, beside whatever else runs on this machine, and without the three
// programs: those are tested on one by hack/e2e.
type testCluster struct {
	t       *testing.T
	program string
	at      paths
	nodes   string
}

func newTestCluster(t *testing.T, nodes string) testCluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "lc") //nolint:usetesting // t.TempDir's path is too long for the sockets in it
	if err != nil {
		t.Fatal(err)
	}
	at, err := pathsOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := testCluster{t: t, program: filepath.Join(t.TempDir(), "localcluster"), at: at, nodes: nodes}
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", c.program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, output)
	}
	t.Cleanup(func() {
		c.run("", "down")
		_ = os.RemoveAll(dir)
	})
	return c
}

func (c testCluster) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, c.program, append([]string{"--dir", c.at.dir}, args...)...)
}

func (c testCluster) upArgs() []string {
	return []string{"up", "--without-programs", "--nodes=" + c.nodes, "--port-base=21000"}
}

func (c testCluster) run(stdin string, args ...string) string {
	c.t.Helper()
	// Not the test's context, which has ended when the cluster is taken down.
	cmd := c.command(context.Background(), args...)
	cmd.Stdin = strings.NewReader(stdin)
	var errors bytes.Buffer
	cmd.Stderr = &errors
	output, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("localcluster %v: %v\n%s", args, err, errors.String())
	}
	return string(output)
}

func (c testCluster) kubectl(stdin string, args ...string) (string, error) {
	kubectl := strings.TrimSpace(c.run("", "which", "kubectl"))
	cmd := exec.CommandContext(c.t.Context(), kubectl, append([]string{"--kubeconfig", c.at.kubeconfig(), "--namespace", jobNamespace}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// patience bounds what a slow and busy machine takes.
const patience = 5 * time.Minute

// eventually repeats kubectl until its output contains want.
func (c testCluster) eventually(want string, args ...string) {
	c.t.Helper()
	var output string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if output, _ = c.kubectl("", args...); strings.Contains(output, want) {
			return
		}
	}
	c.logNodes()
	c.t.Fatalf("kubectl %v says after %v, without %q:\n%s", args, patience, want, output)
}

// logNodes shows how the logs of the nodes' programs end.
func (c testCluster) logNodes() {
	c.t.Helper()
	files, _ := filepath.Glob(filepath.Join(c.at.logs(), "i-*", "*.log"))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		c.t.Logf("%s ends with\n%s", file, text[max(0, len(text)-2000):])
	}
}

func (c testCluster) launch(token string) (instance string) {
	c.t.Helper()
	request := fmt.Sprintf(`{"token":%q,"nodeGroup":"test","labels":{"colour":"red"},"taints":[{"key":"batch","value":"1","effect":"NoSchedule"}]}`, token)
	var reply struct {
		InstanceID string `json:"instanceId"`
	}
	if err := json.Unmarshal([]byte(c.run(request, "fleet", "launch")), &reply); err != nil {
		c.t.Fatal(err)
	}
	return reply.InstanceID
}

// leftovers are the processes, mounts and cgroups that bear the cluster's name.
func (c testCluster) leftovers() []string {
	var found []string
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range commands {
		if text, _ := os.ReadFile(file); bytes.Contains(text, []byte(c.at.dir+"/")) {
			found = append(found, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, c.at.dir) {
			found = append(found, line)
		}
	}
	for _, pattern := range []string{"/sys/fs/cgroup/muster-%s", "/sys/fs/cgroup/*/muster-%s"} {
		groups, _ := filepath.Glob(fmt.Sprintf(pattern, c.at.id()))
		found = append(found, groups...)
	}
	return found
}

// wantNothingLeft gives the kernel a moment for what has been killed.
func (c testCluster) wantNothingLeft() {
	c.t.Helper()
	found := c.leftovers()
	for deadline := time.Now().Add(time.Minute); len(found) > 0 && time.Now().Before(deadline); found = c.leftovers() {
		time.Sleep(200 * time.Millisecond)
	}
	if len(found) > 0 {
		c.t.Errorf("left over:\n%s", strings.Join(found, "\n"))
	}
}

func TestRealNodes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("real nodes need root")
	}
	c := newTestCluster(t, nodesReal)
	c.run("", c.upArgs()...)
	first, second := c.launch("one"), c.launch("two")
	if again := c.launch("one"); again != first {
		t.Errorf("the token launched %s, then %s", first, again)
	}
	for _, name := range []string{first, second} {
		c.eventually("True", "get", "node", name, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		c.eventually("red muster:///local/"+name+" batch=1:NoSchedule", "get", "node", name, "-o",
			"jsonpath={.metadata.labels.colour} {.spec.providerID} {.spec.taints[0].key}={.spec.taints[0].value}:{.spec.taints[0].effect}")
	}
	c.eventually("default", "get", "serviceaccounts")
	for pod, node := range map[string]string{"on-first": first, "on-second": second} {
		if output, err := c.kubectl(podOn(pod, node, "busybox"), "create", "-f", "-"); err != nil {
			t.Fatal(output)
		}
		c.eventually("Succeeded", "get", "pod", pod, "-o", "jsonpath={.status.phase}")
		c.eventually("hello from 1000", "logs", pod)
	}
	if output, err := c.kubectl(podOn("no-image", first, "no.such.host/image"), "create", "-f", "-"); err != nil {
		t.Fatal(output)
	}
	c.eventually("not found", "get", "events", "--field-selector", "involvedObject.name=no-image,reason=Failed")

	c.run(`{"instanceIds":["`+first+`"]}`, "fleet", "terminate")
	if list := c.run("", "fleet", "list"); strings.Contains(list, first) || !strings.Contains(list, second) {
		t.Errorf("instances after one of two was terminated: %s", list)
	}
	c.run("", "down")
	c.wantNothingLeft()
}

func podOn(name, node, image string) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":%q},"spec":{
		"nodeName":%q,"hostNetwork":true,"restartPolicy":"Never","securityContext":{"runAsUser":1000},
		"containers":[{"name":"one","image":%q,"command":["sh","-c","echo hello from $(id -u); sleep 1"]}]}}`, name, node, image)
}

func TestDownAfterAnUpThatWasKilled(t *testing.T) {
	nodes := nodesReal
	if os.Geteuid() != 0 {
		nodes = nodesKwok
	}
	c := newTestCluster(t, nodes)
	for _, after := range []time.Duration{10 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond, time.Second, 2500 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		_ = c.command(ctx, c.upArgs()...).Run() // Killed when ctx ends.
		cancel()
		c.run("", "down")
		c.wantNothingLeft()
	}
}

func TestUpMendsWhatWasKilled(t *testing.T) {
	c := newTestCluster(t, nodesKwok)
	c.run("", c.upArgs()...)
	c.run("", "kill", "etcd", "redis")
	if status := c.run("", "status"); strings.Count(status, "down") != 2 {
		t.Errorf("status after two of the programs were killed:\n%s", status)
	}
	c.run("", "start", "redis")
	c.run("", c.upArgs()...)
	if status := c.run("", "status"); strings.Contains(status, "down") {
		t.Errorf("status after up:\n%s", status)
	}
	c.eventually("muster-jobs", "get", "namespaces")
}
