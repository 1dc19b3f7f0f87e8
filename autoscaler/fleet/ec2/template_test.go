// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"encoding/base64"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func TestTemplateIsMadeOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	w.launched(w.request("token-1", 1))
	w.launched(w.request("token-2", 1))
	w.restart()
	w.launched(w.request("token-3", 1))
	if got := len(w.cloud.Templates()); got != 1 {
		t.Errorf("%d launch templates, want 1", got)
	}
	if got := w.cloud.Calls("CreateLaunchTemplate"); got != 1 {
		t.Errorf("CreateLaunchTemplate was called %d times, want 1", got)
	}
	w.env.SecurityGroups = []string{"sg-2"}
	w.launched(w.request("token-4", 1))
	if got := len(w.cloud.Templates()); got != 2 {
		t.Errorf("%d launch templates after a change, want 2", got)
	}
}

func TestDeletedTemplateIsMadeAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	w.launched(w.request("token-1", 1))
	w.cloud.DeleteTemplate(w.cloud.Templates()[0].Name)
	w.launched(w.request("token-2", 1))
	w.wantInstances(2)
}

func TestImages(t *testing.T) {
	t.Parallel()
	const eks, bottle = "/aws/service/eks/optimized-ami/", "/aws/service/bottlerocket/"
	two := []fleet.Image{{Type: "EKS_AL2023"}, {Type: "EKS_AL2023_NVIDIA", ID: "ami-2"}}
	cases := map[string]struct {
		images        []fleet.Image
		imageID       string
		instanceType  string
		template      *fleet.LaunchTemplate
		want          image
		wantParameter string
	}{
		"AL2023 is the default":             {wantParameter: eks + "1.33/amazon-linux-2023/x86_64/standard/recommended/image_id"},
		"with NVIDIA's driver for GPUs":     {instanceType: "g5.xlarge", wantParameter: eks + "1.33/amazon-linux-2023/x86_64/nvidia/recommended/image_id"},
		"of the architecture":               {instanceType: "c6g.large", wantParameter: eks + "1.33/amazon-linux-2023/arm64/standard/recommended/image_id"},
		"of a version of Kubernetes":        {images: []fleet.Image{{Type: "EKS_AL2023", KubernetesVersion: "1.31"}}, wantParameter: eks + "1.31/amazon-linux-2023/x86_64/standard/recommended/image_id"},
		"AL2":                               {images: []fleet.Image{{Type: "EKS_AL2"}}, want: image{bootstrap: bootstrapSh}, wantParameter: eks + "1.33/amazon-linux-2/recommended/image_id"},
		"Bottlerocket":                      {images: []fleet.Image{{Type: "EKS_BOTTLEROCKET"}}, want: image{bootstrap: bottlerocket}, wantParameter: bottle + "aws-k8s-1.33/x86_64/latest/image_id"},
		"of two the one without a driver":   {images: two, wantParameter: eks + "1.33/amazon-linux-2023/x86_64/standard/recommended/image_id"},
		"of two the one with the driver":    {images: two, instanceType: "g5.xlarge", want: image{id: "ami-2", bootstrap: nodeadm}},
		"imageId":                           {imageID: "ami-1", want: image{id: "ami-1", bootstrap: nodeadm}},
		"imageIdOverride goes first":        {imageID: "ami-1", images: []fleet.Image{{Type: "EKS_AL2023", ID: "ami-3"}}, want: image{id: "ami-3", bootstrap: nodeadm}},
		"an image of one's own":             {images: []fleet.Image{{Type: "mine", ID: "ami-4"}}, want: image{id: "ami-4", bootstrap: bootstrapSh}},
		"an image of one's own for nodeadm": {images: []fleet.Image{{Type: "mine", ID: "ami-4"}}, template: &fleet.LaunchTemplate{UserdataType: "EKS_NODEADM"}, want: image{id: "ami-4", bootstrap: nodeadm}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ec2fake.Config{})
			if tc.instanceType == "" {
				tc.instanceType = "c5.large"
			}
			types, err := w.InstanceTypes(t.Context(), []string{tc.instanceType})
			if err != nil {
				t.Fatal(err)
			}
			r := fleet.LaunchRequest{Type: types[0]}
			r.Environment.Resources.Images, r.Environment.Resources.ImageID = tc.images, tc.imageID
			if tc.wantParameter != "" {
				tc.want.parameter = tc.wantParameter
				if tc.want.bootstrap == "" {
					tc.want.bootstrap = nodeadm
				}
			}
			got, err := imageOf(&r, tc.template, &Cluster{Version: "1.33"})
			if err != nil || got != tc.want {
				t.Errorf("imageOf = %+v, %v; want %+v", got, err, tc.want)
			}
		})
	}
	r := fleet.LaunchRequest{}
	r.Environment.Resources.Images = []fleet.Image{{Type: "mine"}}
	if _, err := imageOf(&r, nil, &Cluster{}); fleet.ClassOf(err) != fleet.BadRequest {
		t.Errorf("an image that nobody knows: %v", err)
	}
}

