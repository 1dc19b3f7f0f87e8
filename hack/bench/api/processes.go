// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/redisstore"
)

// redisServer is a redis-server that syncs its append-only file before each reply.
type redisServer struct {
	cmd    *exec.Cmd
	port   string
	client *redis.Client
}

func startRedis(ctx context.Context, dir string) (*redisServer, error) {
	r := &redisServer{port: freePort()}
	if err := r.start(ctx, dir); err != nil {
		return nil, err
	}
	options, err := redisstore.Options("redis://127.0.0.1:" + r.port)
	if err != nil {
		return nil, err
	}
	r.client = redis.NewClient(options)
	return r, nil
}

func (r *redisServer) start(ctx context.Context, dir string) (err error) {
	r.cmd, err = start(ctx, dir, "redis-server", "--port", r.port, "--bind", "127.0.0.1", "--dir", dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
	return err
}

// restart kills the server and starts it again with what it has on disk. It returns at once: the server loads meanwhile.
func (r *redisServer) restart(ctx context.Context, dir string) error {
	kill(r.cmd)
	return r.start(ctx, dir)
}

func (r *redisServer) stop() {
	_ = r.client.Close()
	kill(r.cmd)
}

// usedMemory is what Redis says that its data takes, in bytes. It waits for a rewrite of the append-only file to end.
func (r *redisServer) usedMemory(ctx context.Context) (float64, error) {
	for {
		info, err := r.client.Info(ctx, "memory", "persistence").Result()
		if err != nil {
			return 0, err
		}
		var used float64
		isBusy := false
		for line := range strings.Lines(info) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			switch name {
			case "used_memory":
				used, err = strconv.ParseFloat(value, 64)
			case "aof_rewrite_in_progress", "aof_rewrite_scheduled":
				isBusy = isBusy || value == "1"
			}
		}
		if err != nil || !isBusy {
			return used, err
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// apiServer is a queue-api without a cluster: jobs are accepted and wait.
type apiServer struct {
	cmd     *exec.Cmd
	address string
}

// noCluster is a kubeconfig of an API server that is down.
const noCluster = `{"apiVersion":"v1","kind":"Config","current-context":"none","contexts":[{"name":"none","context":{"cluster":"none","user":"none"}}],` +
	`"clusters":[{"name":"none","cluster":{"server":"http://127.0.0.1:1"}}],"users":[{"name":"none","user":{}}]}`

func (b *bench) startAPI(ctx context.Context) (*apiServer, error) {
	kubeconfig := filepath.Join(b.dir, "kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(noCluster), 0o600); err != nil {
		return nil, err
	}
	api, health := "127.0.0.1:"+freePort(), "127.0.0.1:"+freePort()
	cmd, err := start(ctx, b.dir, b.queueAPI, "--redis-url=redis://127.0.0.1:"+b.redis.port, "--kubeconfig="+kubeconfig,
		"--listen="+api, "--health-address="+health, "--submit-rate=0")
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(60 * time.Second)
	for !isReady(ctx, health) {
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(b.dir, filepath.Base(b.queueAPI)+".log"))
			kill(cmd)
			return nil, fmt.Errorf("queue-api does not become ready:\n%s", log)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return &apiServer{cmd: cmd, address: api}, nil
}

func isReady(ctx context.Context, health string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+health+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func (a *apiServer) stop() { kill(a.cmd) }

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

func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
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
