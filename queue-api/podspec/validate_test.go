// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

// container makes a definition of containerProperties that only lacks what members say.
func container(members string) batch.JobDefinition {
	return batch.JobDefinition{
		Name: "def", Revision: 1, Type: "container",
		ContainerProperties: json.RawMessage(`{"image":"busybox","vcpus":1,"memory":64` + members + `}`),
	}
}

// pod makes a definition of eksProperties from a container's and the pod's members.
func pod(containerMembers, podMembers string) batch.JobDefinition {
	return batch.JobDefinition{
		Name: "def", Revision: 1, Type: "container",
		EKSProperties: json.RawMessage(`{"podProperties":{"containers":[{"image":"busybox"` + containerMembers + `}]` + podMembers + `}}`),
	}
}

func resources(limits, requests string) batch.JobDefinition {
	return pod(`,"resources":{"limits":{`+limits+`},"requests":{`+requests+`}}`, "")
}

// wantRefusal checks that err is the caller's fault and says why.
func wantRefusal(t *testing.T, err error, want string) {
	t.Helper()
	var refusal *batch.Error
	switch {
	case !errors.As(err, &refusal):
		t.Errorf("got %v, want a *batch.Error", err)
	case refusal.Code != batch.CodeClient:
		t.Errorf("got code %s, want %s", refusal.Code, batch.CodeClient)
	case !strings.HasPrefix(refusal.Message, want):
		t.Errorf("got %q, want it to begin with %q", refusal.Message, want)
	}
}

