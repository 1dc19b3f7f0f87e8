// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// templateTags are those of a launch template. By the last two it is found again for its image.
func (f *Fleet) templateTags(r *fleet.LaunchRequest, i *image) []ec2types.Tag {
	tags := map[string]string{
		tagCluster: f.cfg.Cluster, batchmeta.ComputeEnvironmentUUID: r.Environment.UUID, batchmeta.NodeGroup: r.NodeGroup,
	}
	if i.parameter != "" {
		tags[tagImageParameter], tags[tagImageGeneration] = i.parameter, imageGeneration(r)
	}
	return tagList(tags)
}

func imageGeneration(r *fleet.LaunchRequest) string {
	return strconv.Itoa(max(r.Environment.Resources.ImageGeneration, 1))
}

// keptImage is what the environment's machines run already for the image's parameter; empty if there were none since it was
// told to take up the newest. AWS Batch: the image changes with updateToLatestImageVersion only.
func (f *Fleet) keptImage(ctx context.Context, r *fleet.LaunchRequest, i *image) (string, error) {
	pages := awsec2.NewDescribeLaunchTemplatesPaginator(f.api, &awsec2.DescribeLaunchTemplatesInput{Filters: []ec2types.Filter{
		filter("tag:"+tagCluster, f.cfg.Cluster), filter("tag:"+batchmeta.ComputeEnvironmentUUID, r.Environment.UUID),
		filter("tag:"+tagImageParameter, i.parameter), filter("tag:"+tagImageGeneration, imageGeneration(r)),
	}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", explain("find launch templates of image "+i.parameter, "", err)
		}
		for n := range page.LaunchTemplates {
			if id, err := f.imageIn(ctx, &page.LaunchTemplates[n]); id != "" || err != nil {
				return id, err
			}
		}
	}
	return "", nil
}

// imageIn is the image of a template of ours; empty if the template is gone by now.
func (f *Fleet) imageIn(ctx context.Context, t *ec2types.LaunchTemplate) (string, error) {
	out, err := f.api.DescribeLaunchTemplateVersions(ctx, &awsec2.DescribeLaunchTemplateVersionsInput{
		LaunchTemplateId: t.LaunchTemplateId, Versions: []string{"$Default"},
	})
	if strings.HasPrefix(codeOf(err), codesTemplateGone) {
		return "", nil
	}
	if err != nil {
		return "", explain("describe launch template "+aws.ToString(t.LaunchTemplateName), "", err)
	}
	for _, v := range out.LaunchTemplateVersions {
		if v.LaunchTemplateData != nil && aws.ToString(v.LaunchTemplateData.ImageId) != "" {
			return *v.LaunchTemplateData.ImageId, nil
		}
	}
	return "", nil
}
