// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/muster-batch/muster/queue-api/batch"
)

func TestCreateComputeEnvironment(t *testing.T) {
	t.Parallel()
	const cr = `"computeResources":{"type":"EC2","maxvCpus":4,"instanceTypes":["optimal"]}`
	cases := map[string]struct {
		body, want string
	}{
		"managed on Amazon EKS": {
			body: `{"computeEnvironmentName":"ce","type":"MANAGED","tags":{"k":"v"},"context":"c","eksConfiguration":{"eksClusterArn":"arn:aws:eks:r:1:cluster/c","kubernetesNamespace":"jobs"},
				"computeResources":{"type":"SPOT","allocationStrategy":"SPOT_CAPACITY_OPTIMIZED","minvCpus":2,"maxvCpus":4,"instanceTypes":["c5","m5.large"],"subnets":["s"],"tags":{"a":"b"},"bidPercentage":60}}`,
			want: `{"computeEnvironmentName":"ce","type":"MANAGED","state":"ENABLED","status":"CREATING","tags":{"k":"v"},"context":"c","containerOrchestrationType":"EKS",
				"eksConfiguration":{"eksClusterArn":"arn:aws:eks:r:1:cluster/c","kubernetesNamespace":"jobs"},
				"computeResources":{"type":"SPOT","allocationStrategy":"SPOT_CAPACITY_OPTIMIZED","minvCpus":2,"maxvCpus":4,"desiredvCpus":2,"instanceTypes":["c5","m5.large"],"subnets":["s"],"tags":{"a":"b"},"bidPercentage":60},
				"serviceRole":"arn:aws:iam::111122223333:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"}`,
		},
		"an empty serviceRole is absent; without eksConfiguration it looks like Amazon ECS": {
			body: `{"computeEnvironmentName":"ce","type":"MANAGED","state":"DISABLED","serviceRole":"","tags":{},` + cr + `}`,
			want: `{"computeEnvironmentName":"ce","type":"MANAGED","state":"DISABLED","status":"CREATING","tags":{},"containerOrchestrationType":"ECS",
				"ecsClusterArn":"arn:aws:ecs:eu-west-1:111122223333:cluster/ce_Batch",
				"computeResources":{"type":"EC2","minvCpus":0,"maxvCpus":4,"desiredvCpus":0,"instanceTypes":["optimal"]},
				"serviceRole":"arn:aws:iam::111122223333:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"}`,
		},
		"unmanaged: computeResources are ignored": {
			body: `{"computeEnvironmentName":"ce","type":"UNMANAGED","unmanagedvCpus":64,"serviceRole":"r",` + cr + `}`,
			want: `{"computeEnvironmentName":"ce","type":"UNMANAGED","unmanagedvCpus":64,"state":"ENABLED","status":"CREATING","tags":{},"containerOrchestrationType":"ECS",
				"ecsClusterArn":"arn:aws:ecs:eu-west-1:111122223333:cluster/ce_Batch","serviceRole":"r"}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			wantJSON(t, `{"computeEnvironmentName":"ce","computeEnvironmentArn":"`+arnBase+`compute-environment/ce"}`, ok(t, f.CreateComputeEnvironment, tc.body))
			stored, err := f.store.Environment(t.Context(), "ce")
			if err != nil {
				t.Fatal(err)
			}
			if id, err := uuid.Parse(stored.UUID); err != nil || id.Version() != 4 {
				t.Errorf("uuid %q: not version 4", stored.UUID)
			}
			want := strings.TrimSuffix(tc.want, "}") + fmt.Sprintf(`,"uuid":%q,"computeEnvironmentArn":"%scompute-environment/ce"}`, stored.UUID, arnBase)
			wantJSON(t, `{"computeEnvironments":[`+want+`]}`, ok(t, f.DescribeComputeEnvironments, `{"computeEnvironments":["ce"]}`))
		})
	}
}

func TestCreateComputeEnvironmentRefuses(t *testing.T) {
	t.Parallel()
	managed := func(resources string) string {
		return `{"computeEnvironmentName":"ce","type":"MANAGED","computeResources":` + resources + `}`
	}
	eks := func(cluster, namespace string) string {
		return `{"computeEnvironmentName":"ce","type":"UNMANAGED","eksConfiguration":{"eksClusterArn":"` + cluster + `","kubernetesNamespace":"` + namespace + `"}}`
	}
	override := func(list string) string {
		return managed(`{"type":"EC2","maxvCpus":1,"instanceTypes":["c5"],"launchTemplate":{"launchTemplateId":"a","overrides":[` + list + `]}}`)
	}
	const overrides = "computeResources.launchTemplate.overrides"
	const namespaceRule = "eksConfiguration.kubernetesNamespace must have 1 to 63 lower case letters, digits and hyphens, and must not begin or end with a hyphen"
	cases := map[string]struct{ body, want string }{
		"name":                         {`{"computeEnvironmentName":"-x","type":"UNMANAGED"}`, "Provided name -x is not supported pattern[a-zA-Z_0-9-]{1,128}"},
		"long name":                    {`{"computeEnvironmentName":"` + strings.Repeat("a", 129) + `","type":"UNMANAGED"}`, "Provided name " + strings.Repeat("a", 129) + " is not supported pattern[a-zA-Z_0-9-]{1,128}"},
		"no type":                      {`{"computeEnvironmentName":"ce"}`, "type: is required"},
		"reserved tag":                 {`{"computeEnvironmentName":"ce","type":"UNMANAGED","tags":{"AWS:x":"y"}}`, "tags: keys that begin with aws: are reserved"},
		"ecsSettings":                  {`{"computeEnvironmentName":"ce","type":"UNMANAGED","ecsSettings":{"containerInsights":"ENABLED"}}`, "ecsSettings is not supported by this server"},
		"negative unmanagedvCpus":      {`{"computeEnvironmentName":"ce","type":"UNMANAGED","unmanagedvCpus":-1}`, "unmanagedvCpus must be at least 0"},
		"managed with unmanagedvCpus":  {`{"computeEnvironmentName":"ce","type":"MANAGED","unmanagedvCpus":1}`, "unmanagedvCpus can only be specified for an UNMANAGED compute environment"},
		"no computeResources":          {`{"computeEnvironmentName":"ce","type":"MANAGED"}`, "computeResources is required for a MANAGED compute environment"},
		"managed instances":            {managed(`{"type":"ECS_MANAGED_INSTANCES","maxvCpus":1}`), "computeResources.type ECS_MANAGED_INSTANCES is not supported by this server"},
		"maxvCpus 0":                   {managed(`{"type":"EC2","maxvCpus":0,"instanceTypes":["c5"]}`), "computeResources.maxvCpus must be at least 1"},
		"maxvCpus beyond 32 bits":      {managed(`{"type":"EC2","maxvCpus":3000000000,"instanceTypes":["c5"]}`), "computeResources.maxvCpus must be between 1 and 2147483647"},
		"min over max":                 {managed(`{"type":"EC2","minvCpus":2,"maxvCpus":1,"instanceTypes":["c5"]}`), "computeResources.minvCpus must not be greater than maxvCpus"},
		"negative min":                 {managed(`{"type":"EC2","minvCpus":-2,"maxvCpus":1,"instanceTypes":["c5"]}`), "computeResources.minvCpus must be at least 0"},
		"desired over max":             {managed(`{"type":"EC2","desiredvCpus":2,"maxvCpus":1,"instanceTypes":["c5"]}`), "computeResources.desiredvCpus must be between minvCpus and maxvCpus"},
		"no instance types":            {managed(`{"type":"EC2","maxvCpus":1,"instanceTypes":[]}`), "computeResources.instanceTypes must have at least one instance type"},
		"strange instance type":        {managed(`{"type":"EC2","maxvCpus":1,"instanceTypes":["c5 large"]}`), "Instance type can only be one of [optimal, default_x86_64, default_arm64, a family such as c5, a type such as c5.large]; c5 large is none"},
		"Spot strategy for EC2":        {managed(`{"type":"EC2","maxvCpus":1,"instanceTypes":["c5"],"allocationStrategy":"SPOT_CAPACITY_OPTIMIZED"}`), "computeResources.allocationStrategy SPOT_CAPACITY_OPTIMIZED is for type SPOT only"},
		"ordered strategy for Spot":    {managed(`{"type":"SPOT","maxvCpus":1,"instanceTypes":["c5"],"allocationStrategy":"BEST_FIT_PROGRESSIVE_ORDERED"}`), "computeResources.allocationStrategy BEST_FIT_PROGRESSIVE_ORDERED is for type EC2 only"},
		"unknown strategy":             {managed(`{"type":"EC2","maxvCpus":1,"allocationStrategy":"X"}`), "computeResources.allocationStrategy: must be one of BEST_FIT, BEST_FIT_PROGRESSIVE, BEST_FIT_PROGRESSIVE_ORDERED, SPOT_CAPACITY_OPTIMIZED, SPOT_PRICE_CAPACITY_OPTIMIZED, SPOT_CAPACITY_OPTIMIZED_PRIORITIZED"},
		"bidPercentage":                {managed(`{"type":"SPOT","maxvCpus":1,"instanceTypes":["c5"],"bidPercentage":101}`), "computeResources.bidPercentage must be between 0 and 100"},
		"launch template by two names": {managed(`{"type":"EC2","maxvCpus":1,"instanceTypes":["c5"],"launchTemplate":{"launchTemplateId":"a","launchTemplateName":"b"}}`), "computeResources.launchTemplate must have either launchTemplateId or launchTemplateName"},
		"override for no type":         {override(`{"launchTemplateId":"b"}`), overrides + "[0].targetInstanceTypes must have at least one instance type"},
		"override of no template":      {override(`{"targetInstanceTypes":["c5"]}`), overrides + "[0] must have either launchTemplateId or launchTemplateName"},
		"override for another type":    {override(`{"launchTemplateId":"b","targetInstanceTypes":["m5.large"]}`), overrides + "[0].targetInstanceTypes: m5.large is not among the instance types of the compute environment"},
		"override for optimal":         {override(`{"launchTemplateId":"b","targetInstanceTypes":["optimal"]}`), overrides + "[0].targetInstanceTypes: optimal is not an instance type or family"},
		"two overrides for a type":     {override(`{"launchTemplateId":"b","targetInstanceTypes":["c5.large"]},{"launchTemplateId":"d","targetInstanceTypes":["c5.xlarge","c5.large"]}`), overrides + "[1].targetInstanceTypes: c5.large is in two overrides"},
		"eleven overrides":             {override(strings.Repeat(`{},`, 10) + `{}`), overrides + " must have at most 10 entries"},
		"a bad template version":       {managed(`{"type":"EC2","maxvCpus":1,"instanceTypes":["c5"],"launchTemplate":{"launchTemplateId":"a","version":"$Newest"}}`), "computeResources.launchTemplate.version must be $Default, $Latest or a number, not $Newest"},
		"a bad version of Kubernetes":  {managed(`{"type":"EC2","maxvCpus":1,"instanceTypes":["c5"],"ec2Configuration":[{"imageType":"EKS_AL2023","imageKubernetesVersion":"v1.33"}]}`), "At least one imageKubernetesVersion in EC2Configuration is not supported."},
		"two architectures":            {managed(`{"type":"EC2","maxvCpus":1,"instanceTypes":["optimal","default_arm64"]}`), "computeResources.instanceTypes must be of one architecture"},
		"a reserved tag of instances":  {managed(`{"type":"EC2","maxvCpus":1,"instanceTypes":["c5"],"tags":{"aws:a":"b"}}`), "computeResources.tags: keys that begin with aws: are reserved"},
		"a reserved capacity tag":      {managed(`{"type":"EC2","maxvCpus":1,"instanceTypes":["c5"],"capacityTags":{"aws:a":"b"}}`), "computeResources.capacityTags: keys that begin with aws: are reserved"},
		"no maxvCpus for Fargate":      {managed(`{"type":"FARGATE"}`), "computeResources.maxvCpus: is required"},
		"scale-down delay":             {managed(`{"type":"EC2","maxvCpus":1,"instanceTypes":["c5"],"scalingPolicy":{"minScaleDownDelayMinutes":5}}`), "computeResources.scalingPolicy.minScaleDownDelayMinutes must be between 20 and 10080"},
		"three ec2Configurations":      {managed(`{"type":"EC2","maxvCpus":1,"instanceTypes":["c5"],"ec2Configuration":[{"imageType":"a"},{"imageType":"a"},{"imageType":"a"}]}`), "computeResources.ec2Configuration must have 1 or 2 entries"},
		"no cluster":                   {eks("local", "jobs"), "eksConfiguration.eksClusterArn must be the ARN of a cluster: arn:aws:eks:<region>:<account>:cluster/<name>"},
		"namespace default":            {eks("arn:aws:eks:r:1:cluster/c", "default"), "eksConfiguration.kubernetesNamespace must not be default and must not begin with kube-"},
		"namespace of Kubernetes":      {eks("arn:aws:eks:r:1:cluster/c", "kube-system"), "eksConfiguration.kubernetesNamespace must not be default and must not begin with kube-"},
		"namespace ends in a hyphen":   {eks("arn:aws:eks:r:1:cluster/c", "a-"), namespaceRule},
		"namespace of 64":              {eks("arn:aws:eks:r:1:cluster/c", strings.Repeat("a", 64)), namespaceRule},
		"an image of Amazon ECS on Amazon EKS": {
			strings.Replace(environmentBody("ce"), `"type":"EC2"`, `"type":"EC2","ec2Configuration":[{"imageType":"ECS_AL2023"}]`, 1),
			"computeResources.ec2Configuration[0].imageType must be one of EKS_AL2, EKS_AL2_NVIDIA, EKS_AL2023, EKS_AL2023_NVIDIA, EKS_BOTTLEROCKET, EKS_BOTTLEROCKET_NVIDIA",
		},
		"a role on Amazon EKS": {
			strings.Replace(environmentBody("ce"), `"type":"MANAGED"`, `"type":"MANAGED","serviceRole":"arn:aws:iam::1:role/mine"`, 1),
			"serviceRole must be absent or the service-linked role AWSServiceRoleForBatch for compute environments that use Amazon EKS resources",
		},
		"BEST_FIT on Amazon EKS": {
			strings.Replace(environmentBody("ce"), `"type":"EC2"`, `"type":"EC2","allocationStrategy":"BEST_FIT"`, 1),
			"computeResources.allocationStrategy BEST_FIT is not supported for compute environments that use Amazon EKS resources",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			_, err := do(t, f.CreateComputeEnvironment, tc.body)
			wantRefusal(t, err, tc.want)
			if left, _ := f.store.Environments(t.Context()); len(left) != 0 {
				t.Errorf("something was created: %v", left)
			}
		})
	}
	t.Run("a name that is taken", func(t *testing.T) {
		t.Parallel()
		f := newBusyFixture(t)
		_, err := do(t, f.CreateComputeEnvironment, environmentBody("ce"))
		wantRefusal(t, err, "Object already exists")
	})
}

func TestUpdateComputeEnvironment(t *testing.T) {
	t.Parallel()
	const full = `{"computeEnvironmentName":"ce","type":"MANAGED","computeResources":{"type":"EC2","minvCpus":1,"maxvCpus":8,"desiredvCpus":4,"instanceTypes":["c5"],"imageId":"ami",
		"ec2KeyPair":"key","subnets":["s1"],"securityGroupIds":["g1"],"tags":{"a":"b"},"launchTemplate":{"launchTemplateId":"lt","overrides":[{"launchTemplateId":"x","targetInstanceTypes":["c5"]}]}}}`
	cases := map[string]struct {
		update, want string // want is computeResources
	}{
		"only what is given changes": {
			update: `{"computeResources":{"maxvCpus":16}}`,
			want: `{"type":"EC2","minvCpus":1,"maxvCpus":16,"desiredvCpus":4,"instanceTypes":["c5"],"imageId":"ami","ec2KeyPair":"key","subnets":["s1"],"securityGroupIds":["g1"],"tags":{"a":"b"},
				"launchTemplate":{"launchTemplateId":"lt","overrides":[{"launchTemplateId":"x","targetInstanceTypes":["c5"]}]}}`,
		},
		"empty strings and lists clear": {
			update: `{"computeResources":{"ec2KeyPair":"","imageId":"","securityGroupIds":[],"launchTemplate":{"launchTemplateId":""},"tags":{}}}`,
			want:   `{"type":"EC2","minvCpus":1,"maxvCpus":8,"desiredvCpus":4,"instanceTypes":["c5"],"subnets":["s1"],"securityGroupIds":[],"tags":{}}`,
		},
		"a launch template is replaced whole": {
			update: `{"computeResources":{"launchTemplate":{"launchTemplateName":"n","overrides":[]},"instanceTypes":["m5"],"subnets":["s2"],"type":"SPOT","allocationStrategy":"SPOT_CAPACITY_OPTIMIZED"}}`,
			want: `{"type":"SPOT","allocationStrategy":"SPOT_CAPACITY_OPTIMIZED","minvCpus":1,"maxvCpus":8,"desiredvCpus":4,"instanceTypes":["m5"],"imageId":"ami","ec2KeyPair":"key","subnets":["s2"],
				"securityGroupIds":["g1"],"tags":{"a":"b"},"launchTemplate":{"launchTemplateName":"n","overrides":[]}}`,
		},
		"desiredvCpus follows its bounds": {
			update: `{"computeResources":{"minvCpus":6,"maxvCpus":7,"launchTemplate":{"launchTemplateName":""},"updateToLatestImageVersion":true}}`,
			want:   `{"type":"EC2","minvCpus":6,"maxvCpus":7,"desiredvCpus":6,"instanceTypes":["c5"],"imageId":"ami","ec2KeyPair":"key","subnets":["s1"],"securityGroupIds":["g1"],"tags":{"a":"b"}}`,
		},
		"desiredvCpus may be raised": {
			update: `{"computeResources":{"desiredvCpus":8,"launchTemplate":{"launchTemplateName":""}}}`,
			want:   `{"type":"EC2","minvCpus":1,"maxvCpus":8,"desiredvCpus":8,"instanceTypes":["c5"],"imageId":"ami","ec2KeyPair":"key","subnets":["s1"],"securityGroupIds":["g1"],"tags":{"a":"b"}}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			ok(t, f.CreateComputeEnvironment, full)
			wantJSON(t, `{"computeEnvironmentName":"ce","computeEnvironmentArn":"`+arnBase+`compute-environment/ce"}`,
				ok(t, f.UpdateComputeEnvironment, strings.Replace(tc.update, `{`, `{"computeEnvironment":"arn:aws:batch:us-east-1:1:compute-environment/ce",`, 1)))
			e, err := f.store.Environment(t.Context(), "ce")
			if err != nil {
				t.Fatal(err)
			}
			wantJSON(t, tc.want, string(e.ComputeResources))
			r := reply(t, f.DescribeComputeEnvironments, `{}`).ComputeEnvironments[0].ComputeResources
			if e.MinvCPUs != *r.MinvCpus || e.MaxvCPUs != *r.MaxvCpus || e.Status != batch.ResourceUpdating {
				t.Errorf("got %d to %d vCPUs, status %s", e.MinvCPUs, e.MaxvCPUs, e.Status)
			}
		})
	}
}

