// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// CreateComputeEnvironment stores an environment with status CREATING; the leader makes it VALID or INVALID.
func (s *Service) CreateComputeEnvironment(ctx context.Context, call batch.Call, in *awsapi.CreateComputeEnvironmentRequest) (*awsapi.CreateComputeEnvironmentResponse, error) {
	if err := checkNewEnvironment(in); err != nil {
		return nil, err
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return nil, err
	}
	env, err := newEnvironment(in)
	if err != nil {
		return nil, err
	}
	env.UUID = id.String()
	if err := s.environments.CreateEnvironment(ctx, env); err != nil {
		return nil, existsAlready(err)
	}
	return &awsapi.CreateComputeEnvironmentResponse{
		ComputeEnvironmentName: &env.Name,
		ComputeEnvironmentArn:  new(call.ARN(batch.ARNComputeEnvironment, env.Name)),
	}, nil
}

// existsAlready words a store's refusal to create.
func existsAlready(err error) error {
	if errors.Is(err, batch.ErrExists) {
		return batch.Invalidf("Object already exists")
	}
	return err
}

func environmentName(e *batch.ComputeEnvironment) string { return e.Name }

// DescribeComputeEnvironments gives the environments asked for, or all by name, page by page.
func (s *Service) DescribeComputeEnvironments(ctx context.Context, call batch.Call, in *awsapi.DescribeComputeEnvironmentsRequest) (*awsapi.DescribeComputeEnvironmentsResponse, error) {
	envs, err := s.environments.Environments(ctx)
	if err != nil {
		return nil, err
	}
	out := &awsapi.DescribeComputeEnvironmentsResponse{}
	if len(in.ComputeEnvironments) > 0 {
		envs = picked(envs, environmentName, batch.ARNComputeEnvironment, in.ComputeEnvironments)
	} else if envs, out.NextToken, err = named(envs, environmentName, "computeEnvironments", in.MaxResults, in.NextToken); err != nil {
		return nil, err
	}
	out.ComputeEnvironments = make([]awsapi.ComputeEnvironmentDetail, len(envs))
	for i := range envs {
		if out.ComputeEnvironments[i], err = environmentDetail(call.Scope, &envs[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// UpdateComputeEnvironment changes the members given and sets the status UPDATING; the leader makes it VALID again, after an
// infrastructure update once no node of an earlier generation is left. Unlike AWS Batch, it may be called again meanwhile.
func (s *Service) UpdateComputeEnvironment(ctx context.Context, call batch.Call, in *awsapi.UpdateComputeEnvironmentRequest) (*awsapi.UpdateComputeEnvironmentResponse, error) {
	env, err := s.changeEnvironment(ctx, in.ComputeEnvironment, func(e *batch.ComputeEnvironment) error {
		if e.Status == batch.ResourceDeleting {
			return batch.Invalidf("Cannot update, resource is being deleted")
		}
		return updateEnvironment(e, in)
	})
	if err != nil {
		return nil, err
	}
	return &awsapi.UpdateComputeEnvironmentResponse{
		ComputeEnvironmentName: &env.Name,
		ComputeEnvironmentArn:  new(call.ARN(batch.ARNComputeEnvironment, env.Name)),
	}, nil
}

// DeleteComputeEnvironment sets the status DELETING; the leader ends what is left and removes the environment. A queue
// that is created for it at this very moment keeps a name that nothing answers to: the dispatcher treats such an
// environment as one without room, and the queue can be updated.
func (s *Service) DeleteComputeEnvironment(ctx context.Context, _ batch.Call, in *awsapi.DeleteComputeEnvironmentRequest) (*awsapi.DeleteComputeEnvironmentResponse, error) {
	queues, err := s.queues.Queues(ctx)
	if err != nil {
		return nil, err
	}
	_, err = s.changeEnvironment(ctx, in.ComputeEnvironment, func(e *batch.ComputeEnvironment) error {
		if e.Status == batch.ResourceDeleting {
			return nil
		}
		if e.State != batch.Disabled {
			return batch.Invalidf("Cannot delete, the state of compute environment %s must be DISABLED", e.Name)
		}
		for i := range queues {
			if queues[i].Uses(e.Name) {
				return batch.Invalidf("Cannot delete, found existing JobQueue relationship")
			}
		}
		e.Status = batch.ResourceDeleting
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &awsapi.DeleteComputeEnvironmentResponse{}, nil
}

// changeEnvironment updates the environment that a name or ARN means.
func (s *Service) changeEnvironment(ctx context.Context, id *string, change func(*batch.ComputeEnvironment) error) (batch.ComputeEnvironment, error) {
	name, ok := batch.NameFromARN(batch.ARNComputeEnvironment, value(id))
	if !ok {
		return batch.ComputeEnvironment{}, noEnvironment(value(id))
	}
	env, err := s.environments.UpdateEnvironment(ctx, name, change)
	if errors.Is(err, batch.ErrNotFound) {
		return env, noEnvironment(value(id))
	}
	return env, err
}

func noEnvironment(id string) error {
	return batch.Invalidf("ComputeEnvironment %s does not exist", clip(id))
}
