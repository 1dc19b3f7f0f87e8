// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"encoding/json"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batch"
)

// onFargate makes a definition for Fargate of one vCPU and 2048 MiB.
func onFargate(members string) batch.JobDefinition {
	return batch.JobDefinition{
		Name: "def", Revision: 1, Type: "container", PlatformCapabilities: []string{"FARGATE"},
		ContainerProperties: json.RawMessage(`{"image":"busybox","executionRoleArn":"arn:aws:iam::1:role/e","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"2048"}]` + members + `}`),
	}
}

// TestFargateSizes: contract section 6.9, each vCPU's least and most, and what is just beyond.
func TestFargateSizes(t *testing.T) {
	t.Parallel()
	sizes := map[int64][]int64{
		250: {512, 1024, 2048}, 500: {1024, 2048, 4096}, 1000: {2048, 3072, 8192}, 2000: {4096, 5120, 16384},
		4000: {8192, 9216, 30720}, 8000: {16384, 20480, 61440}, 16000: {32768, 40960, 122880},
	}
	for milli, memories := range sizes {
		for _, mib := range memories {
			if err := checkFargateSize(batch.Requests{MilliVCPU: milli, MemoryMiB: mib}); err != nil {
				t.Error(err)
			}
		}
		for _, mib := range []int64{memories[0] / 2, memories[0] + 1, memories[2] + 1024, memories[2] * 2} {
			err := checkFargateSize(batch.Requests{MilliVCPU: milli, MemoryMiB: mib})
			wantRefusal(t, err, fmt.Sprintf("Fargate resource requirements (%.2f vCPU, %d MiB) not valid: with these vCPUs memory must be", float64(milli)/1000, mib))
		}
	}
	wantRefusal(t, checkFargateSize(batch.Requests{MilliVCPU: 250, MemoryMiB: 1536}), "Fargate resource requirements (0.25 vCPU, 1536 MiB) not valid")
	wantRefusal(t, checkFargateSize(batch.Requests{MilliVCPU: 3000, MemoryMiB: 8192}), "Fargate resource requirements (3.00 vCPU, 8192 MiB) not valid: vCPU must be 0.25, 0.5, 1, 2, 4, 8 or 16")
}

