// SPDX-License-Identifier: Apache-2.0

package config

import (
	_ "embed"
	"fmt"

	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	"sigs.k8s.io/yaml"
)

//go:embed scheduler.yaml
var embedded string

// Default returns the built-in KubeSchedulerConfiguration as YAML.
func Default() []byte { return []byte(embedded) }

// WithKubeconfig returns a KubeSchedulerConfiguration that connects to the API server by a kubeconfig file. kube-scheduler
// itself ignores its --kubeconfig flag when it reads a configuration.
func WithKubeconfig(document []byte, path string) ([]byte, error) {
	var cfg schedulerv1.KubeSchedulerConfiguration
	if err := yaml.UnmarshalStrict(document, &cfg); err != nil {
		return nil, fmt.Errorf("read scheduler configuration: %w", err)
	}
	cfg.ClientConnection.Kubeconfig = path
	out, err := yaml.Marshal(&cfg)
	if err != nil {
		return nil, fmt.Errorf("write scheduler configuration: %w", err)
	}
	return out, nil
}