// Contract 6.6: a scaling update replaces nothing, an infrastructure update all instances.
func TestUpdateComputeEnvironmentStartsGenerations(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		update   string
		starts   bool // a generation
		newImage bool
	}{
		"vCPUs":                        {update: `"computeResources":{"minvCpus":1,"maxvCpus":9}`},
		"the scale-down delay":         {update: `"computeResources":{"scalingPolicy":{"minScaleDownDelayMinutes":20}}`},
		"the state":                    {update: `"state":"DISABLED"`},
		"the update policy":            {update: `"updatePolicy":{"terminateJobsOnUpdate":true}`},
		"what it is already":           {update: `"computeResources":{"maxvCpus":8,"instanceTypes":["c5"],"tags":{"a":"b"}}`},
		"no newest image":              {update: `"computeResources":{"updateToLatestImageVersion":false}`},
		"instance types":               {update: `"computeResources":{"instanceTypes":["m5"]}`, starts: true},
		"tags":                         {update: `"computeResources":{"tags":{"a":"c"}}`, starts: true},
		"a launch template":            {update: `"computeResources":{"maxvCpus":9,"launchTemplate":{"launchTemplateId":"lt"}}`, starts: true},
		"the newest image":             {update: `"computeResources":{"updateToLatestImageVersion":true}`, starts: true, newImage: true},
		"types and the newest image":   {update: `"computeResources":{"instanceTypes":["m5"],"updateToLatestImageVersion":true}`, starts: true, newImage: true},
		"subnets and a key pair":       {update: `"computeResources":{"subnets":["s2"],"ec2KeyPair":"k"}`, starts: true},
		"a strategy and what it costs": {update: `"computeResources":{"type":"SPOT","allocationStrategy":"SPOT_CAPACITY_OPTIMIZED","bidPercentage":50}`, starts: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			ok(t, f.CreateComputeEnvironment, `{"computeEnvironmentName":"ce","type":"MANAGED","tags":{"mine":"1"},"computeResources":{"type":"EC2","maxvCpus":8,
				"instanceTypes":["c5"],"allocationStrategy":"BEST_FIT_PROGRESSIVE","subnets":["s"],"tags":{"a":"b"}}}`)
			wantTags := map[string]string{"mine": "1"}
			for round := range 2 { // the second update gives what is there already, unless it asks for the newest image
				ok(t, f.UpdateComputeEnvironment, `{"computeEnvironment":"ce",`+tc.update+`}`)
				if tc.starts && (round == 0 || tc.newImage) {
					wantTags["aws:muster:generation"] = strconv.Itoa(round + 2)
				}
				if tc.newImage {
					wantTags["aws:muster:image-generation"] = strconv.Itoa(round + 2)
				}
				got := reply(t, f.DescribeComputeEnvironments, `{}`).ComputeEnvironments[0].Tags
				if diff := cmp.Diff(wantTags, got); diff != "" {
					t.Errorf("tags after update %d mismatch (-want +got):\n%s", round+1, diff)
				}
			}
			if e, _ := f.store.Environment(t.Context(), "ce"); len(e.Tags) != 1 {
				t.Errorf("the user's tags are %v", e.Tags)
			}
		})
	}
}

