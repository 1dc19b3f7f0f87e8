// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asProgram has this test binary be the program, so that a test can run it as a process that gets signals.
const asProgram = "MUSTER_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process is the program as a process of its own.
type process struct {
	t       *testing.T
	listen  string
	health  string
	args    []string
	logFile string
	cmd     *exec.Cmd
}

// startProcess starts the program with addresses of its own and returns once it is ready.
func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, listen: freeAddress(t), health: freeAddress(t), logFile: filepath.Join(t.TempDir(), "log")}
	p.args = append(slices.Clone(args), "--listen="+p.listen, "--health-address="+p.health)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			text, _ := os.ReadFile(p.logFile)
			t.Logf("log of %s ends: %s", p.listen, text[max(0, len(text)-4000):])
		}
	})
	p.start()
	return p
}

func (p *process) start() {
	p.t.Helper()
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	p.cmd = exec.Command(os.Args[0], p.args...)
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	eventually(p.t, "the program is ready", func() bool { return p.readiness() == http.StatusOK })
}

// readiness is the status of /readyz, 0 while nobody answers.
func (p *process) readiness() int {
	resp, err := http.Get("http://" + p.health + "/readyz")
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// restart ends the process as Kubernetes does and starts it again.
func (p *process) restart() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the program ended with %v", err)
	}
	p.start()
}

func (p *process) signal(signal os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// logged reports how often the process said something.
func (p *process) logged(text string) int {
	log, _ := os.ReadFile(p.logFile)
	return strings.Count(string(log), text)
}

// writeKubeconfig writes one of an API server that is down.
func writeKubeconfig(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, []byte(noCluster), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// drain is for how long processes of tests answer on when they are told to end.
const drain = 300 * time.Millisecond