// ownTemplate makes a launch template of the user's.
func (w *world) ownTemplate(name string, data *ec2types.RequestLaunchTemplateData) {
	w.t.Helper()
	_, err := w.api.(*Client).CreateLaunchTemplate(w.t.Context(), &awsec2.CreateLaunchTemplateInput{
		LaunchTemplateName: aws.String(name), LaunchTemplateData: data,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// made is the content of the launch template that the fleet made.
func (w *world) made() *ec2types.ResponseLaunchTemplateData {
	w.t.Helper()
	for _, template := range w.cloud.Templates() {
		if template.Tags[tagCluster] == "" {
			continue
		}
		out, err := w.api.DescribeLaunchTemplateVersions(w.t.Context(), &awsec2.DescribeLaunchTemplateVersionsInput{
			LaunchTemplateName: aws.String(template.Name), Versions: []string{"1"},
		})
		if err != nil {
			w.t.Fatal(err)
		}
		return out.LaunchTemplateVersions[0].LaunchTemplateData
	}
	w.t.Fatal("no launch template was made")
	return nil
}

var ignoreSerde = cmpopts.IgnoreUnexported(
	ec2types.ResponseLaunchTemplateData{}, ec2types.LaunchTemplateBlockDeviceMapping{}, ec2types.LaunchTemplateEbsBlockDevice{},
	ec2types.LaunchTemplateIamInstanceProfileSpecification{}, ec2types.LaunchTemplateInstanceMetadataOptions{},
	ec2types.LaunchTemplatePlacement{},
)

func TestTemplateWithoutOneOfTheUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	w.env.KeyPair, w.env.PlacementGroup, w.env.InstanceRole = "key", "pg", "arn:aws:iam::1:instance-profile/node"
	w.launched(w.request("token", 1))
	got := w.made()
	got.UserData = nil
	want := &ec2types.ResponseLaunchTemplateData{
		ImageId: aws.String(ec2fake.ImageOf("/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/image_id")),
		KeyName: aws.String("key"), SecurityGroupIds: []string{"sg-1"},
		IamInstanceProfile: &ec2types.LaunchTemplateIamInstanceProfileSpecification{Arn: aws.String(w.env.InstanceRole)},
		Placement:          &ec2types.LaunchTemplatePlacement{GroupName: aws.String("pg")},
		MetadataOptions: &ec2types.LaunchTemplateInstanceMetadataOptions{
			HttpTokens: "required", HttpPutResponseHopLimit: aws.Int32(1),
		},
		BlockDeviceMappings: []ec2types.LaunchTemplateBlockDeviceMapping{{
			DeviceName: aws.String("/dev/xvda"),
			Ebs: &ec2types.LaunchTemplateEbsBlockDevice{
				VolumeSize: aws.Int32(80), VolumeType: "gp3", Encrypted: aws.Bool(true), DeleteOnTermination: aws.Bool(true),
			},
		}},
	}
	if diff := cmp.Diff(want, got, ignoreSerde); diff != "" {
		t.Errorf("template mismatch (-want +got):\n%s", diff)
	}
}

func TestNodesNeedARole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	w.env.InstanceRole = ""
	if _, err := w.Launch(t.Context(), w.request("token-1", 1)); fleet.ClassOf(err) != fleet.BadRequest {
		t.Errorf("Launch without a role: %v", err)
	}
	w.cfg.InstanceRole = "of-all"
	w.launched(w.request("token-2", 1))
	if got := aws.ToString(w.made().IamInstanceProfile.Name); got != "of-all" {
		t.Errorf("instance profile = %q", got)
	}
}

func TestTemplateOverOneOfTheUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	w.ownTemplate("own", &ec2types.RequestLaunchTemplateData{
		InstanceType: "m5.large", KeyName: aws.String("theirs"), SecurityGroupIds: []string{"sg-own"}, EbsOptimized: aws.Bool(true),
		UserData: aws.String(base64.StdEncoding.EncodeToString([]byte("#!/bin/bash\necho own\n"))),
		BlockDeviceMappings: []ec2types.LaunchTemplateBlockDeviceMappingRequest{{
			DeviceName: aws.String("/dev/xvda"), Ebs: &ec2types.LaunchTemplateEbsBlockDeviceRequest{VolumeSize: aws.Int32(500)},
		}},
	})
	w.ownTemplate("other", &ec2types.RequestLaunchTemplateData{KeyName: aws.String("other")})
	w.env.Templates = []fleet.LaunchTemplate{{Name: "other", InstanceTypes: []string{"m5"}}, {Name: "own", Version: "$Latest"}}
	w.launched(w.request("token", 1))
	got := w.made()
	if got.InstanceType != "" || aws.ToString(got.KeyName) != "theirs" || !aws.ToBool(got.EbsOptimized) ||
		!cmp.Equal(got.SecurityGroupIds, []string{"sg-own"}) || aws.ToInt32(got.BlockDeviceMappings[0].Ebs.VolumeSize) != 500 {
		t.Errorf("template = %+v", got)
	}
	user, err := base64.StdEncoding.DecodeString(aws.ToString(got.UserData))
	if err != nil {
		t.Fatal(err)
	}
	parts, err := split(string(user))
	if err != nil || len(parts) != 2 || parts[0].content != "#!/bin/bash\necho own\n" || parts[1].contentType != "application/node.eks.aws" {
		t.Errorf("user data has parts %+v, %v", parts, err)
	}
}