func TestValidateDefinitionAccepts(t *testing.T) {
	t.Parallel()
	cases := map[string]batch.JobDefinition{
		"lists that ask for nothing": container(`,"secrets":[],"volumes":[],"mountPoints":[],"ulimits":[],"linuxParameters":{"devices":[],"tmpfs":[]}`),
		"no vCPU or memory yet":      container(`,"vcpus":0,"memory":0`),
		"null members":               container(`,"user":null,"command":null,"linuxParameters":null`),
		"ECS volume names":           container(`,"volumes":[{"name":"_tmp.A"}],"mountPoints":[{"sourceVolume":"_tmp.A","containerPath":"/tmp"}]`),
		"vCPU as clients write it":   container(`,"resourceRequirements":[{"type":"VCPU","value":"2.5"},{"type":"MEMORY","value":"4"},{"type":"GPU","value":"0"}]`),
		"members that say nothing":   container(`,"networkConfiguration":{},"fargatePlatformConfiguration":{},"runtimePlatform":{},"linuxParameters":{}`),
		"devices with privileges":    container(`,"privileged":true,"linuxParameters":{"devices":[{"hostPath":"/dev/fuse","permissions":["READ","WRITE"]}]}`),
		"the largest uid":            container(`,"user":"2147483647:0"`),
		"documented name Default":    pod(`,"name":"Default"`, ""),
		"labels of other domains":    pod("", `,"metadata":{"labels":{"app.kubernetes.io/name":"a"},"annotations":{"example.com/Aa":"b"}}`),
		"empty strings as absent":    pod(`,"imagePullPolicy":""`, `,"dnsPolicy":"","serviceAccountName":"","metadata":{"namespace":""}`),
		"no resources yet":           pod("", ""),
		"limit above request":        resources(`"cpu":"2"`, `"cpu":"0.25","memory":"4Mi"`),
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

func TestValidateDefinitionRefusesContainers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 256)
	cases := map[string]struct {
		members, want string
	}{
		"instance type":              {`,"instanceType":"c5.large"`, "containerProperties.instanceType: applies to multi-node"},
		"no image":                   {`,"image":""`, "containerProperties.image: is required"},
		"long image":                 {`,"image":"` + long + `"`, "containerProperties.image: must have at most 255 characters"},
		"impossible image":           {`,"image":"Busy Box"`, `containerProperties.image: "Busy Box" is not an image`},
		"vCPU in other words":        {`,"resourceRequirements":[{"type":"VCPU","value":"one"}]`, "Value one for type VCPU in resourceRequirement is not valid. Please provide a numeric value. containerProperties.resourceRequirements[0].value must be a positive multiple of 0.25"},
		"vCPU of 0":                  {`,"resourceRequirements":[{"type":"VCPU","value":"0"}]`, "Value 0 for type VCPU"},
		"vCPU below a quarter":       {`,"resourceRequirements":[{"type":"VCPU","value":"0.1"}]`, "Value 0.1 for type VCPU"},
		"vCPU in thousandths":        {`,"resourceRequirements":[{"type":"VCPU","value":"250m"}]`, "Value 250m for type VCPU"},
		"memory with a unit":         {`,"resourceRequirements":[{"type":"MEMORY","value":"64Mi"}]`, "Value 64Mi for type MEMORY"},
		"memory below 4":             {`,"resourceRequirements":[{"type":"MEMORY","value":"3"}]`, "Value 3 for type MEMORY"},
		"negative GPU":               {`,"resourceRequirements":[{"type":"GPU","value":"-1"}]`, "Value -1 for type GPU"},
		"unknown requirement":        {`,"resourceRequirements":[{"type":"TPU","value":"1"}]`, "containerProperties.resourceRequirements[0].type: must be one of"},
		"requirement given twice":    {`,"resourceRequirements":[{"type":"GPU","value":"1"},{"type":"GPU","value":"1"}]`, "containerProperties.resourceRequirements[1].type: GPU is given twice"},
		"deprecated vCPU":            {`,"vcpus":-1`, "containerProperties.vcpus: must be at least 1"},
		"deprecated memory":          {`,"memory":3`, "containerProperties.memory: must be a whole number of MiB, at least 4"},
		"fraction in an integer":     {`,"vcpus":1.5`, "containerProperties.vcpus: must not be a JSON number 1.5"},
		"secret without a name":      {`,"secrets":[{"name":"","valueFrom":"b"}]`, "containerProperties.secrets[0].name: is required"},
		"reserved secret":            {`,"secrets":[{"name":"AWS_BATCH_X","valueFrom":"b"}]`, "containerProperties.secrets[0].name: "},
		"secret twice":               {`,"secrets":[{"name":"A","valueFrom":"b"},{"name":"A","valueFrom":"c"}]`, `containerProperties.secrets[1].name: "A" is given twice`},
		"secret from nowhere":        {`,"secrets":[{"name":"A","valueFrom":"arn:aws:s3:::b"}]`, `containerProperties.secrets[0].valueFrom: "arn:aws:s3:::b" must be the ARN of a Secrets Manager secret`},
		"secret of a version":        {`,"secrets":[{"name":"A","valueFrom":"arn:aws:secretsmanager:r:1:secret:a-AbCdEf:k:v1:"}]`, "containerProperties.secrets[0].valueFrom: "},
		"secret and variable":        {`,"secrets":[{"name":"A","valueFrom":"b"}],"environment":[{"name":"A"}]`, `containerProperties.environment[0].name: "A" is the name of a secret, too`},
		"credentials of nobody":      {`,"repositoryCredentials":{"credentialsParameter":""}`, "containerProperties.repositoryCredentials.credentialsParameter: "},
		"device without privileges":  {`,"linuxParameters":{"devices":[{"hostPath":"/dev/fuse"}]}`, "containerProperties.linuxParameters.devices[0]: needs privileged to be true"},
		"relative device":            {`,"privileged":true,"linuxParameters":{"devices":[{"hostPath":"dev"}]}`, "containerProperties.linuxParameters.devices[0].hostPath: "},
		"device at a mount":          {`,"privileged":true,"linuxParameters":{"devices":[{"hostPath":"/dev/a"},{"hostPath":"/dev/b","containerPath":"/dev/a"}]}`, `containerProperties.linuxParameters.devices[1].containerPath: "/dev/a" is mounted twice`},
		"unknown file system":        {`,"volumes":[{"name":"a","efsVolumeConfiguration":{"fileSystemId":"fs-9"}}]`, `containerProperties.volumes[0].efsVolumeConfiguration.fileSystemId: "fs-9" is not known to this server`},
		"unknown access point":       {`,"volumes":[{"name":"a","efsVolumeConfiguration":{"fileSystemId":"fs-1","authorizationConfig":{"accessPointId":"fsap-9"}}}]`, `containerProperties.volumes[0].efsVolumeConfiguration.authorizationConfig.accessPointId: "fsap-9" is not known`},
		"file system with backsteps": {`,"volumes":[{"name":"a","efsVolumeConfiguration":{"fileSystemId":"fs-1","rootDirectory":"/../b"}}]`, "containerProperties.volumes[0].efsVolumeConfiguration.rootDirectory: "},
		"file system and host path":  {`,"volumes":[{"name":"a","host":{"sourcePath":"/a"},"efsVolumeConfiguration":{"fileSystemId":"fs-1"}}]`, "containerProperties.volumes[0].efsVolumeConfiguration: must not be given beside host"},
		"S3 files":                   {`,"volumes":[{"name":"a","s3filesVolumeConfiguration":{"fileSystemArn":"a"}}]`, "containerProperties.volumes[0].s3filesVolumeConfiguration is not supported by this server"},
		"public address on EC2":      {`,"networkConfiguration":{"assignPublicIp":"DISABLED"}`, "networkConfiguration not applicable for EC2."},
		"Fargate's version on EC2":   {`,"fargatePlatformConfiguration":{"platformVersion":"LATEST"}`, "fargatePlatformConfiguration not applicable for EC2. containerProperties.fargatePlatformConfiguration.platformVersion"},
		"Fargate's storage on EC2":   {`,"ephemeralStorage":{"sizeInGiB":21}`, "ephemeralStorage not applicable for EC2."},
		"architecture":               {`,"runtimePlatform":{"cpuArchitecture":"amd64"}`, `containerProperties.runtimePlatform.cpuArchitecture: "amd64" must be one of [X86_64 ARM64]`},
		"Windows":                    {`,"runtimePlatform":{"operatingSystemFamily":"WINDOWS_SERVER_2022_CORE"}`, "containerProperties.runtimePlatform.operatingSystemFamily: "},
		"vCPU of 1.0":                {`,"resourceRequirements":[{"type":"VCPU","value":"1.0"}]`, "Value 1.0 for type VCPU in resourceRequirement is not valid. Please provide a numeric value."},
		"user by name":               {`,"user":"nobody"`, "User 'nobody' does not match regex ^([0-9]+)(:[0-9]+)?$"},
		"user out of range":          {`,"user":"4294967296"`, "containerProperties.user: "},
		"group out of range":         {`,"user":"1:99999999999999999999"`, "containerProperties.user: "},
		"reserved environment":       {`,"environment":[{"name":"AWS_BATCH_JOB_ID","value":"x"}]`, `containerProperties.environment[0].name: "AWS_BATCH_JOB_ID": names must not begin with AWS_BATCH`},
		"environment without name":   {`,"environment":[{"value":"x"}]`, "containerProperties.environment[0].name: is required"},
		"environment name":           {`,"environment":[{"name":"a b"}]`, `containerProperties.environment[0].name: "a b"`},
		"NUL in the environment":     {`,"environment":[{"name":"A","value":"\u0000"}]`, "containerProperties.environment[0].value: must not contain a NUL"},
		"NUL in the command":         {`,"command":["a","\u0000"]`, "containerProperties.command[1]: must not contain a NUL"},
		"mount of no volume":         {`,"mountPoints":[{"sourceVolume":"a","containerPath":"/a"}]`, `containerProperties.mountPoints[0].sourceVolume: no volume has the name "a"`},
		"mount without volume":       {`,"mountPoints":[{"containerPath":"/a"}]`, `containerProperties.mountPoints[0].sourceVolume: no volume has the name ""`},
		"mount without path":         {`,"volumes":[{"name":"a"}],"mountPoints":[{"sourceVolume":"a"}]`, "containerProperties.mountPoints[0].containerPath: is required"},
		"relative mount":             {`,"volumes":[{"name":"a"}],"mountPoints":[{"sourceVolume":"a","containerPath":"a"}]`, `containerProperties.mountPoints[0].containerPath: "a" must be an absolute path`},
		"mount of the root":          {`,"volumes":[{"name":"a"}],"mountPoints":[{"sourceVolume":"a","containerPath":"/b/.."}]`, "containerProperties.mountPoints[0].containerPath: "},
		"path mounted twice":         {`,"volumes":[{"name":"a"}],"mountPoints":[{"sourceVolume":"a","containerPath":"/a"},{"sourceVolume":"a","containerPath":"/a/"}]`, `containerProperties.mountPoints[1].containerPath: "/a" is mounted twice`},
		"volume given twice":         {`,"volumes":[{"name":"a"},{"name":"a"}]`, `containerProperties.volumes[1].name: "a" is given twice`},
		"volume without name":        {`,"volumes":[{}]`, "containerProperties.volumes[0].name: is required"},
		"relative source":            {`,"volumes":[{"name":"a","host":{"sourcePath":"a"}}]`, "containerProperties.volumes[0].host.sourcePath: "},
		"source with backsteps":      {`,"volumes":[{"name":"a","host":{"sourcePath":"/a/../b"}}]`, "containerProperties.volumes[0].host.sourcePath: "},
		"negative shared memory":     {`,"linuxParameters":{"sharedMemorySize":-1}`, "containerProperties.linuxParameters.sharedMemorySize: "},
		"shared memory twice":        {`,"linuxParameters":{"sharedMemorySize":1,"tmpfs":[{"containerPath":"/dev/shm","size":1}]}`, "containerProperties.linuxParameters.sharedMemorySize: "},
		"tmpfs without size":         {`,"linuxParameters":{"tmpfs":[{"containerPath":"/a","size":0}]}`, "containerProperties.linuxParameters.tmpfs[0].size: "},
		"the model's rules as well":  {`,"logConfiguration":{"logDriver":"paper"}`, "containerProperties.logConfiguration.logDriver: must be one of"},
		"a wrong JSON type":          {`,"environment":{"A":"b"}`, "containerProperties.environment: must not be a JSON object"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRefusal(t, ValidateDefinition(container(tc.members), testOptions), tc.want)
		})
	}
}