func TestUpdateComputeEnvironmentBesideResources(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	ok(t, f.UpdateComputeEnvironment, `{"computeEnvironment":"ce","state":"DISABLED","serviceRole":"arn:aws:iam::1:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch","context":"x","updatePolicy":{"terminateJobsOnUpdate":true}}`)
	ok(t, f.UpdateComputeEnvironment, `{"computeEnvironment":"ce","serviceRole":"","updatePolicy":{"jobExecutionTimeoutMinutes":5}}`)
	d := reply(t, f.DescribeComputeEnvironments, `{}`).ComputeEnvironments[0]
	if *d.State != "DISABLED" || *d.Status != "UPDATING" || *d.ServiceRole != "arn:aws:iam::1:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch" || *d.Context != "x" ||
		!*d.UpdatePolicy.TerminateJobsOnUpdate || *d.UpdatePolicy.JobExecutionTimeoutMinutes != 5 {
		t.Errorf("got %+v", d)
	}
	ok(t, f.CreateComputeEnvironment, `{"computeEnvironmentName":"un","type":"UNMANAGED"}`)
	ok(t, f.UpdateComputeEnvironment, `{"computeEnvironment":"un","unmanagedvCpus":7}`)
	if e, _ := f.store.Environment(t.Context(), "un"); e.MaxvCPUs != 7 {
		t.Errorf("got %d vCPUs, want unmanagedvCpus", e.MaxvCPUs)
	}
}

func TestUpdateComputeEnvironmentRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ body, want string }{
		"unknown":                     {`{"computeEnvironment":"nope"}`, "ComputeEnvironment nope does not exist"},
		"an ARN of something else":    {`{"computeEnvironment":"arn:aws:batch:r:1:job-queue/ce"}`, "ComputeEnvironment arn:aws:batch:r:1:job-queue/ce does not exist"},
		"no resources":                {`{"computeEnvironment":"ce","computeResources":{}}`, "At least one compute-resources attribute must be specified"},
		"desiredvCpus on Amazon EKS":  {`{"computeEnvironment":"ce","computeResources":{"desiredvCpus":4}}`, "desiredvCpus is not supported for compute environments that use Amazon EKS resources"},
		"desiredvCpus lowered":        {`{"computeEnvironment":"ecs","computeResources":{"desiredvCpus":1}}`, "Manually scaling down compute environment is not supported. Disconnecting job queues from compute environment will cause it to scale-down to minvCpus"},
		"max under min":               {`{"computeEnvironment":"ecs","computeResources":{"maxvCpus":1}}`, "computeResources.minvCpus must not be greater than maxvCpus"},
		"EC2 to Fargate":              {`{"computeEnvironment":"ce","computeResources":{"type":"FARGATE"}}`, "computeResources.type cannot be changed from EC2 to FARGATE"},
		"Fargate to Spot":             {`{"computeEnvironment":"fargate","computeResources":{"type":"SPOT"}}`, "computeResources.type cannot be changed from FARGATE to SPOT"},
		"tags of Fargate":             {`{"computeEnvironment":"fargate","computeResources":{"tags":{"a":"b"}}}`, "tags is not applicable for Fargate."},
		"a strategy of Fargate":       {`{"computeEnvironment":"fargate","computeResources":{"allocationStrategy":"BEST_FIT_PROGRESSIVE"}}`, "allocationStrategy is not applicable for Fargate."},
		"desiredvCpus of Fargate":     {`{"computeEnvironment":"fargate","computeResources":{"desiredvCpus":4}}`, "desiredvCpus is not applicable for Fargate."},
		"instances with BEST_FIT":     {`{"computeEnvironment":"best","computeResources":{"instanceTypes":["m5"]}}`, "computeResources: only minvCpus, maxvCpus, desiredvCpus and scalingPolicy can be updated with allocationStrategy BEST_FIT"},
		"instances with another role": {`{"computeEnvironment":"role","computeResources":{"instanceTypes":["m5"]}}`, "computeResources: only minvCpus, maxvCpus, desiredvCpus and scalingPolicy can be updated without the service-linked role AWSServiceRoleForBatch"},
		"a role on Amazon EKS":        {`{"computeEnvironment":"ce","serviceRole":"r"}`, "serviceRole must be absent or the service-linked role AWSServiceRoleForBatch for compute environments that use Amazon EKS resources"},
		"a delay of 19 minutes":       {`{"computeEnvironment":"ecs","computeResources":{"scalingPolicy":{"minScaleDownDelayMinutes":19}}}`, "computeResources.scalingPolicy.minScaleDownDelayMinutes must be between 20 and 10080"},
		"ecsSettings":                 {`{"computeEnvironment":"ecs","ecsSettings":{"containerInsights":"ENABLED"}}`, "ecsSettings is not supported by this server"},
		"managed instances":           {`{"computeEnvironment":"ecs","computeResources":{"managedInstancesProvider":{"propagateTags":"x"}}}`, "computeResources.managedInstancesProvider is not supported by this server"},
		"no instance types":           {`{"computeEnvironment":"ce","computeResources":{"instanceTypes":[]}}`, "computeResources.instanceTypes must have at least one instance type"},
		"unmanagedvCpus of a managed": {`{"computeEnvironment":"ce","unmanagedvCpus":1}`, "unmanagedvCpus can only be specified for an UNMANAGED compute environment"},
		"resources of an unmanaged":   {`{"computeEnvironment":"un","computeResources":{"maxvCpus":1}}`, "computeResources is not applicable to an UNMANAGED compute environment"},
		"updatePolicy":                {`{"computeEnvironment":"ce","updatePolicy":{"jobExecutionTimeoutMinutes":0}}`, "updatePolicy.jobExecutionTimeoutMinutes: must be 1 to 7200"},
		"being deleted":               {`{"computeEnvironment":"gone"}`, "Cannot update, resource is being deleted"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newBusyFixture(t)
			ok(t, f.CreateComputeEnvironment, `{"computeEnvironmentName":"un","type":"UNMANAGED"}`)
			ok(t, f.CreateComputeEnvironment, `{"computeEnvironmentName":"ecs","type":"MANAGED","computeResources":{"type":"EC2","minvCpus":2,"maxvCpus":4,"instanceTypes":["c5"]}}`)
			ok(t, f.CreateComputeEnvironment, fargateBody("fargate"))
			ok(t, f.CreateComputeEnvironment, `{"computeEnvironmentName":"best","type":"MANAGED","computeResources":{"type":"EC2","maxvCpus":4,"instanceTypes":["c5"],"allocationStrategy":"BEST_FIT"}}`)
			ok(t, f.CreateComputeEnvironment, `{"computeEnvironmentName":"role","type":"MANAGED","serviceRole":"r","computeResources":{"type":"EC2","maxvCpus":4,"instanceTypes":["c5"]}}`)
			ok(t, f.CreateComputeEnvironment, `{"computeEnvironmentName":"gone","type":"UNMANAGED","state":"DISABLED"}`)
			ok(t, f.DeleteComputeEnvironment, `{"computeEnvironment":"gone"}`)
			before := ok(t, f.DescribeComputeEnvironments, `{}`)
			_, err := do(t, f.UpdateComputeEnvironment, tc.body)
			wantRefusal(t, err, tc.want)
			wantJSON(t, before, ok(t, f.DescribeComputeEnvironments, `{}`))
		})
	}
}

