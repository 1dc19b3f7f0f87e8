// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/muster-batch/muster/autoscaler/fleet"
)

// codeDryRun is EC2's answer to a dry run that would have gone well.
const codeDryRun = "DryRunOperation"

var _ fleet.Examiner = (*Fleet)(nil)

// Examine implements fleet.Examiner, by reads and by dry runs, which EC2 answers without doing anything.
func (f *Fleet) Examine(ctx context.Context, prospects []fleet.Prospect) []fleet.Finding {
	out := []fleet.Finding{f.examineCluster(ctx)}
	out = append(out, f.examinePermissions(ctx)...)
	for i := range prospects {
		out = append(out, f.examineEnvironment(ctx, &prospects[i].LaunchRequest)...)
	}
	return append(out, f.examineQuotas(ctx, prospects)...)
}

func (f *Fleet) examineCluster(ctx context.Context) fleet.Finding {
	_, err := f.platform.Cluster(ctx, f.cfg.Cluster)
	return finding("cluster "+f.cfg.Cluster+" of Amazon EKS", err)
}

// finding is what an error says of a thing.
func finding(subject string, err error) fleet.Finding {
	out := fleet.Finding{Subject: subject}
	if err == nil {
		return out
	}
	out.Problem, out.Remedy = err.Error(), remedyOf(err)
	switch fleet.ClassOf(err) {
	case fleet.Throttled, fleet.Unknown, fleet.NoCapacity, fleet.Quota:
		out.Note = true
	case fleet.BadRequest, fleet.Denied:
	}
	return out
}

// examinePermissions asks for each call whether it would be allowed.
func (f *Fleet) examinePermissions(ctx context.Context) []fleet.Finding {
	yes := aws.Bool(true)
	tags := tagged(tagList(map[string]string{tagCluster: f.cfg.Cluster}), ec2types.ResourceTypeLaunchTemplate)
	calls := []struct {
		action string
		call   func() error
	}{
		{"DescribeInstances", func() error {
			_, err := f.api.DescribeInstances(ctx, &awsec2.DescribeInstancesInput{DryRun: yes})
			return err
		}},
		{"DescribeInstanceTypes", func() error {
			_, err := f.api.DescribeInstanceTypes(ctx, &awsec2.DescribeInstanceTypesInput{DryRun: yes})
			return err
		}},
		{"DescribeSubnets", func() error {
			_, err := f.api.DescribeSubnets(ctx, &awsec2.DescribeSubnetsInput{DryRun: yes})
			return err
		}},
		{"DescribeImages", func() error {
			_, err := f.api.DescribeImages(ctx, &awsec2.DescribeImagesInput{DryRun: yes})
			return err
		}},
		{"DescribeLaunchTemplates", func() error {
			_, err := f.api.DescribeLaunchTemplates(ctx, &awsec2.DescribeLaunchTemplatesInput{DryRun: yes})
			return err
		}},
		{"CreateLaunchTemplate", func() error {
			_, err := f.api.CreateLaunchTemplate(ctx, &awsec2.CreateLaunchTemplateInput{
				DryRun: yes, LaunchTemplateName: aws.String("muster-doctor"), TagSpecifications: tags,
				LaunchTemplateData: &ec2types.RequestLaunchTemplateData{EbsOptimized: yes},
			})
			return err
		}},
		{"TerminateInstances", func() error { return f.tryTerminate(ctx) }},
	}
	var out []fleet.Finding
	for _, c := range calls {
		out = append(out, permission("permission ec2:"+c.action, c.call()))
	}
	return out
}

// tryTerminate asks about an instance that is there; without one, EC2 may say only that there is none.
func (f *Fleet) tryTerminate(ctx context.Context) error {
	id := "i-00000000000000000"
	if listed, err := f.List(ctx); err == nil && len(listed) > 0 {
		id = listed[0].ID
	}
	_, err := f.api.TerminateInstances(ctx, &awsec2.TerminateInstancesInput{DryRun: aws.Bool(true), InstanceIds: []string{id}})
	return err
}

// permission is what a dry run says of the right to call.
func permission(subject string, err error) fleet.Finding {
	code := codeOf(err)
	if code == codeDryRun || err == nil {
		return fleet.Finding{Subject: subject}
	}
	out := finding(subject, explain("dry run", "", err))
	out.Note = classOf(code) != fleet.Denied
	return out
}