// TestValidateDefinitionOnFargate: contract sections 1.3 and 6.9.
func TestValidateDefinitionOnFargate(t *testing.T) {
	t.Parallel()
	const at = "containerProperties."
	taskOn := func(containers, members string) batch.JobDefinition {
		def := ecsTask(containers, `,"executionRoleArn":"e"`+members)
		def.PlatformCapabilities = []string{"FARGATE"}
		return def
	}
	eks := pod("", "")
	eks.PlatformCapabilities = []string{"FARGATE"}
	noRole := onFargate("")
	noRole.ContainerProperties = json.RawMessage(`{"image":"a"}`)
	half := `{"image":"a","resourceRequirements":[{"type":"VCPU","value":"0.25"},{"type":"MEMORY","value":"512"}]`
	cases := map[string]struct {
		def  batch.JobDefinition
		want string // empty: accepted
	}{
		"a size":                     {onFargate(""), ""},
		"a vCPU as clients write it": {onFargate(`,"resourceRequirements":[{"type":"VCPU","value":"1.0"},{"type":"MEMORY","value":"2048"}]`), ""},
		"a size to come":             {onFargate(`,"resourceRequirements":[]`), ""},
		"Fargate's own members":      {onFargate(`,"networkConfiguration":{"assignPublicIp":"ENABLED"},"fargatePlatformConfiguration":{"platformVersion":"1.4.0"},"ephemeralStorage":{"sizeInGiB":200}`), ""},
		"an init process":            {onFargate(`,"linuxParameters":{"initProcessEnabled":true}`), ""},
		"two containers' size":       {taskOn(half+`,"name":"a"},`+half+`,"name":"b"}`, `,"platformVersion":"LATEST"`), ""},
		"no size":                    {onFargate(`,"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"512"}]`), "Fargate resource requirements (1.00 vCPU, 512 MiB) not valid"},
		"two containers' no size":    {taskOn(half+`,"name":"a"},`+half+`,"name":"b"},`+half+`,"name":"c"}`, ""), "Fargate resource requirements (0.75 vCPU, 1536 MiB) not valid"},
		"no execution role":          {noRole, at + "executionRoleArn: is required for Fargate"},
		"eksProperties":              {eks, "eksProperties not applicable for Fargate."},
		"privileged":                 {onFargate(`,"privileged":true`), "privileged not applicable for Fargate."},
		"not privileged":             {onFargate(`,"privileged":false`), ""},
		"a GPU":                      {onFargate(`,"resourceRequirements":[{"type":"GPU","value":"1"}]`), "GPU not applicable for Fargate."},
		"a host path":                {onFargate(`,"volumes":[{"name":"a","host":{"sourcePath":"/a"}}]`), "host.sourcePath not applicable for Fargate."},
		"a volume of its own":        {onFargate(`,"volumes":[{"name":"a","host":{}}]`), ""},
		"a device":                   {onFargate(`,"linuxParameters":{"devices":[{"hostPath":"/dev/fuse"}]}`), "devices not applicable for Fargate."},
		"shared memory":              {onFargate(`,"linuxParameters":{"sharedMemorySize":1}`), "sharedMemorySize not applicable for Fargate."},
		"a tmpfs":                    {onFargate(`,"linuxParameters":{"tmpfs":[{"containerPath":"/a","size":1}]}`), "tmpfs not applicable for Fargate."},
		"swap":                       {onFargate(`,"linuxParameters":{"maxSwap":1}`), "maxSwap not applicable for Fargate."},
		"swappiness":                 {onFargate(`,"linuxParameters":{"swappiness":1}`), "swappiness not applicable for Fargate."},
		"little storage":             {onFargate(`,"ephemeralStorage":{"sizeInGiB":20}`), at + "ephemeralStorage.sizeInGiB: must be 21 to 200"},
		"much storage":               {onFargate(`,"ephemeralStorage":{"sizeInGiB":201}`), at + "ephemeralStorage.sizeInGiB: must be 21 to 200"},
		"an instance type":           {onFargate(`,"instanceType":"c5.large"`), at + "instanceType: applies to multi-node parallel jobs only"},
		"the host's IPC":             {taskOn(half+`}`, `,"ipcMode":"host"`), "ipcMode not applicable for Fargate."},
		"the host's PIDs":            {taskOn(half+`}`, `,"pidMode":"host"`), "pidMode host not applicable for Fargate."},
		"a long stop":                {taskOn(half+`,"stopTimeout":121}`, ""), "ecsProperties.taskProperties[0].containers[0].stopTimeout: must be at most 120 on Fargate"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := ValidateDefinition(tc.def, testOptions)
			if tc.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantRefusal(t, err, tc.want)
		})
	}
}

func TestFargateSizeAfterOverrides(t *testing.T) {
	t.Parallel()
	job := batch.Job{ContainerOverrides: json.RawMessage(`{"resourceRequirements":[{"type":"MEMORY","value":"1024"}]}`)}
	spec, err := Merge(onFargate(""), job)
	if err != nil {
		t.Fatal(err)
	}
	_, err = spec.Requests()
	wantRefusal(t, err, "Fargate resource requirements (1.00 vCPU, 1024 MiB) not valid")
}

// TestArchitectureOnFargate: AWS Fargate takes what does not say otherwise for x86_64, and the environment has machines of
// several architectures.
func TestArchitectureOnFargate(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		def  batch.JobDefinition
		kind string // of the environment
		want string
	}{
		"nothing said":            {onFargate(""), "FARGATE", "amd64"},
		"on Spot":                 {onFargate(""), "FARGATE_SPOT", "amd64"},
		"ARM64":                   {onFargate(`,"runtimePlatform":{"cpuArchitecture":"ARM64"}`), "FARGATE", "arm64"},
		"X86_64":                  {onFargate(`,"runtimePlatform":{"cpuArchitecture":"X86_64"}`), "FARGATE", "amd64"},
		"an environment of EC2's": {onFargate(""), "EC2", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pods, err := Pods(Input{
				Job: batch.Job{ID: "11111111-2222-4333-8444-555555555555", Queue: "q"}, Definition: tc.def, Attempt: 1,
				Environment: batch.ComputeEnvironment{Name: "env", UUID: "uuid", ResourceType: tc.kind},
			}, testOptions)
			if err != nil {
				t.Fatal(err)
			}
			if got := pods[0].Spec.NodeSelector[corev1.LabelArchStable]; got != tc.want {
				t.Errorf("architecture %q, want %q", got, tc.want)
			}
		})
	}
}