func TestDeleteComputeEnvironment(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	_, err := do(t, f.DeleteComputeEnvironment, `{"computeEnvironment":"ce"}`)
	wantRefusal(t, err, "Cannot delete, the state of compute environment ce must be DISABLED")
	ok(t, f.UpdateComputeEnvironment, `{"computeEnvironment":"ce","state":"DISABLED"}`)
	_, err = do(t, f.DeleteComputeEnvironment, `{"computeEnvironment":"ce"}`)
	wantRefusal(t, err, "Cannot delete, found existing JobQueue relationship")
	if err := f.store.DeleteQueue(t.Context(), "q"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a repeat is harmless
		wantJSON(t, `{}`, ok(t, f.DeleteComputeEnvironment, `{"computeEnvironment":"`+arnBase+`compute-environment/ce"}`))
	}
	if e, _ := f.store.Environment(t.Context(), "ce"); e.Status != batch.ResourceDeleting {
		t.Errorf("got status %s", e.Status)
	}
	_, err = do(t, f.CreateJobQueue, queueBody("q2"))
	wantRefusal(t, err, "ComputeEnvironment ce does not exist")
	_, err = do(t, f.DeleteComputeEnvironment, `{"computeEnvironment":"nope"}`)
	wantRefusal(t, err, "ComputeEnvironment nope does not exist")
}

func TestDescribeComputeEnvironmentsPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i := range 7 {
		ok(t, f.CreateComputeEnvironment, fmt.Sprintf(`{"computeEnvironmentName":"ce%d","type":"UNMANAGED"}`, 6-i))
	}
	var names []string
	for token := ""; ; {
		page := reply(t, f.DescribeComputeEnvironments, `{"maxResults":3,"nextToken":"`+token+`"}`)
		for _, e := range page.ComputeEnvironments {
			names = append(names, *e.ComputeEnvironmentName)
		}
		if token = value(page.NextToken); token == "" {
			break
		}
	}
	if got := strings.Join(names, " "); got != "ce0 ce1 ce2 ce3 ce4 ce5 ce6" {
		t.Errorf("got %s", got)
	}
	picked := reply(t, f.DescribeComputeEnvironments, `{"computeEnvironments":["ce5","nope","`+arnBase+`compute-environment/ce1","ce5","arn:aws:batch:r:1:job-queue/ce2"],"maxResults":1}`)
	if len(picked.ComputeEnvironments) != 2 || *picked.ComputeEnvironments[0].ComputeEnvironmentName != "ce5" {
		t.Errorf("got %+v", picked.ComputeEnvironments)
	}
	for body, want := range map[string]string{
		`{"maxResults":0}`:     "maxResults must be between 1 and 100",
		`{"maxResults":101}`:   "maxResults must be between 1 and 100",
		`{"nextToken":"x"}`:    "nextToken is not a token of this list",
		`{"nextToken":"!!!!"}`: "nextToken is not a token of this list",
	} {
		_, err := do(t, f.DescribeComputeEnvironments, body)
		wantRefusal(t, err, want)
	}
	wantJSON(t, `{"computeEnvironments":[]}`, ok(t, f.DescribeComputeEnvironments, `{"computeEnvironments":["nope"]}`))
	wantJSON(t, `{"computeEnvironments":[]}`, ok(t, newFixture(t).DescribeComputeEnvironments, `{}`))
}

