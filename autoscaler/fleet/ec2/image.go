// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/instancetype"
)

// bootstrap is how a machine is told what node to become.
type bootstrap string

const (
	nodeadm      bootstrap = "nodeadm"      // Amazon Linux 2023: a NodeConfig
	bootstrapSh  bootstrap = "bootstrap"    // Amazon Linux 2: a shell script
	bottlerocket bootstrap = "bottlerocket" // settings in TOML
)

// family is a kind of images that is published for EKS.
type family struct {
	bootstrap bootstrap
	nvidia    bool
	// parameter is the public parameter that names the newest image, of a version of Kubernetes, an architecture.
	parameter func(version, arch string) string
}

func optimized(path func(arch string) string) func(version, arch string) string {
	return func(version, arch string) string {
		return fmt.Sprintf("/aws/service/eks/optimized-ami/%s/%s/recommended/image_id", version, path(arch))
	}
}

func bottlerocketOf(variant string) func(version, arch string) string {
	return func(version, arch string) string {
		return fmt.Sprintf("/aws/service/bottlerocket/aws-k8s-%s%s/%s/latest/image_id", version, variant, arch)
	}
}

// families are those of ec2Configuration's imageType. AWS Batch has no Bottlerocket on EKS; we do.
var families = map[string]family{
	"EKS_AL2023":        {nodeadm, false, optimized(func(arch string) string { return "amazon-linux-2023/" + arch + "/standard" })},
	"EKS_AL2023_NVIDIA": {nodeadm, true, optimized(func(arch string) string { return "amazon-linux-2023/" + arch + "/nvidia" })},
	"EKS_AL2": {bootstrapSh, false, optimized(func(arch string) string {
		if arch == "arm64" {
			return "amazon-linux-2-arm64"
		}
		return "amazon-linux-2"
	})},
	"EKS_AL2_NVIDIA":          {bootstrapSh, true, optimized(func(string) string { return "amazon-linux-2-gpu" })},
	"EKS_BOTTLEROCKET":        {bottlerocket, false, bottlerocketOf("")},
	"EKS_BOTTLEROCKET_NVIDIA": {bottlerocket, true, bottlerocketOf("-nvidia")},
}

// image is what machines of a launch run.
type image struct {
	id        string // empty if the parameter names it
	parameter string
	bootstrap bootstrap
}

// imageOf chooses the image: of two entries of ec2Configuration, machines with GPUs run the one for NVIDIA's and all others
// the other. Without any, AWS Batch's defaults are EKS_AL2023 and EKS_AL2023_NVIDIA.
func imageOf(r *fleet.LaunchRequest, t *fleet.LaunchTemplate, c *Cluster) (image, error) {
	res := &r.Environment.Resources
	config := fleet.Image{Type: "EKS_AL2023"}
	if r.Type.GPUs > 0 {
		config.Type = "EKS_AL2023_NVIDIA"
	}
	for i, entry := range res.Images {
		if i == 0 || families[entry.Type].nvidia == (r.Type.GPUs > 0) {
			config = entry
		}
	}
	known, ok := families[config.Type]
	out := image{id: cmp.Or(config.ID, res.ImageID), bootstrap: known.bootstrap}
	if !ok {
		out.bootstrap = bootstrapSh // AWS Batch: the default of images of one's own
	}
	if t != nil && t.UserdataType != "" {
		out.bootstrap = bootstrapSh
		if t.UserdataType == "EKS_NODEADM" {
			out.bootstrap = nodeadm
		}
	}
	switch {
	case out.id != "":
		return out, nil
	case !ok:
		return image{}, invalid("imageType %s has no imageIdOverride, and EKS publishes none of that name", config.Type)
	}
	out.parameter = known.parameter(cmp.Or(config.KubernetesVersion, c.Version), archOf(&r.Type))
	return out, nil
}

func archOf(t *instancetype.Type) string {
	if t.Architecture == instancetype.ARM64 {
		return "arm64"
	}
	return "x86_64"
}

// resolve is the image's id: of one that is named by a parameter what the environment's machines run already, else the newest.
func (f *Fleet) resolve(ctx context.Context, r *fleet.LaunchRequest, i *image) (string, error) {
	if i.id != "" {
		return i.id, nil
	}
	id, err := f.keptImage(ctx, r, i)
	if id != "" || err != nil {
		return id, err
	}
	id, err = f.platform.Parameter(ctx, i.parameter)
	if err != nil {
		return "", fmt.Errorf("find image %s: %w", i.parameter, err)
	}
	if !strings.HasPrefix(id, "ami-") {
		return "", invalid("parameter %s is %q and names no image", i.parameter, id)
	}
	return id, nil
}

// rootDevice is the name of the device that pods' disks are on.
func (f *Fleet) rootDevice(ctx context.Context, i *image, id string) (string, error) {
	out, err := f.api.DescribeImages(ctx, &awsec2.DescribeImagesInput{ImageIds: []string{id}})
	if err != nil {
		return "", explain("describe image "+id, "", err)
	}
	if len(out.Images) == 0 {
		return "", invalid("image %s does not exist", id)
	}
	if i.bootstrap == bottlerocket {
		return "/dev/xvdb", nil // its root is the system alone
	}
	return cmp.Or(aws.ToString(out.Images[0].RootDeviceName), "/dev/xvda"), nil
}
