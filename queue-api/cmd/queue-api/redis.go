// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/redisstore"
)

// openRedis gives a client of the Redis that the options ask for: a server of the admin's, else a child of ours, else, for
// development, one in memory. What it starts runs in group until ctx ends.
func openRedis(ctx context.Context, group *errgroup.Group, o options) (redis.UniversalClient, redisstore.Durability, error) {
	redis.SetLogger(redisLog{})
	durability := redisstore.Durability(o.durability)
	if o.redisURL != "" {
		client, err := redisstore.Open(o.redisURL)
		return client, durability, err
	}
	if binary, err := exec.LookPath("redis-server"); err == nil {
		return childRedis(ctx, group, binary, o)
	}
	if !o.dev {
		return nil, "", errors.New("no --redis-url given and no redis-server installed (Debian: apt-get install redis-server); --dev keeps everything in memory instead")
	}
	return memoryRedis(ctx, group)
}

// redisLog is what the client says by itself: a line for each connection that fails. Whoever called is told as well.
type redisLog struct{}

// Printf implements the client's logger.
func (redisLog) Printf(ctx context.Context, format string, args ...any) {
	if logger := klog.FromContext(ctx).V(4); logger.Enabled() {
		logger.Info("Redis client", "message", fmt.Sprintf(format, args...))
	}
}

// childRedis starts a redis-server on a socket in the data folder and starts it again when it ends. It ends with us.
func childRedis(ctx context.Context, group *errgroup.Group, binary string, o options) (redis.UniversalClient, redisstore.Durability, error) {
	if err := os.MkdirAll(o.dataDir, 0o700); err != nil {
		return nil, "", fmt.Errorf("data folder: %w", err)
	}
	socket := filepath.Join(o.dataDir, "redis.sock")
	fsync := map[redisstore.Durability]string{redisstore.Fsync: "always", redisstore.Relaxed: "everysec"}[redisstore.Durability(o.durability)]
	if fsync == "" {
		return nil, "", fmt.Errorf("durability %s needs --redis-url: a child redis-server has no replica", o.durability)
	}
	args := []string{
		"--port", "0", "--unixsocket", socket, "--unixsocketperm", "700", "--dir", o.dataDir,
		"--appendonly", "yes", "--appendfsync", fsync, "--save", "", "--maxmemory-policy", "noeviction",
		"--hash-max-listpack-value", "1024",
	}
	group.Go(func() error { return keepRunning(ctx, binary, args) })
	client, err := redisstore.Open("unix://" + socket)
	return client, redisstore.Durability(o.durability), err
}

// restartDelay lies between two starts of a child that ends at once.
const restartDelay = time.Second

func keepRunning(ctx context.Context, binary string, args []string) error {
	logger := klog.FromContext(ctx)
	for {
		cmd := exec.CommandContext(ctx, binary, args...)
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		cmd.WaitDelay = 10 * time.Second
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
		logger.Info("Starting redis-server")
		if err := cmd.Run(); ctx.Err() == nil {
			logger.Error(err, "Child redis-server ended; starting it again")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(restartDelay):
		}
	}
}

func memoryRedis(ctx context.Context, group *errgroup.Group) (redis.UniversalClient, redisstore.Durability, error) {
	server, err := miniredis.Run()
	if err != nil {
		return nil, "", fmt.Errorf("start in-memory Redis: %w", err)
	}
	group.Go(func() error {
		<-ctx.Done()
		server.Close()
		return nil
	})
	klog.FromContext(ctx).Info("WARNING: jobs are kept in memory only; nothing survives a restart")
	client, err := redisstore.Open("redis://" + server.Addr())
	return client, redisstore.Volatile, err
}