// fargateBody is a Fargate environment.
func fargateBody(name string) string {
	return `{"computeEnvironmentName":"` + name + `","type":"MANAGED","computeResources":{"type":"FARGATE","maxvCpus":16,"subnets":["s"],"securityGroupIds":["g"]}}`
}

// Contract 6.9: a Fargate environment takes maxvCpus, subnets and securityGroupIds only.
func TestFargateComputeEnvironment(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ok(t, f.CreateComputeEnvironment, strings.Replace(fargateBody("ce"), `"maxvCpus"`, `"minvCpus":0,"instanceTypes":[],"instanceRole":"","tags":{},"launchTemplate":{},"maxvCpus"`, 1))
	ok(t, f.UpdateComputeEnvironment, `{"computeEnvironment":"ce","computeResources":{"type":"FARGATE_SPOT","maxvCpus":32,"subnets":["t"]}}`)
	d := reply(t, f.DescribeComputeEnvironments, `{}`).ComputeEnvironments[0]
	if r := d.ComputeResources; *r.Type != "FARGATE_SPOT" || *r.MaxvCpus != 32 || r.Subnets[0] != "t" || r.DesiredvCpus != nil || *d.ContainerOrchestrationType != "ECS" {
		t.Errorf("got %+v", r)
	}
	if e, err := f.store.Environment(t.Context(), "ce"); err != nil || !e.IsFargate() || e.MaxvCPUs != 32 {
		t.Errorf("got %+v %v", e, err)
	}
	for member, v := range map[string]string{
		"allocationStrategy": `"BEST_FIT"`, "minvCpus": `1`, "desiredvCpus": `1`, "instanceTypes": `["c5"]`, "imageId": `"i"`, "ec2KeyPair": `"k"`, "instanceRole": `"r"`,
		"tags": `{"a":"b"}`, "placementGroup": `"p"`, "bidPercentage": `50`, "spotIamFleetRole": `"r"`, "launchTemplate": `{"launchTemplateId":"l"}`,
		"ec2Configuration": `[{"imageType":"ECS_AL2"}]`, "scalingPolicy": `{"minScaleDownDelayMinutes":30}`, "capacityTags": `{"a":"b"}`,
	} {
		_, err := do(t, f.CreateComputeEnvironment, strings.Replace(fargateBody("x"), `"maxvCpus"`, fmt.Sprintf(`%q:%s,"maxvCpus"`, member, v), 1))
		wantRefusal(t, err, member+" is not applicable for Fargate.")
	}
}

