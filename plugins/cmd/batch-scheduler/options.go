// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"github.com/muster-batch/muster/plugins/config"
)

// defaults are the flags whose defaults differ from kube-scheduler's.
var defaults = map[string]string{
	"secure-port":                      "10359",
	"authorization-always-allow-paths": "/healthz,/readyz,/livez,/metrics",
	"authentication-skip-lookup":       "true",
}

// describe has --help say of kube-scheduler's flags what is so here.
func describe(flags *pflag.FlagSet) {
	for name, value := range defaults {
		flags.Lookup(name).DefValue = value
	}
	flags.Lookup("leader-elect-resource-name").DefValue = "batch-scheduler" // by the built-in configuration
	flags.Lookup("leader-elect-resource-namespace").DefValue = "muster-system"
	flags.Lookup("config").Usage = "The path to a KubeSchedulerConfiguration; the built-in one by default."
	flags.Lookup("kubeconfig").Usage = "The path to a kubeconfig; the pod's service account by default."
}

// configure gives the flags that were not set our defaults, and --config the built-in configuration. The configuration is
// read from the file returned.
func configure(flags *pflag.FlagSet) (*os.File, error) {
	for name, value := range defaults {
		if flags.Changed(name) {
			continue
		}
		if err := flags.Set(name, value); err != nil {
			return nil, fmt.Errorf("set --%s: %w", name, err)
		}
	}
	file, kubeconfig := flags.Lookup("config").Value.String(), flags.Lookup("kubeconfig").Value.String()
	document, err := compose(file, kubeconfig)
	if err != nil {
		return nil, err
	}
	lent, err := lend(document)
	if err != nil {
		return nil, err
	}
	return lent, flags.Set("config", fmt.Sprintf("/dev/fd/%d", lent.Fd()))
}

// compose returns the configuration in file, or the built-in one, with the kubeconfig in place.
func compose(file, kubeconfig string) ([]byte, error) {
	document := config.Default()
	if file != "" {
		var err error
		if document, err = os.ReadFile(file); err != nil {
			return nil, fmt.Errorf("read scheduler configuration: %w", err)
		}
	}
	if kubeconfig == "" {
		return document, nil
	}
	return config.WithKubeconfig(document, kubeconfig)
}

// lend returns a file from which document can be read once. kube-scheduler takes its configuration from a path only, and
// the program's root file system is read-only: so it reads from a pipe.
func lend(document []byte) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("lend scheduler configuration: %w", err)
	}
	go func() {
		defer w.Close()
		_, _ = w.Write(document) // fails only once the reader is gone, who reports that
	}()
	return r, nil
}
