// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"errors"

	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

const terminationsPerCall = 500 // EC2: at most 1000, and fewer are advised

// Terminate implements fleet.Fleet. An instance is gone when EC2 shuts it down: from then on it costs nothing.
func (f *Fleet) Terminate(ctx context.Context, ids []string) error {
	var errs []error
	for len(ids) > 0 {
		n := min(len(ids), terminationsPerCall)
		errs = append(errs, f.terminate(ctx, ids[:n]))
		ids = ids[n:]
	}
	return errors.Join(errs...)
}

func (f *Fleet) terminate(ctx context.Context, ids []string) error {
	err := f.end(ctx, ids)
	if refused := (*fleet.RefusedError)(nil); errors.As(err, &refused) && refused.Code == codeInstanceNotFound {
		return f.terminateKnown(ctx, ids) // EC2 has ended none of them
	}
	return err
}

// terminateKnown ends those instances that EC2 knows, and those that it launched a moment ago and may know by now: they are
// not gone because EC2 does not know them yet.
func (f *Fleet) terminateKnown(ctx context.Context, ids []string) error {
	known, err := f.lookup(ctx, ids)
	if err != nil {
		return err
	}
	var left, unseen []string
	for _, id := range ids {
		i, ok := known[id]
		switch {
		case ok && isAlive(&i):
			left = append(left, id)
		case !ok && f.recent.isUnseen(id):
			unseen = append(unseen, id)
		}
	}
	return errors.Join(f.end(ctx, left), f.end(ctx, unseen))
}

func (f *Fleet) end(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	err := crashpoint.Around("ec2/terminate", func() error {
		_, err := f.api.TerminateInstances(ctx, &awsec2.TerminateInstancesInput{InstanceIds: ids})
		return err
	})
	if err != nil {
		return explain("terminate instances", "", err)
	}
	f.recent.end(ids)
	return nil
}
