// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/muster-batch/muster/hack/localcluster/daemon"
	"github.com/muster-batch/muster/hack/localcluster/flock"
)

// paths is where things lie in a cluster's folder.
type paths struct {
	dir string
}

// maxDir keeps the sockets in a node's folder, DIR/nodes/i-0123456789abcdef0/c.sock.ttrpc and the like, within the 107
// bytes that the kernel allows a socket's path.
const maxDir = 55

func pathsOf(dir string) (paths, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return paths{}, fmt.Errorf("find folder: %w", err)
	}
	// One cluster has one name, by whichever link its folder is reached.
	if resolved, err := filepath.EvalSymlinks(absolute); err == nil {
		absolute = resolved
	}
	if len(absolute) > maxDir {
		return paths{}, fmt.Errorf("the path of folder %s is longer than %d bytes; choose another with --dir", absolute, maxDir)
	}
	return paths{dir: absolute}, nil
}

func (p paths) in(name string) string { return filepath.Join(p.dir, name) }

func (p paths) config() string     { return p.in("cluster.json") }
func (p paths) logs() string       { return p.in("logs") }
func (p paths) pki() string        { return p.in("pki") }
func (p paths) jobLogs() string    { return p.in("job-logs") }
func (p paths) nodes() string      { return p.in("nodes") }
func (p paths) programs() string   { return p.in("bin") }
func (p paths) kubeconfig() string { return p.in("kubeconfig") }

// self is a copy of this program that stays when a go run's is gone: nodes boot by it.
func (p paths) self() string { return p.in("bin/localcluster") }

// fleet is the command that is given to batch-autoscaler.
func (p paths) fleet() string { return p.in("bin/fleet") }

// data is what goes with a cluster that is taken down. Its logs stay, and the programs, which take long to link.
func (p paths) data() []string {
	return []string{p.config(), p.kubeconfig(), p.pki(), p.in("pids"), p.in("etcd"), p.in("redis"), p.jobLogs(), p.in("work"), p.nodes()}
}

func (p paths) daemons() daemon.Set { return daemon.Set{PIDs: p.in("pids"), Logs: p.logs()} }

// id is the same for the same folder and tells clusters on one machine apart.
func (p paths) id() string {
	sum := sha256.Sum256([]byte(p.dir))
	return hex.EncodeToString(sum[:4])
}

// lock is held by whoever changes what runs.
func (p paths) lock() (*os.File, error) {
	return flock.Lock(p.in("lock"), func() {
		fmt.Fprintln(os.Stderr, "waiting for another localcluster on", p.dir)
	})
}