func TestSecurityGroupsGoToInterfacesIfThereAreAny(t *testing.T) {
	t.Parallel()
	data := &ec2types.RequestLaunchTemplateData{NetworkInterfaces: []ec2types.LaunchTemplateInstanceNetworkInterfaceSpecificationRequest{
		{SubnetId: aws.String("subnet")}, {Groups: []string{"sg-own"}},
	}}
	apply(data, &fleet.Resources{SecurityGroups: []string{"sg-1"}}, "")
	n := data.NetworkInterfaces
	if len(data.SecurityGroupIds) != 0 || n[0].SubnetId != nil || n[0].Groups[0] != "sg-1" || n[1].Groups[0] != "sg-own" {
		t.Errorf("data = %+v", data)
	}
}

// A launch template is copied field by field; none may be lost on the way.
func TestTemplatesAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	missing := fieldsMissing(reflect.TypeFor[ec2types.ResponseLaunchTemplateData](), reflect.TypeFor[ec2types.RequestLaunchTemplateData](), "")
	// EC2 tells these and does not take them: the state of a change, whether an address is the primary one, who manages.
	want := []string{"MetadataOptions.State", "NetworkInterfaces.Ipv6Addresses.IsPrimaryIpv6", "Operator.Managed"}
	if diff := cmp.Diff(want, missing); diff != "" {
		t.Errorf("fields that are lost (-want +got):\n%s", diff)
	}
}

func fieldsMissing(read, write reflect.Type, path string) []string {
	for read.Kind() == reflect.Pointer || read.Kind() == reflect.Slice {
		read, write = read.Elem(), write.Elem()
	}
	if read.Kind() != reflect.Struct {
		return nil
	}
	var out []string
	for f := range read.Fields() {
		if !f.IsExported() {
			continue
		}
		w, ok := write.FieldByName(f.Name)
		if !ok {
			out = append(out, path+f.Name)
			continue
		}
		out = append(out, fieldsMissing(f.Type, w.Type, path+f.Name+".")...)
	}
	return out
}

func TestInstanceBecomesTheNodeThatWasAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	r := w.request("token", 1)
	got := w.launched(r)[0]
	instance := w.cloud.Instances()[0]
	node, err := w.cloud.NodeOf(&instance)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range r.Labels {
		if node.Labels[key] != value {
			t.Errorf("label %s = %q, want %q", key, node.Labels[key], value)
		}
	}
	if node.Labels[batchmeta.NodeGroup] == "" || node.Spec.ProviderID != got.ProviderID {
		t.Errorf("labels %v, provider id %s", node.Labels, node.Spec.ProviderID)
	}
	if diff := cmp.Diff(r.Taints, node.Spec.Taints); diff != "" {
		t.Errorf("taints mismatch (-want +got):\n%s", diff)
	}
}
