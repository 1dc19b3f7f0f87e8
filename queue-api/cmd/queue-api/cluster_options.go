// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/clusters"
)

// clusterOptions say where the clusters are and how they are used.
type clusterOptions struct {
	kubeconfig     string
	cluster        string
	clustersDir    string
	kubeQPS        float32
	leaseNamespace string
}

func (o *clusterOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "Kubeconfig of the cluster; empty inside a cluster.")
	fs.StringVar(&o.cluster, "cluster", "", "Name or ARN of that cluster, as compute environments name it in eksClusterArn; those that name none are in it, too. Only with --clusters-dir: without, all are.")
	fs.StringVar(&o.clustersDir, "clusters-dir", "", "Directory of kubeconfigs, as a Secret is mounted: one for each other cluster that compute environments may name. It is read again when it changes.")
	fs.Float32Var(&o.kubeQPS, "kube-api-qps", 500, "Requests a second to each API server, with twice that in a burst.")
	fs.StringVar(&o.leaseNamespace, "leader-elect-namespace", "muster-system", "Namespace of the Lease that the leader holds.")
}

func (o *clusterOptions) validate() error {
	if o.kubeQPS <= 0 {
		return errors.New("--kube-api-qps must be positive")
	}
	if o.cluster != "" && o.clustersDir == "" {
		return errors.New("--cluster needs --clusters-dir")
	}
	return nil
}

// registered reads the other clusters; nil if there is to be none.
func (o *clusterOptions) registered(ctx context.Context) (*clusters.Registry, error) {
	if o.clustersDir == "" {
		return nil, nil
	}
	r, err := clusters.Open(ctx, o.clustersDir, clock.RealClock{})
	if err != nil {
		return nil, fmt.Errorf("--clusters-dir: %w", err)
	}
	return r, nil
}

// tuned is how every cluster is spoken to.
func (o *clusterOptions) tuned(config *rest.Config) *rest.Config {
	config = rest.AddUserAgent(rest.CopyConfig(config), "queue-api")
	config.QPS, config.Burst = o.kubeQPS, int(2*o.kubeQPS)
	config.ContentType, config.AcceptContentTypes = "application/vnd.kubernetes.protobuf", "application/vnd.kubernetes.protobuf,application/json"
	// The API server warns of each pod's name, which is AWS Batch's form.
	config.WarningHandler = rest.NoWarnings{}
	return config
}
