// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"strings"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/podspec"
)

// RegisterJobDefinition stores a new revision, whether or not it differs from the last.
func (s *Service) RegisterJobDefinition(ctx context.Context, call batch.Call, in *awsapi.RegisterJobDefinitionRequest) (*awsapi.RegisterJobDefinitionResponse, error) {
	if err := s.checkNewDefinition(in); err != nil {
		return nil, err
	}
	def, err := newDefinition(in)
	if err != nil {
		return nil, err
	}
	if err := podspec.ValidateDefinition(def, s.podOptions()); err != nil {
		return nil, err
	}
	if err := s.admit(ctx, call, "RegisterJobDefinition", nil, &def, batch.Job{}); err != nil {
		return nil, err
	}
	if def, err = s.definitions.RegisterDefinition(ctx, def); err != nil {
		return nil, err
	}
	return &awsapi.RegisterJobDefinitionResponse{
		JobDefinitionName: &def.Name,
		JobDefinitionArn:  new(call.ARN(batch.ARNJobDefinition, def.Ref().String())),
		Revision:          &def.Revision,
	}, nil
}

// podOptions are what definitions are checked against.
func (s *Service) podOptions() podspec.Options {
	opts := s.cfg.Pod
	opts.MaxNodes = s.cfg.MaxNodes
	return opts
}

// DeregisterJobDefinition makes one revision INACTIVE: it takes no more jobs and stays readable. AWS Batch: jobs under way
// go on.
func (s *Service) DeregisterJobDefinition(ctx context.Context, _ batch.Call, in *awsapi.DeregisterJobDefinitionRequest) (*awsapi.DeregisterJobDefinitionResponse, error) {
	id := value(in.JobDefinition)
	ref, err := definitionRef(id)
	if err != nil {
		return nil, err
	}
	if ref.Revision == 0 {
		return nil, batch.Invalidf("jobDefinition must name a revision: %s:<revision>", clip(id))
	}
	if err := s.definitions.DeregisterDefinition(ctx, ref); errors.Is(err, batch.ErrNotFound) {
		return nil, noDefinition(id)
	} else if err != nil {
		return nil, err
	}
	return &awsapi.DeregisterJobDefinitionResponse{}, nil
}

// definitionRef reads name, name:revision or an ARN of either.
func definitionRef(id string) (batch.DefinitionRef, error) {
	name, ok := batch.NameFromARN(batch.ARNJobDefinition, id)
	if !ok {
		return batch.DefinitionRef{}, noDefinition(id)
	}
	ref, err := batch.ParseDefinitionRef(name)
	if err != nil {
		return batch.DefinitionRef{}, noDefinition(id)
	}
	return ref, nil
}

// noDefinition is AWS Batch's answer, which differs by how the definition was named.
func noDefinition(id string) error {
	if strings.HasPrefix(id, "arn:") {
		return batch.Invalidf("JobDefinition %s not found.", clip(id))
	}
	return batch.Invalidf("JobDefinition name %s does not exist or is not in ACTIVE status", clip(id))
}

// checkNewDefinition checks all but the properties, which are podspec's.
func (s *Service) checkNewDefinition(in *awsapi.RegisterJobDefinitionRequest) error {
	if err := checkName(in.JobDefinitionName); err != nil {
		return err
	}
	if err := checkPlatform(in); err != nil {
		return err
	}
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	if err := checkPriority("schedulingPriority", in.SchedulingPriority); err != nil {
		return err
	}
	if err := checkRetry(in.RetryStrategy); err != nil {
		return err
	}
	if err := checkTimeout(in.Timeout); err != nil {
		return err
	}
	raw, err := rawOf(in)
	if err != nil {
		return err
	}
	if len(raw) > s.cfg.MaxDefinitionBytes {
		return batch.Invalidf("Job definition must be at most %d bytes", s.cfg.MaxDefinitionBytes)
	}
	return nil
}

// checkPlatform is AWS Batch's rule for platformCapabilities: none with eksProperties, Amazon EC2 or Fargate otherwise. It
// accepts propagateTags on anything, because clients send it.
func checkPlatform(in *awsapi.RegisterJobDefinitionRequest) error {
	if len(in.PlatformCapabilities) == 0 {
		return nil
	}
	if !isEmpty(in.EksProperties) {
		return batch.Invalidf("platformCapabilities is not applicable to a job definition with eksProperties")
	}
	if len(in.PlatformCapabilities) > 1 {
		return batch.Invalidf("platformCapabilities must have exactly 1 member: %s or %s", platformEC2, platformFargate)
	}
	if p := in.PlatformCapabilities[0]; p != platformEC2 && p != platformFargate {
		return refused("platformCapabilities " + p)
	}
	return nil
}
