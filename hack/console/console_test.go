// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package console

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/hack/browser"
	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/queue-api/podspec"
	"github.com/muster-batch/muster/queue-api/redisstore"
	"github.com/muster-batch/muster/queue-api/redistest"
)

var update = flag.Bool("update", false, "write the screenshots of docs/images anew")

// result is what the suite says of one thing that it tried.
type result struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// TestConsole runs the suite.
func TestConsole(t *testing.T) {
	site := startSite(t)
	dir := installSuite(t)
	shots := t.TempDir()
	if *update {
		shots = absolute(t, "../../docs/images")
	}
	cmd := kubetest.Command("node", filepath.Join(dir, "suite.mjs"))
	cmd.Env = append(os.Environ(),
		"MUSTER_CONSOLE="+site.endpoint, "MUSTER_CONTROL="+site.control, "MUSTER_SHOTS="+shots, "MUSTER_IDS="+site.known(t),
		"CHROMIUM="+chromium(t), "NODE_NO_WARNINGS=1",
	)
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var r result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Errorf("the suite says %s", lines.Text())
			continue
		}
		count++
		t.Run(r.Name, func(t *testing.T) {
			if t.Log(r.Detail); !r.OK {
				t.Fail()
			}
		})
	}
	if err := errors.Join(lines.Err(), cmd.Wait()); err != nil {
		t.Errorf("the suite: %v\n%s", err, trouble.String())
	}
	if t.Logf("%d things tried", count); count < 40 {
		t.Errorf("only %d things were tried", count)
	}
}

// site is a server with something to see.
type site struct {
	*seeder

	control string // where the suite has something happen
}

func startSite(t *testing.T) *site {
	t.Helper()
	program := filepath.Join(t.TempDir(), "queue-api")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "kwok", "-o", program, "github.com/muster-batch/muster/queue-api/cmd/queue-api").CombinedOutput(); err != nil {
		t.Fatalf("build queue-api: %v\n%s", err, out)
	}
	k := &kube{logs: map[string][]string{}}
	cluster := httptest.NewServer(k)
	t.Cleanup(cluster.Close)
	redis := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction", "--dir", t.TempDir())
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	config := fmt.Sprintf("{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], clusters: [{name: c, cluster: {server: %q}}], users: [{name: u, user: {}}]}", cluster.URL)
	if err := os.WriteFile(kubeconfig, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	api := kubetest.FreeAddress(t)
	kubetest.Run(t, program, "--kubeconfig="+kubeconfig, "--redis-url=redis://"+redis.Address, "--listen="+api, "--health-address="+kubetest.FreeAddress(t),
		"--auth=token", "--log-dir="+t.TempDir(), "--host-network=false")
	store, err := redisstore.New(redis.Client, redisstore.Config{}).Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := &site{seeder: &seeder{t: t, endpoint: "http://" + api, store: store, kube: k, begun: time.Now(), ids: map[string]string{}}}
	awaitAnswer(t, s.endpoint+"/console/login")
	s.fill()
	control := httptest.NewServer(http.HandlerFunc(s.happen))
	t.Cleanup(control.Close)
	s.control = control.URL
	return s
}

func awaitAnswer(t *testing.T, url string) {
	t.Helper()
	for range 3000 { // five minutes
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err == nil {
			response.Body.Close()
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s does not answer", url)
}

// happen has something happen that the suite asks for: a line of a log, or a decision.
func (s *site) happen(w http.ResponseWriter, r *http.Request) {
	text := r.URL.Query().Get("text")
	switch r.URL.Path {
	case "/line":
		s.kube.write(podspec.PodName(s.ids["compositing"], 1), time.Now(), text)
	case "/decision":
		s.kube.decide(time.Now(), "Normal", "TriggeredScaleUp", text, corev1.ObjectReference{Kind: "Node", Name: "ip-10-0-3-31"})
	default:
		http.NotFound(w, r)
	}
}

// known are the ids that the suite needs, as JSON.
func (s *site) known(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(s.ids)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// installSuite installs the suite and what it imports.
func installSuite(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(os.TempDir(), "muster-console")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := browser.Install(ctx, dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func chromium(t *testing.T) string {
	t.Helper()
	path, err := browser.Path()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err == nil {
		err = os.MkdirAll(path, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(path, "/")
}
