// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

// errDown is what a store says that cannot be reached.
var errDown = errors.New("store is down")

// These are stores that cannot be reached.
type (
	downArrays       struct{ ArrayStore }
	downDependencies struct{ DependencyStore }
	downEnvironments struct{ EnvironmentStore }
	downWaiting      struct{ WaitingStore }
	downConsumables  struct{ ConsumableStore }
	downConsumers    struct{ ConsumerStore }

	downJobs        struct{ JobStore }
	downQueues      struct{ QueueStore }
	downTargets     struct{ TargetStore }
	downDefinitions struct{ DefinitionStore }
)

func (downJobs) Submit(context.Context, int, batch.Job) (batch.Job, error) {
	return batch.Job{}, errDown
}
func (downJobs) Jobs(context.Context, []string) ([]batch.Job, error) { return nil, errDown }
func (downJobs) ListJobs(context.Context, int, batch.JobStatus, string, int) ([]batch.Job, string, error) {
	return nil, "", errDown
}

func (downJobs) Transition(context.Context, string, func(batch.Job) (batch.Job, error)) (batch.Job, error) {
	return batch.Job{}, errDown
}

func (downArrays) ListChildren(context.Context, string, batch.JobStatus, int, int) ([]batch.Job, int, error) {
	return nil, 0, errDown
}

func (downDependencies) AddDependent(context.Context, string, batch.Dependent) (batch.Job, error) {
	return batch.Job{}, errDown
}

func (downEnvironments) Environments(context.Context) ([]batch.ComputeEnvironment, error) {
	return nil, errDown
}

func (downWaiting) Usage(context.Context, int) (map[string]int64, error) { return nil, errDown }

func (downConsumables) Consumable(context.Context, string) (batch.ConsumableResource, error) {
	return batch.ConsumableResource{}, errDown
}

func (downConsumers) ListConsumers(context.Context, int, string, string, int) ([]batch.Job, string, error) {
	return nil, "", errDown
}

func (downQueues) Queues(context.Context) ([]batch.JobQueue, error) { return nil, errDown }

func (downQueues) Queue(context.Context, string) (batch.JobQueue, error) {
	return batch.JobQueue{}, errDown
}

func (downTargets) Remembered(string, batch.DefinitionRef) (batch.Target, bool) {
	return batch.Target{}, false
}

func (downTargets) Target(context.Context, string, batch.DefinitionRef) (batch.JobQueue, batch.JobDefinition, error) {
	return batch.JobQueue{}, batch.JobDefinition{}, errDown
}

func (downDefinitions) Definition(context.Context, batch.DefinitionRef) (batch.JobDefinition, error) {
	return batch.JobDefinition{}, errDown
}

// parts are services that each miss one part of the store.
type parts struct {
	jobs, queues, targets, definitions, arrays, dependencies, environments, waiting, consumables, consumers *Service
}

func (f *fixture) without() parts {
	with := func(change func(*Service)) *Service {
		s := *f.Service
		change(&s)
		return &s
	}
	return parts{
		jobs:         with(func(s *Service) { s.jobs = downJobs{} }),
		queues:       with(func(s *Service) { s.queues = downQueues{} }),
		targets:      with(func(s *Service) { s.targets = downTargets{} }),
		definitions:  with(func(s *Service) { s.definitions = downDefinitions{} }),
		arrays:       with(func(s *Service) { s.arrays = downArrays{} }),
		dependencies: with(func(s *Service) { s.dependencies = downDependencies{} }),
		environments: with(func(s *Service) { s.environments = downEnvironments{} }),
		waiting:      with(func(s *Service) { s.waiting = downWaiting{} }),
		consumables:  with(func(s *Service) { s.consumables = downConsumables{} }),
		consumers:    with(func(s *Service) { s.consumers = downConsumers{} }),
	}
}

func TestStoreErrorsAreNotTheCallers(t *testing.T) {
	t.Parallel()
	f := newConsumableFixture(t)
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"c"}`)
	array := f.submitWith(t, `"arrayProperties":{"size":2}`)
	down := f.without()
	const (
		submit  = `{"jobName":"j","jobQueue":"q","jobDefinition":"c"}`
		holders = `{"consumableResource":"lic"}`
	)
	depends := `{"jobName":"j","jobQueue":"q","jobDefinition":"d",` + dependsOn(on(id)) + `}`
	job, stop := fmt.Sprintf(`{"jobs":[%q]}`, id), fmt.Sprintf(`{"jobId":%q,"reason":"r"}`, id)
	children := fmt.Sprintf(`{"arrayJobId":%q}`, array)
	cases := map[string]func() (string, error){
		"submit":                       func() (string, error) { return do(t, down.jobs.SubmitJob, submit) },
		"submit, queue and definition": func() (string, error) { return do(t, down.targets.SubmitJob, submit) },
		"submit, consumable resource":  func() (string, error) { return do(t, down.consumables.SubmitJob, submit) },
		"submit, find dependency":      func() (string, error) { return do(t, down.jobs.SubmitJob, depends) },
		"submit, register":             func() (string, error) { return do(t, down.dependencies.SubmitJob, depends) },
		"describe":                     func() (string, error) { return do(t, down.jobs.DescribeJobs, job) },
		"describe, its definition":     func() (string, error) { return do(t, down.definitions.DescribeJobs, job) },
		"describe, queues":             func() (string, error) { return do(t, down.queues.DescribeJobs, job) },
		"describe, environments":       func() (string, error) { return do(t, down.environments.DescribeJobs, job) },
		"describe, usage":              func() (string, error) { return do(t, down.waiting.DescribeJobs, job) },
		"describe, consumables":        func() (string, error) { return do(t, down.consumables.DescribeJobs, job) },
		"list":                         func() (string, error) { return do(t, down.jobs.ListJobs, `{"jobQueue":"q"}`) },
		"list, queue":                  func() (string, error) { return do(t, down.queues.ListJobs, `{"jobQueue":"q"}`) },
		"list, filtered":               func() (string, error) { return do(t, down.jobs.ListJobs, filter("JOB_NAME", "j")) },
		"list, of parent":              func() (string, error) { return do(t, down.jobs.ListJobs, children) },
		"list, children":               func() (string, error) { return do(t, down.arrays.ListJobs, children) },
		"consumers, resource":          func() (string, error) { return do(t, down.consumables.ListJobsByConsumableResource, holders) },
		"consumers, queues":            func() (string, error) { return do(t, down.queues.ListJobsByConsumableResource, holders) },
		"consumers":                    func() (string, error) { return do(t, down.consumers.ListJobsByConsumableResource, holders) },
		"cancel":                       func() (string, error) { return do(t, down.jobs.CancelJob, stop) },
		"terminate":                    func() (string, error) { return do(t, down.jobs.TerminateJob, stop) },
	}
	for name, call := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var refusal *batch.Error
			if _, err := call(); !errors.Is(err, errDown) || errors.As(err, &refusal) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// staleDependencies is a store whose jobs are gone by the time that anybody registers for them.
type staleDependencies struct{ DependencyStore }

func (staleDependencies) AddDependent(context.Context, string, batch.Dependent) (batch.Job, error) {
	return batch.Job{}, batch.ErrNotFound
}

func TestSubmitJobWhoseDependencyExpiresMeanwhile(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	id := f.submitWith(t, `"tags":{}`)
	f.dependencies = staleDependencies{}
	_, err := do(t, f.SubmitJob, `{"jobName":"j","jobQueue":"q","jobDefinition":"d",`+dependsOn(on(id))+`}`)
	wantRefusal(t, err, "dependsOn[0].jobId: Job "+id+" does not exist")
}
