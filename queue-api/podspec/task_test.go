// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// ecsTask makes a definition of ecsProperties from its containers and the task's members.
func ecsTask(containers, members string) batch.JobDefinition {
	return batch.JobDefinition{
		Name: "def", Revision: 1, Type: "container",
		ECSProperties: json.RawMessage(`{"taskProperties":[{"containers":[` + containers + `]` + members + `}]}`),
	}
}

// ecsContainer asks for one vCPU and 8 MiB.
func ecsContainer(name, members string) string {
	return `{"name":"` + name + `","image":"busybox","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"8"}]` + members + `}`
}

// TestValidateDefinitionRefusesTasks: contract section 3.7.
func TestValidateDefinitionRefusesTasks(t *testing.T) {
	t.Parallel()
	const at = "ecsProperties.taskProperties[0]."
	one := ecsContainer("a", "")
	depends := func(on, condition string) string {
		return `,"dependsOn":[{"containerName":"` + on + `","condition":"` + condition + `"}]`
	}
	const helper = `,"essential":false`
	cases := map[string]struct {
		def  batch.JobDefinition
		want string
	}{
		"no task":                      {batch.JobDefinition{Type: "container", ECSProperties: json.RawMessage(`{"taskProperties":[]}`)}, "ecsProperties.taskProperties: must have exactly 1 member"},
		"two tasks":                    {batch.JobDefinition{Type: "container", ECSProperties: json.RawMessage(`{"taskProperties":[{"containers":[]},{"containers":[]}]}`)}, "ecsProperties.taskProperties: must have exactly 1 member"},
		"no containers":                {ecsTask("", ""), at + "containers: must have at least 1 member"},
		"eleven containers":            {ecsTask(strings.TrimSuffix(strings.Repeat(one+",", 11), ","), ""), at + "containers: must have at most 10 members"},
		"none essential":               {ecsTask(ecsContainer("a", helper), ""), at + "containers: at least one must be essential"},
		"a name twice":                 {ecsTask(one+","+one, ""), at + `containers[1].name: "a" is given twice`},
		"names that a pod cannot tell": {ecsTask(ecsContainer("a_b", "")+","+ecsContainer("A-B", ""), ""), at + `containers[1].name: "a-b" is given twice`},
		"two without a name":           {ecsTask(`{"image":"a"},{"image":"a"}`, ""), at + `containers[1].name: "default" is given twice`},
		"a name that no pod may have":  {ecsTask(ecsContainer("é", ""), ""), at + `containers[0].name: "é"`},
		"no image":                     {ecsTask(`{"name":"a","image":""}`, ""), at + "containers[0].image: is required"},
		"a user by name":               {ecsTask(ecsContainer("a", `,"user":"root"`), ""), "User 'root' does not match regex"},
		"a mount of no volume":         {ecsTask(ecsContainer("a", `,"mountPoints":[{"sourceVolume":"v","containerPath":"/v"}]`), ""), at + `containers[0].mountPoints[0].sourceVolume: no volume has the name "v"`},
		"a bad volume":                 {ecsTask(one, `,"volumes":[{"name":"v","host":{"sourcePath":"v"}}]`), at + "volumes[0].host.sourcePath: "},
		"a reserved variable":          {ecsTask(ecsContainer("a", `,"environment":[{"name":"AWS_BATCH_X"}]`), ""), at + "containers[0].environment[0].name: "},
		"a short start":                {ecsTask(ecsContainer("a", `,"startTimeout":1`), ""), at + "containers[0].startTimeout: must be at least 2"},
		"a short stop":                 {ecsTask(ecsContainer("a", `,"stopTimeout":1`), ""), at + "containers[0].stopTimeout: must be at least 2"},
		"an endless stop":              {ecsTask(ecsContainer("a", `,"stopTimeout":2147483647`), ""), at + "containers[0].stopTimeout: must be at most 86400"},
		"FireLens":                     {ecsTask(ecsContainer("a", `,"firelensConfiguration":{"type":"fluentbit"}`), ""), at + "containers[0].firelensConfiguration: is not supported by this server"},
		"another PID mode":             {ecsTask(one, `,"pidMode":"none"`), at + `pidMode: "none" must be one of [host task]`},
		"another IPC mode":             {ecsTask(one, `,"ipcMode":"x"`), at + `ipcMode: "x" must be one of [host task none]`},
		"no IPC between two":           {ecsTask(one+","+ecsContainer("b", ""), `,"ipcMode":"none"`), at + "ipcMode: none is not supported by this server for more than one container"},
		"another network":              {ecsTask(one, `,"networkMode":"none"`), at + `networkMode: "none" must be one of [host bridge awsvpc]`},
		"a public address on EC2":      {ecsTask(one, `,"networkConfiguration":{"assignPublicIp":"ENABLED"}`), "networkConfiguration not applicable for EC2."},
		"a platform version on EC2":    {ecsTask(one, `,"platformVersion":"LATEST"`), "platformVersion not applicable for EC2."},
		"storage on EC2":               {ecsTask(one, `,"ephemeralStorage":{"sizeInGiB":30}`), "ephemeralStorage not applicable for EC2."},
		"dependence on nobody":         {ecsTask(ecsContainer("a", depends("b", "START")), ""), at + `containers[0].dependsOn[0].containerName: no container has the name "b"`},
		"dependence without a name":    {ecsTask(`{"image":"a","dependsOn":[{"condition":"START"}]}`, ""), at + `containers[0].dependsOn[0].containerName: no container has the name ""`},
		"on a container's health":      {ecsTask(ecsContainer("a", depends("b", "HEALTHY"))+","+ecsContainer("b", ""), ""), at + `containers[0].dependsOn[0].condition: "HEALTHY" must be one of [START COMPLETE SUCCESS]`},
		"on an essential one's end":    {ecsTask(ecsContainer("a", depends("b", "SUCCESS"))+","+ecsContainer("b", ""), ""), at + "containers[0].dependsOn[0].condition: SUCCESS cannot be set on an essential container"},
		"on itself":                    {ecsTask(ecsContainer("a", depends("a", "START")), ""), at + "containers[0].dependsOn: the containers depend on each other in a circle"},
		"in a circle":                  {ecsTask(ecsContainer("a", "")+","+ecsContainer("b", helper+depends("c", "COMPLETE"))+","+ecsContainer("c", helper+depends("b", "COMPLETE")), ""), at + "containers[1].dependsOn: the containers depend on each other in a circle"},
		"before what goes on":          {ecsTask(ecsContainer("a", depends("b", "SUCCESS"))+","+ecsContainer("b", helper+depends("c", "START"))+","+ecsContainer("c", helper), ""), at + `containers[1].dependsOn: "c" must COMPLETE or SUCCEED too`},
		"a vCPU with a fraction of 0":  {ecsTask(`{"image":"a","resourceRequirements":[{"type":"VCPU","value":"1.0"}]}`, ""), "Value 1.0 for type VCPU in resourceRequirement is not valid. Please provide a numeric value. " + at + "containers[0].resourceRequirements[0].value"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRefusal(t, ValidateDefinition(tc.def, testOptions), tc.want)
		})
	}
}

