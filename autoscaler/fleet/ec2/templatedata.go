// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/muster-batch/muster/autoscaler/fleet"
)

// diskGiB is the disk of a node. AWS Batch on EKS: 80 GiB; nodetemplate promises as much.
const diskGiB = 80

// templateData is what machines are made from: the user's launch template if there is one, and over it what the environment
// says.
func (f *Fleet) templateData(
	ctx context.Context, r *fleet.LaunchRequest, base *fleet.LaunchTemplate, i *image, c *Cluster,
) (*ec2types.RequestLaunchTemplateData, error) {
	data, err := f.baseData(ctx, base)
	if err != nil {
		return nil, err
	}
	if i.id == "" && i.parameter == "" {
		return nil, invalid("no image is named")
	}
	id, err := f.resolve(ctx, r, i)
	if err != nil {
		return nil, err
	}
	own, err := base64.StdEncoding.DecodeString(aws.ToString(data.UserData))
	if err != nil {
		return nil, invalid("the launch template's user data is not in base64")
	}
	user, err := userData(i.bootstrap, &nodeSpec{cluster: *c, labels: r.Labels, taints: r.Taints}, string(own))
	if err != nil {
		return nil, err
	}
	data.ImageId, data.UserData = aws.String(id), aws.String(user)
	if len(data.BlockDeviceMappings) == 0 {
		device, err := f.rootDevice(ctx, i, id)
		if err != nil {
			return nil, err
		}
		data.BlockDeviceMappings = disk(device)
	}
	apply(data, &r.Environment.Resources, f.roleOf(r))
	if data.IamInstanceProfile == nil {
		return nil, invalid("no instanceRole is named, and a node without a role cannot join")
	}
	return data, nil
}

func disk(device string) []ec2types.LaunchTemplateBlockDeviceMappingRequest {
	return []ec2types.LaunchTemplateBlockDeviceMappingRequest{{
		DeviceName: aws.String(device),
		Ebs: &ec2types.LaunchTemplateEbsBlockDeviceRequest{
			VolumeSize: aws.Int32(diskGiB), VolumeType: ec2types.VolumeTypeGp3, Encrypted: aws.Bool(true), DeleteOnTermination: aws.Bool(true),
		},
	}}
}

// apply puts the environment's words over the template's, and takes out what only a launch decides.
func apply(data *ec2types.RequestLaunchTemplateData, r *fleet.Resources, role string) {
	data.InstanceType, data.InstanceRequirements, data.InstanceMarketOptions = "", nil, nil
	if role != "" && (r.InstanceRole != "" || data.IamInstanceProfile == nil) {
		data.IamInstanceProfile = profile(role)
	}
	if r.KeyPair != "" {
		data.KeyName = aws.String(r.KeyPair)
	}
	if r.PlacementGroup != "" {
		if data.Placement == nil {
			data.Placement = &ec2types.LaunchTemplatePlacementRequest{}
		}
		data.Placement.GroupName, data.Placement.GroupId = aws.String(r.PlacementGroup), nil
	}
	if data.MetadataOptions == nil { // pods have no business with the node's role
		data.MetadataOptions = &ec2types.LaunchTemplateInstanceMetadataOptionsRequest{
			HttpTokens: ec2types.LaunchTemplateHttpTokensStateRequired, HttpPutResponseHopLimit: aws.Int32(1),
		}
	}
	applyNetwork(data, r.SecurityGroups)
}

// applyNetwork says which security groups machines are in. EC2: they belong to the interfaces if there are any. AWS Batch: those
// of a launch template go first.
func applyNetwork(data *ec2types.RequestLaunchTemplateData, groups []string) {
	for i := range data.NetworkInterfaces {
		n := &data.NetworkInterfaces[i]
		n.SubnetId = nil
		if len(n.Groups) == 0 {
			n.Groups = groups
		}
	}
	if len(data.NetworkInterfaces) == 0 && len(data.SecurityGroupIds) == 0 && len(data.SecurityGroups) == 0 {
		data.SecurityGroupIds = groups
	}
}

// profile is an instance profile by name or ARN.
func profile(role string) *ec2types.LaunchTemplateIamInstanceProfileSpecificationRequest {
	if strings.HasPrefix(role, "arn:") {
		return &ec2types.LaunchTemplateIamInstanceProfileSpecificationRequest{Arn: aws.String(role)}
	}
	return &ec2types.LaunchTemplateIamInstanceProfileSpecificationRequest{Name: aws.String(role)}
}

// baseData is the content of the user's launch template, or nothing.
func (f *Fleet) baseData(ctx context.Context, base *fleet.LaunchTemplate) (*ec2types.RequestLaunchTemplateData, error) {
	if base == nil {
		return &ec2types.RequestLaunchTemplateData{}, nil
	}
	in := &awsec2.DescribeLaunchTemplateVersionsInput{Versions: []string{versionOf(base)}}
	if base.ID != "" {
		in.LaunchTemplateId = aws.String(base.ID)
	} else {
		in.LaunchTemplateName = aws.String(base.Name)
	}
	out, err := f.api.DescribeLaunchTemplateVersions(ctx, in)
	if err != nil {
		return nil, explain("describe launch template "+base.ID+base.Name, "", err)
	}
	if len(out.LaunchTemplateVersions) == 0 || out.LaunchTemplateVersions[0].LaunchTemplateData == nil {
		return nil, invalid("launch template %s has no version %s", base.ID+base.Name, versionOf(base))
	}
	return writable(out.LaunchTemplateVersions[0].LaunchTemplateData)
}

// versionOf is AWS Batch's default.
func versionOf(t *fleet.LaunchTemplate) string {
	if t.Version == "" {
		return "$Default"
	}
	return t.Version
}

// writable turns what EC2 says of a template into what it takes. The two have the same fields under the same names, all the
// way down, which a test holds them to.
func writable(read *ec2types.ResponseLaunchTemplateData) (*ec2types.RequestLaunchTemplateData, error) {
	doc, err := json.Marshal(read)
	if err != nil {
		return nil, fmt.Errorf("copy launch template: %w", err)
	}
	out := &ec2types.RequestLaunchTemplateData{}
	if err := json.Unmarshal(doc, out); err != nil {
		return nil, fmt.Errorf("copy launch template: %w", err)
	}
	return out, nil
}
