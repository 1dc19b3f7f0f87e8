// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/podspec"
)

// PodGate says whether a caller may have pods made.
type PodGate interface {
	// Admit refuses pods of a definition with all overrides merged, that an operation would have made for jobs in a queue
	// of these compute environments, or of none as yet. A refusal is a *batch.Error.
	Admit(ctx context.Context, call batch.Call, operation string, environments []string, spec podspec.Spec) error
}

// admit asks the gate, if there is one, about the pods of a definition and a job.
func (s *Service) admit(ctx context.Context, call batch.Call, operation string, environments []string, def *batch.JobDefinition, job batch.Job) error {
	if s.cfg.Gate == nil {
		return nil
	}
	spec, err := podspec.Merge(*def, job)
	if err != nil {
		return err
	}
	return s.cfg.Gate.Admit(ctx, call, operation, environments, spec)
}

func environmentNames(queue *batch.JobQueue) []string {
	names := make([]string, len(queue.Environments))
	for i, e := range queue.Environments {
		names[i] = e.Name
	}
	return names
}
