// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"cmp"
	"errors"
	"time"

	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/podspec"
)

// Config are the limits of a Service. The zero value is AWS Batch's.
type Config struct {
	// MaxSubmissionBytes bounds what varies in a SubmitJob request: names, parameters, tags, retry strategy and overrides.
	// 0 means 30 KiB, AWS Batch's limit.
	MaxSubmissionBytes int
	// MaxDefinitionBytes bounds a job definition as JSON. 0 means 24 KiB, AWS Batch's limit.
	MaxDefinitionBytes int
	// MaxListScan bounds how many jobs one filtered ListJobs looks at before it answers with what it found and a token to
	// go on. 0 means 1000.
	MaxListScan int
	// MaxArraySize bounds the children of an array job. 0 means 10,000, AWS Batch's limit.
	MaxArraySize int
	// MaxDependencies bounds a job's dependsOn. 0 means 20, AWS Batch's limit.
	MaxDependencies int
	// MaxNodes bounds the nodes of a multi-node job. 0 means 1,000, AWS Batch's limit.
	MaxNodes int
	// Pod says what definitions may name that only AWS has: roles, file systems.
	Pod podspec.Options
	// Gate says whether callers may have their pods made. Default: they may.
	Gate PodGate
	// Look looks at pods that wait for a node. Default: nobody does.
	Look PodLook
	// Nodes looks at the nodes of unmanaged environments. Default: nobody does.
	Nodes NodeLook
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() (Config, error) {
	if min(c.MaxSubmissionBytes, c.MaxDefinitionBytes, c.MaxListScan, c.MaxArraySize, c.MaxDependencies, c.MaxNodes) < 0 {
		return c, errors.New("limits must not be negative")
	}
	c.MaxSubmissionBytes = cmp.Or(c.MaxSubmissionBytes, 30<<10)
	c.MaxDefinitionBytes = cmp.Or(c.MaxDefinitionBytes, 24<<10)
	c.MaxListScan = cmp.Or(c.MaxListScan, 1000)
	c.MaxArraySize = cmp.Or(c.MaxArraySize, 10_000)
	c.MaxDependencies = cmp.Or(c.MaxDependencies, 20)
	c.MaxNodes = cmp.Or(c.MaxNodes, 1000)
	return c, nil
}

// Service is the Batch API without its wire. Its methods may be called at the same time.
type Service struct {
	environments EnvironmentStore
	queues       QueueStore
	definitions  DefinitionStore
	targets      TargetStore
	jobs         JobStore
	arrays       ArrayStore
	dependencies DependencyStore
	waiting      WaitingStore
	policies     PolicyStore
	consumables  ConsumableStore
	consumers    ConsumerStore
	revisions    RevisionStore
	front        FrontStore
	shapes       shapes
	clock        clock.PassiveClock
	cfg          Config
}

// New makes a Service over its store.
func New(store Store, clk clock.PassiveClock, cfg Config) (*Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Service{
		environments: store, queues: store, definitions: store, targets: store, jobs: store, arrays: store, dependencies: store,
		waiting: store, policies: store, consumables: store, consumers: store, revisions: store, front: store,
		shapes: newShapes(), clock: clk, cfg: cfg,
	}, nil
}

// now is the time to the millisecond, which is what the API can say.
func (s *Service) now() time.Time { return time.UnixMilli(s.clock.Now().UnixMilli()).UTC() }