func TestValidateDefinitionRefusesPods(t *testing.T) {
	t.Parallel()
	const first, spec = "eksProperties.podProperties.containers[0].", "eksProperties.podProperties."
	volumes := func(list string) batch.JobDefinition { return pod("", `,"volumes":[`+list+`]`) }
	mounts := func(list string) batch.JobDefinition {
		return pod(`,"volumeMounts":[`+list+`]`, `,"volumes":[{"name":"a","emptyDir":{}}]`)
	}
	metadata := func(members string) batch.JobDefinition { return pod("", `,"metadata":{`+members+`}`) }
	cases := map[string]struct {
		def  batch.JobDefinition
		want string
	}{
		"no image":                     {pod(`,"image":null`, ""), first + "image: is required"},
		"container name":               {pod(`,"name":"a_b"`, ""), first + `name: "a_b"`},
		"long container name":          {pod(`,"name":"`+strings.Repeat("a", 64)+`"`, ""), first + "name: "},
		"two containers unnamed":       {pod("", `,"initContainers":[{"image":"busybox"}]`), first + `name: "default" is given twice, or left out`},
		"pull policy":                  {pod(`,"imagePullPolicy":"Sometimes"`, ""), first + `imagePullPolicy: "Sometimes" must be one of`},
		"reserved environment":         {pod(`,"env":[{"name":"AWS_BATCH"}]`, ""), first + "env[0].name: "},
		"environment without name":     {pod(`,"env":[{"value":"a"}]`, ""), first + "env[0].name: is required"},
		"NUL in args":                  {pod(`,"args":["\u0000"]`, ""), first + "args[0]: "},
		"cpu in thousandths":           {resources(`"cpu":"250m"`, ""), first + `resources.limits[cpu]: "250m" must be a positive multiple of 0.25`},
		"cpu of an eighth":             {resources("", `"cpu":"0.125"`), first + "resources.requests[cpu]: "},
		"cpu with an exponent":         {resources("", `"cpu":"1e3"`), first + "resources.requests[cpu]: "},
		"cpu limit below request":      {resources(`"cpu":"1"`, `"cpu":"2"`), first + "resources: cpu in limits must be at least cpu in requests"},
		"memory in another unit":       {resources(`"memory":"1Gi"`, ""), first + `resources.limits[memory]: "1Gi" must be a whole number with the suffix "Mi", at least 4Mi`},
		"memory without unit":          {resources(`"memory":"1024"`, ""), first + "resources.limits[memory]: "},
		"a fraction of memory":         {resources(`"memory":"64.5Mi"`, ""), first + "resources.limits[memory]: "},
		"memory below 4Mi":             {resources(`"memory":"3Mi"`, ""), first + "resources.limits[memory]: "},
		"memory request not limit":     {resources(`"memory":"8Mi"`, `"memory":"4Mi"`), first + "resources: memory in limits must equal"},
		"a fraction of a GPU":          {resources(`"nvidia.com/gpu":"0.5"`, ""), first + "resources.limits[nvidia.com/gpu]: "},
		"GPU request not limit":        {resources(`"nvidia.com/gpu":"2"`, `"nvidia.com/gpu":"1"`), first + "resources: nvidia.com/gpu in limits must equal"},
		"another resource":             {resources(`"ephemeral-storage":"1Gi"`, ""), first + `resources.limits: "ephemeral-storage" is not known`},
		"mount of no volume":           {mounts(`{"name":"b","mountPath":"/b"}`), first + `volumeMounts[0].name: no volume has the name "b"`},
		"mount without path":           {mounts(`{"name":"a"}`), first + "volumeMounts[0].mountPath: is required"},
		"path mounted twice":           {mounts(`{"name":"a","mountPath":"/a"},{"name":"a","mountPath":"/a"}`), first + "volumeMounts[1].mountPath: "},
		"absolute sub-path":            {mounts(`{"name":"a","mountPath":"/a","subPath":"/b"}`), first + "volumeMounts[0].subPath: "},
		"sub-path with backsteps":      {mounts(`{"name":"a","mountPath":"/a","subPath":"b/../.."}`), first + "volumeMounts[0].subPath: "},
		"privileged, not escalating":   {pod(`,"securityContext":{"privileged":true,"allowPrivilegeEscalation":false}`, ""), first + "securityContext.allowPrivilegeEscalation: "},
		"root, but not root":           {pod(`,"securityContext":{"runAsUser":0,"runAsNonRoot":true}`, ""), first + "securityContext.runAsUser: "},
		"negative user":                {pod(`,"securityContext":{"runAsUser":-1}`, ""), first + "securityContext.runAsUser: must be 0 to 2147483647"},
		"large group":                  {pod(`,"securityContext":{"runAsGroup":2147483648}`, ""), first + "securityContext.runAsGroup: "},
		"too many containers":          {pod("", `,"initContainers":[`+strings.Repeat(`{"image":"a"},`, 10)+`{"image":"a"}]`), spec + "initContainers: must have at most 10 members"},
		"service account":              {pod("", `,"serviceAccountName":"A"`), spec + `serviceAccountName: "A"`},
		"DNS policy":                   {pod("", `,"dnsPolicy":"None"`), spec + `dnsPolicy: "None" must be one of [Default ClusterFirst ClusterFirstWithHostNet]`},
		"pull secret":                  {pod("", `,"imagePullSecrets":[{"name":""}]`), spec + "imagePullSecrets[0].name: "},
		"volume given twice":           {volumes(`{"name":"a","emptyDir":{}},{"name":"a","emptyDir":{}}`), spec + `volumes[1].name: "a" is given twice`},
		"volume name":                  {volumes(`{"name":"a.b","emptyDir":{}}`), spec + `volumes[0].name: "a.b"`},
		"volume without source":        {volumes(`{"name":"a"}`), spec + "volumes[0]: must have exactly one of"},
		"volume with two sources":      {volumes(`{"name":"a","emptyDir":{},"hostPath":{"path":"/a"}}`), spec + "volumes[0]: must have exactly one of"},
		"host path missing":            {volumes(`{"name":"a","hostPath":{}}`), spec + "volumes[0].hostPath.path: "},
		"medium":                       {volumes(`{"name":"a","emptyDir":{"medium":"Tape"}}`), spec + "volumes[0].emptyDir.medium: "},
		"size limit":                   {volumes(`{"name":"a","emptyDir":{"sizeLimit":"1e999999999"}}`), spec + "volumes[0].emptyDir.sizeLimit: "},
		"negative size limit":          {volumes(`{"name":"a","emptyDir":{"sizeLimit":"-1Gi"}}`), spec + "volumes[0].emptyDir.sizeLimit: "},
		"secret name":                  {volumes(`{"name":"a","secret":{"secretName":"A"}}`), spec + "volumes[0].secret.secretName: "},
		"claim name":                   {volumes(`{"name":"a","persistentVolumeClaim":{"claimName":""}}`), spec + "volumes[0].persistentVolumeClaim.claimName: "},
		"namespace default":            {metadata(`"namespace":"default"`), spec + "metadata.namespace: "},
		"namespace of Kubernetes":      {metadata(`"namespace":"kube-system"`), spec + "metadata.namespace: "},
		"namespace syntax":             {metadata(`"namespace":"a.b"`), spec + `metadata.namespace: "a.b"`},
		"label of Kubernetes":          {metadata(`"labels":{"kubernetes.io/a":"b"}`), spec + `metadata.labels: "kubernetes.io/a": keys of kubernetes.io are reserved`},
		"label of AWS Batch":           {metadata(`"labels":{"batch.amazonaws.com/job-id":"b"}`), spec + "metadata.labels: "},
		"label of Muster":              {metadata(`"labels":{"muster.sh/gang":"b"}`), spec + "metadata.labels: "},
		"label of a pod group":         {metadata(`"labels":{"scheduling.x-k8s.io/pod-group":"b"}`), spec + "metadata.labels: "},
		"label key":                    {metadata(`"labels":{"a b":"c"}`), spec + `metadata.labels: "a b"`},
		"label value":                  {metadata(`"labels":{"a":"b/c"}`), spec + `metadata.labels[a]: "b/c"`},
		"annotation of Muster":         {metadata(`"annotations":{"MUSTER.sh/job":"b"}`), spec + "metadata.annotations: "},
		"annotation with a meaning":    {metadata(`"annotations":{"container.apparmor.security.beta.kubernetes.io/x":"b"}`), spec + "metadata.annotations: "},
		"annotation with a rule":       {metadata(`"annotations":{"controller.kubernetes.io/pod-deletion-cost":"b"}`), spec + "metadata.annotations: "},
		"annotation key":               {metadata(`"annotations":{"a/b/c":"d"}`), spec + "metadata.annotations: "},
		"long annotation":              {metadata(`"annotations":{"a":"` + strings.Repeat("b", 256) + `"}`), spec + "metadata.annotations[a]: must have at most 255 characters"},
		"a quantity of 257 characters": {resources(`"cpu":"`+strings.Repeat("1", 257)+`"`, ""), first + "resources.limits"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRefusal(t, ValidateDefinition(tc.def, testOptions), tc.want)
		})
	}
}

