// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/backup"
	"github.com/muster-batch/muster/queue-api/redisstore"
)

// newAdmin makes the commands of those who run Muster's servers.
func newAdmin() *cobra.Command {
	var o storeOptions
	admin := &cobra.Command{
		Use: "admin", Short: "Look after what queue-api keeps in Redis",
		Example: "  muster admin fsck --redis-url redis://127.0.0.1:6379",
	}
	admin.PersistentFlags().StringVar(&o.redisURL, "redis-url", os.Getenv("MUSTER_REDIS_URL"),
		"Redis, as queue-api's --redis-url; default from MUSTER_REDIS_URL, which keeps a password off the command line.")
	admin.PersistentFlags().StringVar(&o.dataDir, "data-dir", filepath.Join(os.TempDir(), "muster-queue-api"),
		"Without --redis-url: queue-api's --data-dir, in which its child redis-server listens.")
	admin.AddCommand(newBackup(&o), newRestore(&o), newFsck(&o), newFailLost(&o), newUninstall())
	return admin
}

// storeOptions say where the store is.
type storeOptions struct {
	redisURL string
	dataDir  string
}

func (o *storeOptions) open() (redis.UniversalClient, error) {
	url := o.redisURL
	if url == "" {
		url = "unix://" + filepath.Join(o.dataDir, "redis.sock")
	}
	client, err := redisstore.Open(url)
	if err != nil {
		return nil, fmt.Errorf("--redis-url: %w", err)
	}
	return client, nil
}

var errCluster = errors.New("a Redis Cluster has no moment that is the same on all its servers: back up and restore each master by its own --redis-url, redis://HOST:PORT")

// server is the Redis that the client speaks to, or the one that Sentinels name, for its replication.
func server(client redis.UniversalClient) (backup.Server, error) {
	one, ok := client.(*redis.Client)
	if !ok {
		return backup.Server{}, errCluster
	}
	o := one.Options()
	return backup.Server{
		Dial:     func(ctx context.Context) (net.Conn, error) { return o.Dialer(ctx, o.Network, o.Addr) },
		Username: o.Username, Password: o.Password,
	}, nil
}