// Contract 3.1: what computeResources may say is echoed value for value.
func TestComputeResourcesAreEchoed(t *testing.T) {
	t.Parallel()
	for name, members := range map[string]string{
		"launch template by id":       `"launchTemplate":{"launchTemplateId":"lt-1","version":"$Latest","userdataType":"EKS_NODEADM"}`,
		"launch template with others": `"launchTemplate":{"launchTemplateName":"n","version":"7","overrides":[{"launchTemplateId":"a","version":"$Default","targetInstanceTypes":["c5.large","m5"]},{"launchTemplateName":"b","targetInstanceTypes":["c5.xlarge"],"userdataType":"EKS_BOOTSTRAP_SH"}]}`,
		"two images":                  `"ec2Configuration":[{"imageType":"EKS_AL2023","imageKubernetesVersion":"1.33"},{"imageType":"EKS_AL2023_NVIDIA","imageIdOverride":"ami-1"}]`,
		"an image of one's own":       `"ec2Configuration":[{"imageType":"custom","imageIdOverride":"ami-1"}]`,
		"no scale-down delay":         `"scalingPolicy":{"minScaleDownDelayMinutes":0}`,
		"the least delay":             `"scalingPolicy":{"minScaleDownDelayMinutes":20}`,
		"a week's delay":              `"scalingPolicy":{"minScaleDownDelayMinutes":10080}`,
		"capacity tags":               `"capacityTags":{"a":"b"},"tags":{"c":"d"}`,
		"Amazon EC2's names":          `"imageId":"ami","subnets":["s1","s2"],"securityGroupIds":["g"],"ec2KeyPair":"k","instanceRole":"r","placementGroup":"p"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			resources := `{"type":"EC2","minvCpus":0,"maxvCpus":8,"desiredvCpus":0,"instanceTypes":["c5","m5"],"allocationStrategy":"BEST_FIT_PROGRESSIVE_ORDERED",` + members + `}`
			ok(t, f.CreateComputeEnvironment, `{"computeEnvironmentName":"ce","type":"MANAGED","computeResources":`+resources+`,
				"eksConfiguration":{"eksClusterArn":"arn:aws:eks:r:1:cluster/c","kubernetesNamespace":"jobs"}}`)
			got, err := json.Marshal(reply(t, f.DescribeComputeEnvironments, `{}`).ComputeEnvironments[0].ComputeResources)
			if err != nil {
				t.Fatal(err)
			}
			wantJSON(t, resources, string(got))
		})
	}
}
