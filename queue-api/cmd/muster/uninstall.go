// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/muster-batch/muster/queue-api/client"
	"github.com/muster-batch/muster/queue-api/uninstall"
)

// uninstallOptions are the flags of muster admin uninstall.
type uninstallOptions struct {
	endpoint, tokenFile   string
	kubeconfig, namespace string
	cluster               string
	home, force           bool
	jobs                  string
	timeout               time.Duration
}

func newUninstall() *cobra.Command {
	var o uninstallOptions
	cmd := &cobra.Command{
		Use: "uninstall", Args: cobra.NoArgs, Short: "End all jobs and give all nodes back, before Muster is deleted",
		Long: `End all jobs and give all nodes back, before Muster is deleted: every queue and every compute environment is disabled and
deleted over the Batch API, the last instance is waited for, and pods that nobody would settle any more are freed of their
finalizer and deleted. It may be broken off and run again. helm uninstall runs it as a Job by itself, kubectl apply -k
manifests/uninstall too; see docs/install.md. Without --endpoint-url it deletes no queues and no environments: for a cluster
whose queue-api is in another one, where they have to be deleted.`,
		Example: `  muster admin uninstall --endpoint-url http://127.0.0.1:8080 --kubeconfig ~/.kube/config
  muster admin uninstall --endpoint-url http://127.0.0.1:8080 --kubeconfig ~/.kube/config --jobs=wait --timeout=12h`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.endpoint, "endpoint-url", "", "URL of the Batch API.")
	f.StringVar(&o.tokenFile, "token-file", "", "File of the Kubernetes token that the Batch API knows the caller by; without it AWS's credentials are looked for.")
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "Path of a kubeconfig; without one, the service account of the pod is used.")
	f.StringVar(&o.namespace, "namespace", "muster-system", "Namespace of the programs.")
	f.StringVar(&o.cluster, "cluster", "", "Name or ARN of the cluster that is left, where there are several: environments of others, and their queues, stay.")
	f.BoolVar(&o.home, "home-cluster", false, "Whether it is the cluster that the Batch API is in: environments that name no cluster are deleted, too. Only with --cluster.")
	f.StringVar(&o.jobs, "jobs", string(uninstall.Terminate), "What becomes of unfinished jobs: terminate, or wait until they have ended by themselves.")
	f.DurationVar(&o.timeout, "timeout", 30*time.Minute, "How long jobs and nodes are waited for.")
	f.BoolVar(&o.force, "force", false, "Free and delete the pods of jobs even if nodes are left or the Batch API does not answer. The nodes that are left are yours to end.")
	return cmd
}

func (o *uninstallOptions) run(cmd *cobra.Command) error {
	if err := o.validate(); err != nil {
		return err
	}
	kube, err := o.kube()
	if err != nil {
		return err
	}
	cfg := uninstall.Config{
		Kube: kube, Cluster: uninstall.Cluster{Name: o.cluster, IsHome: o.home}, Namespace: o.namespace,
		Jobs: uninstall.Jobs(o.jobs), Force: o.force, Out: cmd.OutOrStdout(),
	}
	if o.endpoint != "" {
		api, err := o.api(cmd.Context())
		if err != nil {
			return err
		}
		cfg.API = api
	}
	return uninstall.New(cfg).Run(cmd.Context(), o.timeout)
}

func (o *uninstallOptions) validate() error {
	switch {
	case o.jobs != string(uninstall.Terminate) && o.jobs != string(uninstall.Wait):
		return fmt.Errorf("--jobs %q is none of %s, %s", o.jobs, uninstall.Terminate, uninstall.Wait)
	case o.home && o.cluster == "":
		return errors.New("--home-cluster needs --cluster")
	case o.timeout <= 0:
		return errors.New("--timeout must be positive")
	}
	return nil
}

// api asks as the token's owner, over http too: it is the Service of the cluster that we are in.
func (o *uninstallOptions) api(ctx context.Context) (*client.Client, error) {
	cfg := client.Config{Endpoint: o.endpoint, UserAgent: "muster", AllowPlaintext: true}
	if o.tokenFile == "" {
		var err error
		if cfg, err = (client.Sources{Endpoint: o.endpoint}).Resolve(ctx, cfg); err != nil {
			return nil, err
		}
		return client.New(cfg)
	}
	cfg.Identity = client.Token{From: o.tokenFile, Get: func(context.Context) (string, error) { // it is renewed
		text, err := os.ReadFile(o.tokenFile)
		return strings.TrimSpace(string(text)), err
	}}
	return client.New(cfg)
}

func (o *uninstallOptions) kube() (typedcorev1.CoreV1Interface, error) {
	var config *rest.Config
	var err error
	if o.kubeconfig != "" {
		config, err = clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	} else {
		config, err = rest.InClusterConfig()
	}
	if err != nil {
		return nil, fmt.Errorf("configure the Kubernetes client: %w", err)
	}
	config.UserAgent = "muster-uninstall"
	return typedcorev1.NewForConfig(config)
}