func TestValidateDefinitionAcceptsTasks(t *testing.T) {
	t.Parallel()
	cases := map[string]batch.JobDefinition{
		"one container without a name": ecsTask(`{"image":"a"}`, ""),
		"ten containers":               ecsTask(tenContainers(), ""),
		"no IPC for one":               ecsTask(ecsContainer("a", ""), `,"ipcMode":"none"`),
		"lists that ask for nothing":   ecsTask(ecsContainer("a", `,"dependsOn":[],"secrets":[],"ulimits":[],"mountPoints":[]`), `,"volumes":[]`),
	}
	for name, def := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := ValidateDefinition(def, testOptions); err != nil {
				t.Error(err)
			}
		})
	}
}

func tenContainers() string {
	var list []string
	for i := range 10 {
		list = append(list, ecsContainer(fmt.Sprintf("c%d", i), ""))
	}
	return strings.Join(list, ",")
}

// TestTaskModes: what the containers of a task share.
func TestTaskModes(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		members, containerMembers                string
		hostPID, hostIPC, hostNetwork, shareProc bool
	}{
		"nothing is said":     {hostNetwork: true}, // the server's default
		"the host's":          {members: `,"pidMode":"host","ipcMode":"host","networkMode":"host"`, hostPID: true, hostIPC: true, hostNetwork: true},
		"the task's":          {members: `,"pidMode":"task","ipcMode":"task","networkMode":"awsvpc"`, shareProc: true},
		"a bridge":            {members: `,"networkMode":"bridge"`},
		"an init process":     {containerMembers: `,"linuxParameters":{"initProcessEnabled":true}`, hostNetwork: true, shareProc: true},
		"the host has an own": {members: `,"pidMode":"host"`, containerMembers: `,"linuxParameters":{"initProcessEnabled":true}`, hostNetwork: true, hostPID: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := readDocument(t, "testdata/ecs-full/input.json").input()
			in.Definition = ecsTask(ecsContainer("a", tc.containerMembers), tc.members)
			made, err := onePod(in, testOptions)
			if err != nil {
				t.Fatal(err)
			}
			s := made.Spec
			shareProc := s.ShareProcessNamespace != nil && *s.ShareProcessNamespace
			if s.HostPID != tc.hostPID || s.HostIPC != tc.hostIPC || s.HostNetwork != tc.hostNetwork || shareProc != tc.shareProc {
				t.Errorf("PID %t IPC %t network %t shared %t", s.HostPID, s.HostIPC, s.HostNetwork, shareProc)
			}
		})
	}
}

