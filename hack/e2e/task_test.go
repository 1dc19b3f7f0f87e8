// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

// The containers of a task: the essential one, one that it depends on, and two more that are not essential, of which one
// fails and one would run on.
const (
	works    = `cp /host/prepared /host/worked; until [ -e /host/watched ]; do sleep 0.1; done; exit $CODE`
	prepares = `echo prepared >/host/prepared; exit $CODE`
	fails    = `exit 3`
	watches  = `trap 'exit 4' TERM; echo >/host/watched; sleep 600 & wait`
)

// task is their definition. They end with these exit codes.
func task(folder, worked, prepared string) types.EcsTaskProperties {
	part := func(name, script, code string, dependsOn ...types.TaskContainerDependency) types.TaskContainerProperties {
		return types.TaskContainerProperties{
			Name: &name, Essential: aws.Bool(name == "Works"), DependsOn: dependsOn,
			Image: aws.String(busybox), Command: []string{"sh", "-c", script},
			Environment:          []types.KeyValuePair{{Name: aws.String("CODE"), Value: &code}},
			ResourceRequirements: requirements("0.25"), MountPoints: hostMounts(),
		}
	}
	return types.EcsTaskProperties{
		Volumes: hostVolumes(folder),
		Containers: []types.TaskContainerProperties{
			part("Works", works, worked, types.TaskContainerDependency{ContainerName: aws.String("prepares"), Condition: aws.String("SUCCESS")}),
			part("prepares", prepares, prepared), part("fails", fails, ""), part("watches", watches, ""),
		},
	}
}

func TestTaskEndsWithItsEssentialContainer(t *testing.T) {
	t.Parallel()
	s := newSite(t, "task", siteConfig{})
	const exited = "Essential container in task exited"
	cases := map[string]struct {
		worked, prepared string
		wantStatus       types.JobStatus
		wantReason       string
		want             map[string]int32 // exit codes, of those that ran
	}{
		"it succeeds":               {"0", "0", types.JobStatusSucceeded, exited, map[string]int32{"Works": 0, "prepares": 0, "fails": 3, "watches": 4}},
		"it fails":                  {"5", "0", types.JobStatusFailed, exited, map[string]int32{"Works": 5, "prepares": 0, "fails": 3, "watches": 4}},
		"what it depends on failed": {"0", "6", types.JobStatusFailed, "Task failed to start", map[string]int32{"prepares": 6}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWitness(t)
			definition := s.register(t, &sdk.RegisterJobDefinitionInput{
				Type:          types.JobDefinitionTypeContainer,
				EcsProperties: &types.EcsProperties{TaskProperties: []types.EcsTaskProperties{task(w.folder, tc.worked, tc.prepared)}},
			})
			job := s.awaitStatus(t, s.start(t, &sdk.SubmitJobInput{JobDefinition: &definition}), long, tc.wantStatus)
			wantText(t, "statusReason", aws.ToString(job.StatusReason), tc.wantReason)
			if diff := cmp.Diff(tc.want, exitCodes(job)); diff != "" {
				t.Errorf("exit codes (-want +got):\n%s", diff)
			}
			if got := w.lines(t, "worked"); len(tc.want) > 1 && !cmp.Equal(got, []string{"prepared"}) {
				t.Errorf("the essential container found %q", got)
			}
		})
	}
}

// exitCodes are those of the only attempt's containers.
func exitCodes(job types.JobDetail) map[string]int32 {
	codes := map[string]int32{}
	for _, attempt := range job.Attempts {
		for _, properties := range attempt.TaskProperties {
			for _, c := range properties.Containers {
				if c.ExitCode != nil {
					codes[aws.ToString(c.Name)] = *c.ExitCode
				}
			}
		}
	}
	return codes
}