func TestValidateDefinitionWantsOneKindOfProperties(t *testing.T) {
	t.Parallel()
	const both = "exactly one of containerProperties, ecsProperties and eksProperties must be given"
	cases := map[string]struct {
		def  batch.JobDefinition
		want string
	}{
		"multi-node":          {batch.JobDefinition{Type: "multinode"}, "nodeProperties and no other properties must be given when type is multinode"},
		"neither":             {batch.JobDefinition{Type: "container"}, both},
		"null":                {batch.JobDefinition{Type: "container", ContainerProperties: json.RawMessage("null")}, both},
		"both":                {batch.JobDefinition{Type: "container", ContainerProperties: json.RawMessage("{}"), EKSProperties: json.RawMessage("{}")}, both},
		"empty":               {batch.JobDefinition{Type: "container", ContainerProperties: json.RawMessage("{}")}, "containerProperties.image: is required"},
		"a string":            {batch.JobDefinition{Type: "container", ContainerProperties: json.RawMessage(`"a"`)}, "containerProperties: must not be a JSON string"},
		"not JSON":            {batch.JobDefinition{Type: "container", ContainerProperties: json.RawMessage(`{`)}, "containerProperties: is not JSON"},
		"no pod properties":   {batch.JobDefinition{Type: "container", EKSProperties: json.RawMessage("{}")}, "eksProperties.podProperties: is required"},
		"a pod of nothing":    {batch.JobDefinition{Type: "container", EKSProperties: json.RawMessage(`{"podProperties":{}}`)}, "eksProperties.podProperties.containers: must have at least 1 member"},
		"a container of null": {batch.JobDefinition{Type: "container", EKSProperties: json.RawMessage(`{"podProperties":{"containers":[null]}}`)}, "eksProperties.podProperties.containers[0].image: is required"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRefusal(t, ValidateDefinition(tc.def, testOptions), tc.want)
		})
	}
}
