// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	"sigs.k8s.io/yaml"

	"github.com/muster-batch/muster/plugins/config"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// side is one of the schedulers that are compared.
type side struct {
	name          string
	schedulerName string // of the pods that it places
	configuration []byte
}

// stockConfiguration is kube-scheduler's own default.
const stockConfiguration = `
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
`

// coschedulingConfiguration is the one in coscheduling's README: its arguments have their defaults, as everybody's do here.
const coschedulingConfiguration = stockConfiguration + `
profiles:
  - schedulerName: default-scheduler
    plugins:
      multiPoint:
        enabled: [{name: Coscheduling}]
      queueSort:
        enabled: [{name: Coscheduling}]
        disabled: [{name: "*"}]
`

var (
	stock        = side{"stock", "default-scheduler", []byte(stockConfiguration)}
	coscheduling = side{"coscheduling", "default-scheduler", []byte(coschedulingConfiguration)}
	ours         = side{"batch-scheduler", batchmeta.SchedulerName, config.Default()}
)

// configure returns the side's configuration with what all sides share: their connection to the API server.
func (s side) configure(kubeconfig string) ([]byte, error) {
	var cfg schedulerv1.KubeSchedulerConfiguration
	if err := yaml.UnmarshalStrict(s.configuration, &cfg); err != nil {
		return nil, fmt.Errorf("read the configuration of %s: %w", s.name, err)
	}
	cfg.LeaderElection.LeaderElect = new(false)
	cfg.ClientConnection.Kubeconfig = kubeconfig
	cfg.ClientConnection.QPS, cfg.ClientConnection.Burst = 5000, 5000 // scheduler_perf's
	return yaml.Marshal(&cfg)
}

// scheduler is a side that runs.
type scheduler struct {
	side
	*process
	address string
	client  *http.Client
}

// startScheduler starts a side and waits until it has seen all nodes and is at rest.
func (b *bench) startScheduler(ctx context.Context, c *controlPlane, s side, nodes int) (_ *scheduler, err error) {
	document, err := s.configure(c.kubeconfig)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(b.dir, s.name+".yaml")
	if err := os.WriteFile(path, document, 0o600); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	program := b.programs.peers
	if s.name == ours.name {
		program = b.programs.ours
	}
	p, err := start(ctx, b.dir, program, "--config="+path, "--bind-address=127.0.0.1", "--secure-port="+port,
		"--authentication-skip-lookup", "--authorization-always-allow-paths=/readyz,/metrics,/debug/pprof/*")
	if err != nil {
		return nil, err
	}
	run := &scheduler{side: s, process: p, address: "https://127.0.0.1:" + port, client: &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, //nolint:gosec // it made its certificate a moment ago
	}}
	err = await(ctx, s.name+" has seen all nodes", 2*time.Minute, func() bool {
		m, err := run.metrics(ctx)
		return err == nil && m.gauge("scheduler_cache_size", `type="nodes"`) >= float64(nodes)
	})
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, p.tail())
		p.kill()
		return nil, err
	}
	return run, nil
}

// get is the body of a path that the scheduler serves.
func (s *scheduler) get(ctx context.Context, path string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.address+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("get %s: %s", path, response.Status)
	}
	return response.Body, nil
}

// metrics are what the scheduler measures of itself.
func (s *scheduler) metrics(ctx context.Context) (metrics, error) {
	body, err := s.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return parseMetrics(body)
}

// profile writes the scheduler's CPU profile of some seconds to a file of the directory, if there is one.
func (s *scheduler) profile(ctx context.Context, dir, name string, seconds int) error {
	if dir == "" {
		return nil
	}
	body, err := s.get(ctx, fmt.Sprintf("/debug/pprof/profile?seconds=%d", seconds))
	if err != nil {
		return err
	}
	defer body.Close()
	file, err := os.Create(filepath.Join(dir, name+".pprof"))
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(file, body)
	return err
}
