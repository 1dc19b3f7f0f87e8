// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// examine gives what was found wrong, and what is to be noted, as "subject: problem remedy".
func (w *world) examine(change ...func(*fleet.LaunchRequest)) (wrong, notes []string) {
	w.t.Helper()
	r := w.request("doctor", 1, change...)
	for _, f := range w.Examine(w.t.Context(), []fleet.Prospect{{LaunchRequest: r, MaxvCPUs: 64}}) {
		line := f.Subject + ": " + f.Problem + " " + f.Remedy
		switch {
		case f.IsWrong():
			wrong = append(wrong, line)
		case f.Note:
			notes = append(notes, line)
		}
	}
	return wrong, notes
}

func TestExamineFindsNothingWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	w.launched(w.request("token", 1)) // else nobody can tell whether it may be ended
	calls := w.cloud.Calls("CreateLaunchTemplate")
	wrong, notes := w.examine()
	if len(wrong) > 0 || len(notes) > 0 {
		t.Errorf("wrong %q, notes %q", wrong, notes)
	}
	w.wantInstances(1)
	if len(w.cloud.Templates()) != 1 || w.cloud.Calls("CreateLaunchTemplate") != calls+1 {
		t.Error("an examination made something")
	}
}

// Each fault is found, once, and what is to be done is said.
func TestExamineFindsFaults(t *testing.T) {
	t.Parallel()
	denied := func(action string) func(*world) {
		return func(w *world) {
			w.cloud.Break(ec2fake.Fault{Action: action, Code: "UnauthorizedOperation", Message: "You are not authorized", Times: 1})
		}
	}
	resources := func(change func(*fleet.Resources)) func(*world) {
		return func(w *world) { change(&w.env) }
	}
	cases := map[string]struct {
		spoil func(*world)
		want  []string // beginnings of lines, or "… end"
	}{
		"a subnet that is gone": {
			resources(func(r *fleet.Resources) { r.Subnets = []string{"subnet-gone"} }),
			[]string{"subnets of compute environment", "Correct the compute environment."},
		},
		"a security group that is gone": {
			func(w *world) { w.cloud.Lack("sg-1") },
			[]string{"launch of c5.large in us-east-1a", "InvalidGroup.NotFound", "Correct computeResources.securityGroupIds"},
		},
		"an instance profile that is gone": {
			func(w *world) { w.cloud.Lack("node") },
			[]string{"launch of c5.large in us-east-1a", "Invalid IAM Instance Profile name", "Correct computeResources.instanceRole"},
		},
		"a key pair that is gone": {
			func(w *world) { w.env.KeyPair = "key"; w.cloud.Lack("key") },
			[]string{"launch of c5.large", "InvalidKeyPair.NotFound", "Correct computeResources.ec2KeyPair"},
		},
		"a placement group that is gone": {
			func(w *world) { w.env.PlacementGroup = "pg"; w.cloud.Lack("pg") },
			[]string{"launch of c5.large", "InvalidPlacementGroup.Unknown", "Correct computeResources.placementGroup"},
		},
		"an image that is gone": {
			resources(func(r *fleet.Resources) { r.ImageID = ec2fake.NoImage }),
			[]string{"image, launch template and instance profile of", "InvalidAMIID.NotFound", "Correct the image"},
		},
		"no role": {
			resources(func(r *fleet.Resources) { r.InstanceRole = "" }),
			[]string{"image, launch template and instance profile of", "no instanceRole is named", "Correct the compute environment."},
		},
		"a launch template that is gone": {
			resources(func(r *fleet.Resources) { r.Templates = []fleet.LaunchTemplate{{Name: "gone"}} }),
			[]string{"image, launch template and instance profile of", "InvalidLaunchTemplateName.NotFoundException", "Correct computeResources.launchTemplate."},
		},
		"no right to read":           {denied("DescribeSubnets"), []string{"permission ec2:DescribeSubnets", "UnauthorizedOperation", remedyDenied}},
		"no right to end":            {denied("TerminateInstances"), []string{"permission ec2:TerminateInstances", "UnauthorizedOperation", remedyDenied}},
		"no right to make templates": {denied("CreateLaunchTemplate"), []string{"permission ec2:CreateLaunchTemplate", "UnauthorizedOperation", remedyDenied}},
		"no right to launch":         {denied("RunInstances"), []string{"launch of c5.large in us-east-1a", "UnauthorizedOperation", remedyDenied}},
		"another cluster": {
			func(w *world) { w.cfg.Cluster = "other" },
			[]string{"cluster other of Amazon EKS", "ResourceNotFoundException", "Correct --ec2-cluster"},
		},
		"a quota of no use": {
			func(w *world) { w.cloud.SetQuota(1) },
			[]string{"quota L-1216C47A, Running On-Demand Standard", "1 vCPUs, and the smallest instance has 2", "Ask Service Quotas for more."},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ec2fake.Config{Zones: []string{"us-east-1a"}})
			tc.spoil(w)
			wrong, _ := w.examine()
			if len(wrong) != 1 {
				t.Fatalf("%d things are wrong, want 1: %q", len(wrong), wrong)
			}
			for _, want := range tc.want {
				if !strings.Contains(wrong[0], want) {
					t.Errorf("%q does not say %q", wrong[0], want)
				}
			}
		})
	}
}

func TestExamineNotesWhatItCannotTell(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{Zones: []string{"us-east-1a"}})
	w.cloud.SetQuota(32)
	w.cloud.Break(ec2fake.Fault{Action: "DescribeImages", Code: "RequestLimitExceeded", Message: "slow down", Times: 3})
	wrong, notes := w.examine()
	if len(wrong) > 0 || len(notes) != 3 ||
		!strings.HasPrefix(notes[0], "permission ec2:DescribeImages: dry run: RequestLimitExceeded") ||
		!strings.HasPrefix(notes[1], "permission ec2:TerminateInstances: dry run: InvalidInstanceID.NotFound") ||
		!strings.HasPrefix(notes[2], "quota L-1216C47A, Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances: 32 vCPUs, and a compute environment may have 64") {
		t.Errorf("wrong %q, notes %q", wrong, notes)
	}
}

func TestQuotaOf(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, name := range []string{"c5.large", "im4gn.large", "g5.xlarge", "p5.48xlarge", "inf2.xlarge", "u-6tb1.metal", "x2idn.large"} {
		_, onDemand, _ := quotaOf(name, batchmeta.CapacityOnDemand)
		_, spot, _ := quotaOf(name, batchmeta.CapacitySpot)
		got[name] = onDemand + " " + spot
	}
	want := map[string]string{
		"c5.large": "L-1216C47A L-34B43A08", "im4gn.large": "L-1216C47A L-34B43A08", "g5.xlarge": "L-DB2E81BA L-3819A6DF",
		"p5.48xlarge": "L-417A185B L-7212CCBC", "inf2.xlarge": "L-1945791B L-B5D1601B", "u-6tb1.metal": " ", "x2idn.large": "L-7295265B L-E3A00192",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("quotas mismatch (-want +got):\n%s", diff)
	}
}
