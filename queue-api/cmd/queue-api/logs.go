// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/authz"
	"github.com/muster-batch/muster/queue-api/httpapi"
	"github.com/muster-batch/muster/queue-api/logs"
	"github.com/muster-batch/muster/queue-api/logs/bucket"
	"github.com/muster-batch/muster/queue-api/logs/cloudwatch"
	"github.com/muster-batch/muster/queue-api/podwatch"
	"github.com/muster-batch/muster/queue-api/redisstore"
	"github.com/muster-batch/muster/queue-api/tracing"
)

// logOptions say where logs are kept, how much of them and for how long.
type logOptions struct {
	logDir       string
	logURL       string
	logRetention time.Duration
	logMaxBytes  int64
	logTimeout   time.Duration
}

func (o *logOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.logDir, "log-dir", "", "Directory in which the logs of jobs are kept, as a volume that all replicas share. Logs are kept if this or --log-url is given.")
	fs.StringVar(&o.logURL, "log-url", "", "Bucket of Amazon S3 in which they are kept, s3://BUCKET/PREFIX. Credentials, region and the endpoint of another server come from the environment, as for AWS's SDKs (AWS_ENDPOINT_URL_S3).")
	fs.DurationVar(&o.logRetention, "log-retention", 30*24*time.Hour, "How long they are kept.")
	fs.Int64Var(&o.logMaxBytes, "log-max-bytes", 64<<20, "How much is kept of an attempt's logs; of longer ones the middle is dropped.")
	fs.DurationVar(&o.logTimeout, "log-timeout", 30*time.Second, "How long a pod that ended waits for a kubelet that does not give its log.")
}

func (o *logOptions) validate() error {
	switch {
	case o.logDir != "" && o.logURL != "":
		return errors.New("--log-dir and --log-url: only one may be given")
	case o.logRetention < time.Hour:
		return errors.New("--log-retention must be at least 1h")
	case o.logMaxBytes < 1<<20:
		return errors.New("--log-max-bytes must be at least 1048576")
	case o.logTimeout < time.Second:
		return errors.New("--log-timeout must be at least 1s")
	}
	return nil
}

// logArchive is where logs are kept, and how a leader has them kept.
type logArchive struct {
	*logs.Archive

	options logOptions
	metrics logs.Metrics
	traces  *tracing.Jobs // may be nil
}

// openLogs opens the archive; nil if there is to be none.
func (o *options) openLogs(ctx context.Context, registry prometheus.Registerer) (*logArchive, error) {
	var store logs.Store
	var err error
	switch {
	case o.logDir != "":
		if store, err = logs.OpenDir(o.logDir); err != nil {
			return nil, fmt.Errorf("--log-dir: %w", err)
		}
	case o.logURL != "":
		if store, err = bucket.Open(ctx, o.logURL, o.region); err != nil {
			return nil, fmt.Errorf("--log-url: %w", err)
		}
	default:
		return nil, nil
	}
	kept := &logArchive{options: o.logOptions}
	if kept.metrics, err = logs.NewMetrics(registry); err != nil {
		return nil, err
	}
	kept.Archive, err = logs.NewArchive(store)
	return kept, err
}

// collector makes what keeps the logs of a cluster's pods; nil if there is no archive.
func (a *logArchive) collector(client corev1client.PodsGetter) *logs.Collector {
	if a == nil {
		return nil
	}
	return logs.NewCollector(a.Archive, logs.Kubelets{Client: client}, a.metrics, logs.CollectorConfig{
		MaxBytes: a.options.logMaxBytes, Timeout: a.options.logTimeout, Kept: a.traces.Kept,
	})
}

// runExpiry deletes old logs.
func (a *logArchive) runExpiry(ctx context.Context) error {
	if a == nil {
		return nil
	}
	return a.RunExpiry(ctx, a.options.logRetention, clock.RealClock{})
}

// keeps sets who keeps logs.
func keeps(cfg *podwatch.Config, collector *logs.Collector) {
	if collector != nil {
		cfg.Logs = collector
	}
}

// runCollector collects, if there is a collector.
func runCollector(ctx context.Context, collector *logs.Collector) error {
	if collector == nil {
		return nil
	}
	return collector.Run(ctx)
}

// logsAPI is the CloudWatch Logs API; nil if no logs are kept.
type logsAPI struct{ view *logs.View }

func newLogsAPI(store *redisstore.Store, kept *logArchive, all *peers) *logsAPI {
	if kept == nil {
		return nil
	}
	return &logsAPI{logs.NewView(kept.Archive, logs.NewPods(store, all.kubelets))}
}

// apply puts it beside the Batch API. Without an authorizer everybody sees everything.
func (l *logsAPI) apply(cfg *httpapi.Config, authorizer *authz.Authorizer) {
	if l == nil {
		return
	}
	var viewer cloudwatch.Viewer
	if authorizer != nil {
		viewer = authorizer
	}
	cfg.Logs = cloudwatch.New(l.view, viewer, clock.RealClock{}).Operations()
}
