// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// onFargate makes a definition for Fargate of one vCPU and 2048 MiB.
func onFargate(members string) batch.JobDefinition {
	return batch.JobDefinition{
		Name: "def", Revision: 1, Type: "container", PlatformCapabilities: []string{"FARGATE"},
		ContainerProperties: json.RawMessage(`{"image":"busybox","executionRoleArn":"arn:aws:iam::1:role/e","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"2048"}]` + members + `}`),
	}
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

// TestParseValueFrom: the rule in the package's documentation.
func TestParseValueFrom(t *testing.T) {
	t.Parallel()
	const manager, parameters = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:", "arn:aws:ssm:eu-west-1:123456789012:parameter/"
	for s, want := range map[string]secretKey{
		"name":                                    {"name", "value"},
		"name:key":                                {"name", "key"},
		"/path/to/NAME":                           {"path-to-name", "value"},
		"Path_To.Name":                            {"path-to.name", "value"},
		"name-AbCdEf":                             {"name-abcdef", "value"}, // only an ARN has a random end
		manager + "name-AbCdEf":                   {"name", "value"},
		manager + "name":                          {"name", "value"},
		manager + "prod/db-x-AbCdEf:user::":       {"prod-db-x", "user"},
		manager + "prod/db-AbCdEf:a.b_C-1":        {"prod-db", "a.b_C-1"},
		manager + "n-AbCdEf:k:AWSCURRENT:":        {"n", "k"},
		manager + "n-AbCdEf:::":                   {"n", "value"},
		parameters + "path/to/NAME":               {"path-to-name", "value"},
		parameters + "NAME":                       {"name", "value"},
		"arn:aws-cn:ssm:cn-north-1:1:parameter/a": {"a", "value"},
	} {
		if got, err := parseValueFrom(nil, s); err != nil || got != want {
			t.Errorf("%s is %+v, %v, want %+v", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", ":", "é", "---", "a.-b", "a:b/c", strings.Repeat("a", 254), "arn:aws:s3:::bucket", "arn:aws:ssm:r:1:document/a", "arn:aws:ssm",
		manager, manager + "n-AbCdEf:k:AWSPREVIOUS:", manager + "n-AbCdEf:k::0123",
	} {
		if got, err := parseValueFrom(nil, s); err == nil {
			t.Errorf("%q is %+v", s, got)
		} else {
			wantRefusal(t, err, "")
		}
	}
}

func TestServiceAccounts(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::1:role/team/reader"
	cases := map[string]struct {
		accounts map[string]string
		role     string
		want     string
	}{
		"none without a table":            {nil, role, ""},
		"none without a role":             {map[string]string{"*": "a"}, "", ""},
		"the ARN goes first":              {map[string]string{role: "a", "reader": "b", "*": "c"}, role, "a"},
		"then the role's name":            {map[string]string{"reader": "b", "*": "c"}, role, "b"},
		"then any":                        {map[string]string{"writer": "b", "*": "c"}, role, "c"},
		"a name in the place of an ARN":   {map[string]string{"reader": "b"}, "reader", "b"},
		"an account that stands for none": {map[string]string{"reader": "", "*": "c"}, role, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := readDocument(t, "testdata/container-minimal/input.json").input()
			in.Definition = container(`,"jobRoleArn":"` + tc.role + `"`)
			made, err := onePod(in, Options{Namespace: "a", ServiceAccounts: tc.accounts})
			if err != nil {
				t.Fatal(err)
			}
			token := made.Spec.AutomountServiceAccountToken == nil
			if got := made.Spec.ServiceAccountName; got != tc.want || token != (tc.want != "") {
				t.Errorf("got %q, token %t, want %q", got, token, tc.want)
			}
		})
	}
}

func TestParseFileSystem(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]FileSystem{
		"homes":                      {Claim: "homes"},
		"nfs://nas.example.com":      {NFSServer: "nas.example.com", NFSPath: "/"},
		"nfs://10.0.0.1/export/../a": {NFSServer: "10.0.0.1", NFSPath: "/a"},
	} {
		if got, err := ParseFileSystem(s); err != nil || got != want {
			t.Errorf("%s is %+v, %v, want %+v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "A", "nfs:", "nfs:///a", "nfs://a:2049/b", "nfs://u@a/b", "nfs://a/b?c", "http://a/b"} {
		if got, err := ParseFileSystem(s); err == nil {
			t.Errorf("%q is %+v", s, got)
		}
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	object := func(kind ReferenceKind, name string) Reference {
		return Reference{Kind: kind, Namespace: "jobs", Name: name}
	}
	of := func(file string) batch.JobDefinition {
		return readDocument(t, "testdata/"+file+"/input.json").input().Definition
	}
	cases := map[string]struct {
		def  batch.JobDefinition
		want []Reference
	}{
		"nothing":                          {def: container("")},
		"whatever the server's network is": {def: of("eks-minimal")},
		"all that is translated": {def: of("container-translated"), want: []Reference{
			{Kind: ReferenceHostPath, Name: "/dev/fuse"},
			{Kind: ReferenceHostPath, Name: "/dev/sda"},
			{Kind: ReferenceNFS, Name: "nas.example.com:/export/b"},
			object(ReferencePersistentVolumeClaim, "homes"),
			object(ReferencePersistentVolumeClaim, "point"),
			{Kind: ReferencePrivileged},
			object(ReferenceSecret, "credentials"),
			object(ReferenceSecret, "prod-database-main"),
			object(ReferenceSecret, "registry"),
			object(ReferenceSecret, "token"),
			object(ReferenceSecret, "tools-endpoint"),
			object(ReferenceSecret, "tools-licence"),
			object(ReferenceServiceAccount, "genomics-reader"),
		}},
		"a pod's": {
			def: pod(`,"securityContext":{"privileged":true}`, `,"hostNetwork":true,"serviceAccountName":"a","imagePullSecrets":[{"name":"p"}],"volumes":[`+
				`{"name":"a","secret":{"secretName":"s"}},{"name":"b","persistentVolumeClaim":{"claimName":"c"}},{"name":"c","hostPath":{"path":"/h"}}]`),
			want: []Reference{
				{Kind: ReferenceHostNetwork},
				{Kind: ReferenceHostPath, Name: "/h"},
				object(ReferencePersistentVolumeClaim, "c"),
				{Kind: ReferencePrivileged},
				object(ReferenceSecret, "p"),
				object(ReferenceSecret, "s"),
				object(ReferenceServiceAccount, "a"),
			},
		},
		"the host's namespaces": {
			def:  ecsTask(ecsContainer("a", ""), `,"pidMode":"host","ipcMode":"host","networkMode":"host"`),
			want: []Reference{{Kind: ReferenceHostIPC}, {Kind: ReferenceHostNetwork}, {Kind: ReferenceHostPID}},
		},
		"of every node range, each once": {
			def:  nodes(3, eksRange("0", `,"serviceAccountName":"a"`), eksRange("1", `,"serviceAccountName":"b"`), eksRange("2", `,"serviceAccountName":"a"`)),
			want: []Reference{object(ReferenceServiceAccount, "a"), object(ReferenceServiceAccount, "b")},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, err := Merge(tc.def, batch.Job{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := References(spec, "jobs", testOptions)
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("mismatch (-want +got), %v:\n%s", err, diff)
			}
		})
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

func TestAFileSystemThatIsMappedNoLonger(t *testing.T) {
	t.Parallel()
	in := readDocument(t, "testdata/container-translated/input.json").input()
	_, err := Pods(in, Options{Namespace: "a"})
	wantRefusal(t, err, `containerProperties.volumes[0].efsVolumeConfiguration.fileSystemId: "fs-1" is not known to this server`)
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
