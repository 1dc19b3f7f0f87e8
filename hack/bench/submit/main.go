// SPDX-License-Identifier: Apache-2.0

// Command submit measures SubmitJob: queue-api and redis-server as processes of their own, with durability fsync, and 32
// clients over HTTP. In the same run redis-benchmark drives the same script, with the same clients, without queue-api: the
// most that this machine's Redis could do. It prints both, and the memory of queue-api before and after.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	queueAPI := flag.String("queue-api", "bin/queue-api", "The program to measure.")
	script := flag.String("script", "queue-api/redisstore/lua/submit.lua", "The script that redis-benchmark runs.")
	clients := flag.Int("clients", 32, "Clients at once.")
	jobs := flag.Int("jobs", 40_000, "Jobs to submit.")
	atLeast := flag.Float64("at-least", 0, "Fail below so many submissions a second.")
	flag.Parse()
	if err := bench(*queueAPI, *script, *clients, *jobs, *atLeast); err != nil {
		fmt.Fprintln(os.Stderr, "bench submit:", err)
		os.Exit(1)
	}
}

func bench(queueAPI, script string, clients, jobs int, atLeast float64) error {
	dir, err := os.MkdirTemp("", "muster-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	redisPort, apiPort, healthPort := freePort(), freePort(), freePort()
	redis, err := start(ctx, dir, "redis-server", "--port", redisPort, "--bind", "127.0.0.1", "--dir", dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction", "--hash-max-listpack-value", "1024")
	if err != nil {
		return err
	}
	defer stop(redis)
	api, err := startAPI(ctx, dir, queueAPI, redisPort, apiPort, healthPort)
	if err != nil {
		return err
	}
	defer stop(api)
	idle := residentMiB(api)
	took, latencies, err := submitAll("http://127.0.0.1:"+apiPort, clients, jobs)
	if err != nil {
		return err
	}
	rate := float64(jobs) / took.Seconds()
	out := os.Stdout
	fmt.Fprintf(out, "SubmitJob, durability fsync, %d clients, %d jobs\n", clients, jobs)
	fmt.Fprintf(out, "  queue-api        %8.0f/s   p50 %s   p99 %s\n", rate, quantile(latencies, 0.50), quantile(latencies, 0.99))
	reference, err := referenceRate(redisPort, script, clients, jobs)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "  redis-benchmark  %8.0f/s   the same script, without queue-api (ratio %.2f)\n", reference, rate/reference)
	fmt.Fprintf(out, "  queue-api memory %8.1f MiB idle, %.1f MiB after\n", idle, residentMiB(api))
	if rate < atLeast {
		return fmt.Errorf("%.0f submissions a second, want at least %.0f", rate, atLeast)
	}
	return nil
}

func freePort() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func start(ctx context.Context, dir, program string, args ...string) (*exec.Cmd, error) {
	log, err := os.Create(filepath.Join(dir, filepath.Base(program)+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return cmd, nil
}

func stop(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// noCluster is a kubeconfig of an API server that is down: jobs are accepted and wait.
const noCluster = `{"apiVersion":"v1","kind":"Config","current-context":"none","contexts":[{"name":"none","context":{"cluster":"none","user":"none"}}],` +
	`"clusters":[{"name":"none","cluster":{"server":"http://127.0.0.1:1"}}],"users":[{"name":"none","user":{}}]}`

func startAPI(ctx context.Context, dir, program, redisPort, apiPort, healthPort string) (*exec.Cmd, error) {
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(noCluster), 0o600); err != nil {
		return nil, err
	}
	cmd, err := start(ctx, dir, program, "--redis-url=redis://127.0.0.1:"+redisPort, "--kubeconfig="+kubeconfig,
		"--listen=127.0.0.1:"+apiPort, "--health-address=127.0.0.1:"+healthPort)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		resp, err := http.Get("http://127.0.0.1:" + healthPort + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return cmd, nil
			}
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(dir, filepath.Base(program)+".log"))
			stop(cmd)
			return nil, fmt.Errorf("queue-api does not become ready:\n%s", log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// setUp makes the queue and the definition that the jobs name.
func setUp(client *http.Client, url string) error {
	for _, c := range []struct{ path, body string }{
		{"createcomputeenvironment", `{"computeEnvironmentName":"bench","type":"MANAGED","computeResources":{"type":"EC2","minvCpus":0,"maxvCpus":1,"instanceTypes":["optimal"],"allocationStrategy":"BEST_FIT_PROGRESSIVE"}}`},
		{"createjobqueue", `{"jobQueueName":"bench","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"bench"}]}`},
		{"registerjobdefinition", `{"jobDefinitionName":"bench","type":"container","containerProperties":{"image":"busybox","command":["true"],"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}}`},
	} {
		if err := post(client, url+"/v1/"+c.path, []byte(c.body)); err != nil {
			return err
		}
	}
	return nil
}

func post(client *http.Client, url string, body []byte) error {
	resp, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", url, resp.Status, reply)
	}
	return nil
}

func submitAll(url string, clients, jobs int) (time.Duration, []time.Duration, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	if err := setUp(client, url); err != nil {
		return 0, nil, err
	}
	body, err := json.Marshal(map[string]any{
		"jobName": "bench", "jobQueue": "bench", "jobDefinition": "bench:1",
		"containerOverrides": map[string]any{"command": []string{"echo", "hello"}},
	})
	if err != nil {
		return 0, nil, err
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	perClient := make([][]time.Duration, clients)
	errs := make([]error, clients)
	began := time.Now()
	for c := range clients {
		wg.Go(func() {
			for next.Add(1) <= int64(jobs) && errs[c] == nil {
				sent := time.Now()
				errs[c] = post(client, url+"/v1/submitjob", body)
				perClient[c] = append(perClient[c], time.Since(sent))
			}
		})
	}
	wg.Wait()
	return time.Since(began), slices.Concat(perClient...), errors.Join(errs...)
}

func quantile(latencies []time.Duration, q float64) time.Duration {
	slices.Sort(latencies)
	return latencies[int(float64(len(latencies)-1)*q)].Round(10 * time.Microsecond)
}

// referenceRate runs the submit script by redis-benchmark with keys and arguments as queue-api gives them.
func referenceRate(port, script string, clients, jobs int) (float64, error) {
	lua, err := os.ReadFile(script)
	if err != nil {
		return 0, err
	}
	sha, err := exec.Command("redis-cli", "-p", port, "SCRIPT", "LOAD", string(lua)).Output()
	if err != nil {
		return 0, fmt.Errorf("load script: %w", err)
	}
	const q, id = "muster:{fffff}:", "fffff000-0000-4000-8000-__rand_int__"
	args := []string{
		"-p", port, "-c", strconv.Itoa(clients), "-n", strconv.Itoa(jobs), "-r", "1000000000", "--csv",
		"EVALSHA", strings.TrimSpace(string(sha)), "6",
		q + "job:" + id, q + "status:RUNNABLE", q + "waiting", q + "order", q + "events", q + "closed",
		id, strings.Repeat("s", 240), strings.Repeat("m", 24), "RUNNABLE", "1", "1700000000000", "10000",
		"muster:changes", "queue 1",
	}
	out, err := exec.Command("redis-benchmark", args...).Output()
	if err != nil {
		return 0, fmt.Errorf("redis-benchmark: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	fields := strings.Split(lines[len(lines)-1], `","`)
	if len(fields) < 2 {
		return 0, fmt.Errorf("redis-benchmark said %q", out)
	}
	return strconv.ParseFloat(strings.Trim(fields[1], `"`), 64)
}

// residentMiB is the memory that a process holds.
func residentMiB(cmd *exec.Cmd) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024
		}
	}
	return 0
}
