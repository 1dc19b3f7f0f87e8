// SPDX-License-Identifier: Apache-2.0

package clusters

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Registration is a cluster that compute environments may name.
type Registration struct {
	// Name is the file's.
	Name string
	// Cluster is the ARN that the cluster has, or its name.
	Cluster string
	// Config is how its API server is reached.
	Config *rest.Config

	digest [sha256.Size]byte
}

// Is reports whether an eksClusterArn names the cluster.
func (r *Registration) Is(arn string) bool { return batch.IsCluster(r.Cluster, arn) }

// Same reports whether both were read from the same content of the same file.
func (r *Registration) Same(other *Registration) bool {
	return r.Name == other.Name && r.digest == other.digest
}

// parse reads a kubeconfig. Paths in it are relative to the file.
func parse(path string, content []byte) (Registration, error) {
	r := Registration{Name: filepath.Base(path), digest: sha256.Sum256(content)}
	cfg, err := clientcmd.Load(content)
	if err != nil {
		return r, fmt.Errorf("read kubeconfig: %w", err)
	}
	for _, c := range cfg.Clusters {
		c.LocationOfOrigin = path
	}
	for _, u := range cfg.AuthInfos {
		u.LocationOfOrigin = path
	}
	if err := clientcmd.ResolveLocalPaths(cfg); err != nil {
		return r, fmt.Errorf("read kubeconfig: %w", err)
	}
	current := cfg.Contexts[cfg.CurrentContext]
	if current == nil {
		return r, errors.New("kubeconfig has no current context")
	}
	if r.Cluster = current.Cluster; !strings.HasPrefix(r.Cluster, "arn:") {
		r.Cluster, _, _ = strings.Cut(r.Name, ".")
	}
	if r.Config, err = clientcmd.NewDefaultClientConfig(*cfg, &clientcmd.ConfigOverrides{}).ClientConfig(); err != nil {
		return r, fmt.Errorf("use kubeconfig: %w", err)
	}
	return r, nil
}