func TestTaskOverridesRefuse(t *testing.T) {
	t.Parallel()
	const at = "ecsPropertiesOverride.taskProperties"
	two := ecsTask(ecsContainer("a", "")+","+ecsContainer("B_1", `,"secrets":[{"name":"S","valueFrom":"s"}]`), "")
	of := func(containers string) string { return `{"taskProperties":[{"containers":[` + containers + `]}]}` }
	cases := map[string]struct{ overrides, want string }{
		"two tasks":             {`{"taskProperties":[{},{}]}`, at + ": must have exactly 1 member"},
		"no name":               {of(`{}`), at + "[0].containers[0].name: is required unless"},
		"an unknown name":       {of(`{"name":"c"}`), at + `[0].containers[0].name: the job definition has no such container with the name "c"`},
		"one container twice":   {of(`{"name":"b-1"},{"name":"B_1"}`), at + `[0].containers[1].name: "b-1" is overridden twice`},
		"too long":              {of(`{"name":"a","command":["` + strings.Repeat("x", 8192) + `"]}`), "Container Overrides length must be at most 8192"},
		"an empty word":         {of(`{"name":"a","command":["x",""]}`), at + "[0].containers[0].command[1]: must not be an empty string"},
		"a reserved variable":   {of(`{"name":"a","environment":[{"name":"AWS_BATCH"}]}`), at + "[0].containers[0].environment[0].name: "},
		"a secret as variable":  {of(`{"name":"B_1","environment":[{"name":"S"}]}`), at + `[0].containers[0].environment[0].name: "S" is the name of a secret`},
		"no amount":             {of(`{"name":"a","resourceRequirements":[{"type":"VCPU","value":"x"}]}`), "Value x for type VCPU in resourceRequirement is not valid. Please provide a numeric value. " + at},
		"overrides of another":  {"", "eksPropertiesOverride: does not apply to job definition def:1, which has ecsProperties"},
		"not what the model is": {`{"taskProperties":{}}`, "ecsPropertiesOverride.taskProperties: must not be a JSON object"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job := batch.Job{Definition: two.Ref(), ECSOverrides: json.RawMessage(tc.overrides)}
			if tc.overrides == "" {
				job.EKSOverrides = json.RawMessage(`{"podProperties":{}}`)
			}
			_, err := Merge(two, job)
			wantRefusal(t, err, tc.want)
		})
	}
}

// TestRequestsOfTasks: containers that run before the rest do not add to it.
func TestRequestsOfTasks(t *testing.T) {
	t.Parallel()
	first := `{"name":"first","image":"a","essential":false,"resourceRequirements":[{"type":"VCPU","value":"4"},{"type":"MEMORY","value":"4"}]}`
	after := `,"dependsOn":[{"containerName":"first","condition":"SUCCESS"}]`
	spec, err := Merge(ecsTask(first+","+ecsContainer("a", after)+","+ecsContainer("b", ""), ""), batch.Job{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := spec.Requests()
	if want := (batch.Requests{MilliVCPU: 4000, MemoryMiB: 16}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	spec, err = Merge(ecsTask(`{"image":"a"}`, ""), batch.Job{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = spec.Requests()
	wantRefusal(t, err, "vCPU is not provided.")
}

func TestNonEssentialContainersAreNamed(t *testing.T) {
	t.Parallel()
	in := readDocument(t, "testdata/ecs-full/input.json").input()
	made, err := onePod(in, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	if got := made.Annotations[batchmeta.NonEssential]; got != "agent" { // the others end before the job begins
		t.Errorf("got %q", got)
	}
	in.Definition = ecsTask(ecsContainer("a", "")+","+ecsContainer("X_1", `,"essential":false`)+","+ecsContainer("y", `,"essential":false`), "")
	if made, err = onePod(in, testOptions); err != nil || made.Annotations[batchmeta.NonEssential] != "x-1,y" {
		t.Errorf("got %v, %v", made, err)
	}
}

func TestArrayChildKnowsItsIndex(t *testing.T) {
	t.Parallel()
	in := readDocument(t, "testdata/array-child/input.json").input()
	made, err := onePod(in, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	env := environment(made.Spec.Containers[0])
	if env["AWS_BATCH_JOB_ID"] != testJobID+":3" || env["AWS_BATCH_JOB_ARRAY_INDEX"] != "3" || env["AWS_BATCH_JOB_ARRAY_SIZE"] != "5" {
		t.Errorf("got %v", env)
	}
	if made.Labels[batchmeta.JobID] != testJobID || made.Labels[batchmeta.ArrayIndex] != "3" || made.Name != PodName(testJobID+":3", 2) {
		t.Errorf("got %s %v", made.Name, made.Labels)
	}
}

func TestStopTimeoutIsTheLongest(t *testing.T) {
	t.Parallel()
	in := readDocument(t, "testdata/ecs-full/input.json").input()
	in.Definition = ecsTask(ecsContainer("a", `,"stopTimeout":5`)+","+ecsContainer("b", `,"stopTimeout":7`)+","+ecsContainer("c", ""), "")
	made, err := onePod(in, testOptions)
	if err != nil || *made.Spec.TerminationGracePeriodSeconds != 7 {
		t.Errorf("got %v, %v", made, err)
	}
	if made.Spec.DNSPolicy != corev1.DNSClusterFirstWithHostNet {
		t.Errorf("got %s", made.Spec.DNSPolicy)
	}
}
