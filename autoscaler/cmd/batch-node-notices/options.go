// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/muster-batch/muster/autoscaler/imds"
)

// options are the flags.
type options struct {
	Node             string
	Interval         time.Duration
	MetadataEndpoint string
	Kubeconfig       string
}

func newOptions() *options {
	return &options{Node: os.Getenv("NODE_NAME"), Interval: 5 * time.Second, MetadataEndpoint: imds.Endpoint}
}

// AddFlags adds the options to a flag set.
func (o *options) AddFlags(f *pflag.FlagSet) {
	f.StringVar(&o.Node, "node", o.Node, "Name of the node that this runs on; NODE_NAME by default.")
	f.DurationVar(&o.Interval, "interval", o.Interval, "Time between two looks at the metadata service. EC2 advises 5 seconds.")
	f.StringVar(&o.MetadataEndpoint, "metadata-endpoint", o.MetadataEndpoint, "URL of the instance metadata service.")
	f.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "Path of a kubeconfig; without one, the service account of the pod is used.")
}

// Validate checks options and what was left of the command line.
func (o *options) Validate(rest []string) error {
	var errs []error
	if len(rest) > 0 {
		errs = append(errs, fmt.Errorf("unexpected argument %q", rest[0]))
	}
	if o.Node == "" {
		errs = append(errs, errors.New("--node or NODE_NAME must name the node"))
	}
	if o.Interval <= 0 {
		errs = append(errs, errors.New("--interval must be positive"))
	}
	if u, err := url.Parse(o.MetadataEndpoint); err != nil || u.Host == "" {
		errs = append(errs, fmt.Errorf("--metadata-endpoint %q is not a URL", o.MetadataEndpoint))
	}
	return errors.Join(errs...)
}
