// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/podspec"
)

// What becomes of an attempt: the caller may not, nobody may, or what would escalate is no part of the API and left out.
const (
	mayNot  = http.StatusForbidden
	refused = http.StatusBadRequest
	dropped = http.StatusOK
)

// Definitions of which an attempt is a part, at X; the others have nothing at X.
const (
	podMember       = `"eksProperties":{"podProperties":{X"containers":[{"image":"i","resources":{"limits":{"cpu":"1","memory":"64Mi"}}}]}}`
	podContainer    = `"eksProperties":{"podProperties":{"containers":[{X"image":"i","resources":{"limits":{"cpu":"1","memory":"64Mi"}}}]}}`
	initContainer   = `"eksProperties":{"podProperties":{"initContainers":[{X"name":"early","image":"i","resources":{"limits":{"cpu":"1","memory":"64Mi"}}}],"containers":[{"image":"i","resources":{"limits":{"cpu":"1","memory":"64Mi"}}}]}}`
	podVolume       = `"eksProperties":{"podProperties":{"volumes":[{"name":"v",X}],"containers":[{"image":"i","volumeMounts":[{"name":"v","mountPath":"/v"}],"resources":{"limits":{"cpu":"1","memory":"64Mi"}}}]}}`
	containerMember = `"containerProperties":{X"image":"i","vcpus":1,"memory":64}`
	taskMember      = `"ecsProperties":{"taskProperties":[{X"containers":[{"name":"c","image":"i","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}]}]}`
	taskContainer   = `"ecsProperties":{"taskProperties":[{"containers":[{X"name":"c","image":"i","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}]}]}`
	secondNode      = `"nodeProperties":{"numNodes":2,"mainNode":0,"nodeRangeProperties":[{"targetNodes":"0:0",` + podMember0 + `},{"targetNodes":"1:1",` + podContainer + `}]}`
	podMember0      = `"eksProperties":{"podProperties":{"containers":[{"image":"i","resources":{"limits":{"cpu":"1","memory":"64Mi"}}}]}}`
	fargateMember   = `"platformCapabilities":["FARGATE"],"containerProperties":{X"image":"i","executionRoleArn":"arn:aws:iam::123456789012:role/r","resourceRequirements":[{"type":"VCPU","value":"0.25"},{"type":"MEMORY","value":"512"}]}`
)

// attempts are at definitions.
var attempts = []struct {
	name, definition, part string
	want                   int
}{
	{"the host's root", podVolume, `"hostPath":{"path":"/"}`, mayNot},
	{"the runtime's socket", podVolume, `"hostPath":{"path":"/run/containerd/containerd.sock"}`, mayNot},
	{"the kubelet's credentials", podVolume, `"hostPath":{"path":"/var/lib/kubelet/pki"}`, mayNot},
	{"the host's processes", podVolume, `"hostPath":{"path":"/proc"}`, mayNot},
	{"a path that steps back", podVolume, `"hostPath":{"path":"/data/../etc"}`, refused},
	{"a relative path", podVolume, `"hostPath":{"path":"../etc"}`, refused},
	{"a path with a NUL", podVolume, `"hostPath":{"path":"/data\u0000/etc"}`, refused},
	{"no path", podVolume, `"hostPath":{}`, refused},
	{"two sources of one volume", podVolume, `"emptyDir":{},"hostPath":{"path":"/etc"}`, refused},
	{"another's secret as a volume", podVolume, `"secret":{"secretName":"db"}`, mayNot},
	{"a secret that may be missing", podVolume, `"secret":{"secretName":"db","optional":true}`, mayNot},
	{"a secret by a path", podVolume, `"secret":{"secretName":"../db"}`, refused},
	{"another's claim", podVolume, `"persistentVolumeClaim":{"claimName":"data"}`, mayNot},
	{"a claim, to be read", podVolume, `"persistentVolumeClaim":{"claimName":"data","readOnly":true}`, mayNot},
	{"a token of an account", podVolume, `"projected":{"sources":[{"serviceAccountToken":{"path":"t","audience":"muster.sh"}}]}`, refused},
	{"a volume of a CSI driver", podVolume, `"csi":{"driver":"secrets-store.csi.k8s.io"}`, refused},
	{"a server of NFS", podVolume, `"nfs":{"server":"10.0.0.1","path":"/"}`, refused},
	{"a ConfigMap", podVolume, `"configMap":{"name":"kube-root-ca.crt"}`, refused},
	{"the pod's own metadata", podVolume, `"downwardAPI":{}`, refused},
	{"a sub-path that steps back", `"eksProperties":{"podProperties":{"volumes":[{"name":"v","emptyDir":{}}],"containers":[{"image":"i","volumeMounts":[{"name":"v","mountPath":"/v",X}],"resources":{"limits":{"cpu":"1","memory":"64Mi"}}}]}}`, `"subPath":"../../etc"`, refused},
	{"an absolute sub-path", `"eksProperties":{"podProperties":{"volumes":[{"name":"v","emptyDir":{}}],"containers":[{"image":"i","volumeMounts":[{"name":"v","mountPath":"/v",X}],"resources":{"limits":{"cpu":"1","memory":"64Mi"}}}]}}`, `"subPath":"/etc"`, refused},

	{"privileged", podContainer, `"securityContext":{"privileged":true},`, mayNot},
	{"privileged at first", initContainer, `"securityContext":{"privileged":true},`, mayNot},
	{"privileged on the second node", secondNode, `"securityContext":{"privileged":true},`, mayNot},
	{"privileged, as root", podContainer, `"securityContext":{"privileged":true,"runAsUser":0},`, mayNot},
	{"privileged without saying so", podContainer, `"securityContext":{"privileged":true,"allowPrivilegeEscalation":false},`, refused},
	{"a user that is none", podContainer, `"securityContext":{"runAsUser":-1},`, refused},
	{"a group that is none", podContainer, `"securityContext":{"runAsGroup":4294967296},`, refused},
	{"root that is not root", podContainer, `"securityContext":{"runAsNonRoot":true,"runAsUser":0},`, refused},
	{"the host's network", podMember, `"hostNetwork":true,`, mayNot},
	{"the host's network by a policy of names", podMember, `"dnsPolicy":"None",`, refused},
	{"another account", podMember, `"serviceAccountName":"robot",`, mayNot},
	{"the account of queue-api", podMember, `"serviceAccountName":"queue-api",`, mayNot},
	{"an account by a path", podMember, `"serviceAccountName":"../../muster-system/queue-api",`, refused},
	{"a secret to pull with", podMember, `"imagePullSecrets":[{"name":"registry"}],`, mayNot},
	{"the programs' namespace", podMember, `"metadata":{"namespace":"muster-system"},`, mayNot},
	{"another's namespace", podMember, `"metadata":{"namespace":"blue"},`, mayNot},
	{"Kubernetes' namespace", podMember, `"metadata":{"namespace":"kube-system"},`, refused},
	{"another of Kubernetes'", podMember, `"metadata":{"namespace":"kube-public"},`, refused},
	{"the default namespace", podMember, `"metadata":{"namespace":"default"},`, refused},
	{"a namespace by a path", podMember, `"metadata":{"namespace":"a/../kube-system"},`, refused},

	{"another job's id", podMember, `"metadata":{"labels":{"batch.amazonaws.com/job-id":"j"}},`, refused},
	{"another environment", podMember, `"metadata":{"labels":{"batch.amazonaws.com/compute-environment-uuid":"e"}},`, refused},
	{"another's gang", podMember, `"metadata":{"labels":{"muster.sh/gang":"g"}},`, refused},
	{"another's gang of PodGroups", podMember, `"metadata":{"labels":{"scheduling.x-k8s.io/pod-group":"g"}},`, refused},
	{"another shape", podMember, `"metadata":{"labels":{"muster.sh/shape":"s"}},`, refused},
	{"a client of the Batch API", podMember, `"metadata":{"labels":{"muster.sh/batch-client":"true"}},`, refused},
	{"a better rank", podMember, `"metadata":{"annotations":{"muster.sh/rank":"0"}},`, refused},
	{"preemption", podMember, `"metadata":{"annotations":{"muster.sh/preemption":"enabled"}},`, refused},
	{"another record", podMember, `"metadata":{"annotations":{"muster.sh/job":"{}"}},`, refused},
	{"in capitals", podMember, `"metadata":{"annotations":{"MUSTER.SH/job":"{}"}},`, refused},
	{"another node", podMember, `"metadata":{"annotations":{"batch.amazonaws.com/node-uid":"u"}},`, refused},
	{"no seccomp", podMember, `"metadata":{"annotations":{"seccomp.security.alpha.kubernetes.io/pod":"unconfined"}},`, refused},
	{"no seccomp of a container", podMember, `"metadata":{"annotations":{"container.seccomp.security.alpha.kubernetes.io/default":"unconfined"}},`, refused},
	{"no AppArmor", podMember, `"metadata":{"annotations":{"container.apparmor.security.beta.kubernetes.io/default":"unconfined"}},`, refused},
	{"a cost of deletion", podMember, `"metadata":{"annotations":{"controller.kubernetes.io/pod-deletion-cost":"1"}},`, refused},
	{"a mirror of a static pod", podMember, `"metadata":{"annotations":{"kubernetes.io/config.mirror":"x"}},`, refused},
	{"a label that is none", podMember, `"metadata":{"labels":{"a b":"c"}},`, refused},
	{"a value that is none", podMember, `"metadata":{"labels":{"a":"$(x)"}},`, refused},

	{"another job's id in the environment", podContainer, `"env":[{"name":"AWS_BATCH_JOB_ID","value":"j"}],`, refused},
	{"names that AWS may give one day", podContainer, `"env":[{"name":"AWS_BATCH_X","value":"j"}],`, refused},
	{"a name that is none", podContainer, `"env":[{"name":"A=B","value":"j"}],`, refused},
	{"a value with a NUL", podContainer, `"env":[{"name":"A","value":"\u0000"}],`, refused},
	{"an image that is none", strings.ReplaceAll(podContainer, `"image":"i"`, `"image":"-v /:/host i"`), "", refused},
	{"a policy that is none", podContainer, `"imagePullPolicy":"Whenever",`, refused},

	{"a container's host path", containerMember, `"volumes":[{"name":"v","host":{"sourcePath":"/etc"}}],"mountPoints":[{"sourceVolume":"v","containerPath":"/v"}],`, mayNot},
	{"a privileged container", containerMember, `"privileged":true,`, mayNot},
	{"a device of the host", containerMember, `"linuxParameters":{"devices":[{"hostPath":"/dev/kmsg"}]},`, refused},
	{"a device, privileged", containerMember, `"privileged":true,"linuxParameters":{"devices":[{"hostPath":"/dev/kmsg"}]},`, mayNot},
	{"a role that stands for no account", containerMember, `"jobRoleArn":"arn:aws:iam::123456789012:role/admin",`, dropped},
	{"a file system of nobody's", containerMember, `"volumes":[{"name":"v","efsVolumeConfiguration":{"fileSystemId":"fs-1"}}],`, refused},
	{"another's secret in the environment", containerMember, `"secrets":[{"name":"S","valueFrom":"db"}],`, mayNot},
	{"a container's reserved name", containerMember, `"environment":[{"name":"AWS_BATCH_JOB_ID","value":"j"}],`, refused},
	{"privileged on Fargate", fargateMember, `"privileged":true,`, refused},
	{"the host on Fargate", fargateMember, `"volumes":[{"name":"v","host":{"sourcePath":"/etc"}}],`, refused},
	{"a task's host path", taskMember, `"volumes":[{"name":"v","host":{"sourcePath":"/etc"}}],`, mayNot},
	{"the host's processes, of a task", taskMember, `"pidMode":"host",`, mayNot},
	{"the host's memory, of a task", taskMember, `"ipcMode":"host",`, mayNot},
	{"a task's privileged container", taskContainer, `"privileged":true,`, mayNot},
	{"a task's credentials of a registry", taskContainer, `"repositoryCredentials":{"credentialsParameter":"registry"},`, mayNot},

	{"a node by its name", podMember, `"nodeName":"control-plane",`, dropped},
	{"another scheduler", podMember, `"schedulerName":"default-scheduler",`, dropped},
	{"taints of others", podMember, `"tolerations":[{"operator":"Exists"}],`, dropped},
	{"nodes of others", podMember, `"nodeSelector":{"node-role.kubernetes.io/control-plane":""},`, dropped},
	{"affinity", podMember, `"affinity":{"nodeAffinity":{}},`, dropped},
	{"a priority", podMember, `"priorityClassName":"system-node-critical",`, dropped},
	{"another runtime", podMember, `"runtimeClassName":"unsafe",`, dropped},
	{"the host's processes, of a pod", podMember, `"hostPID":true,"hostIPC":true,`, dropped},
	{"sysctls", podMember, `"securityContext":{"sysctls":[{"name":"kernel.msgmax","value":"1"}]},`, dropped},
	{"a token", podMember, `"automountServiceAccountToken":true,`, dropped},
	{"an ephemeral container", podMember, `"ephemeralContainers":[{"name":"e","image":"i","securityContext":{"privileged":true}}],`, dropped},
	{"an owner", podMember, `"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"n","uid":"u"}]},`, dropped},
	{"a finalizer", podMember, `"metadata":{"finalizers":["example.com/never"]},`, dropped},
	{"a name", podMember, `"metadata":{"name":"kube-apiserver"},`, dropped},
	{"capabilities", podContainer, `"securityContext":{"capabilities":{"add":["SYS_ADMIN"]}},`, dropped},
	{"the whole of /proc", podContainer, `"securityContext":{"procMount":"Unmasked"},`, dropped},
	{"no seccomp, as a field", podContainer, `"securityContext":{"seccompProfile":{"type":"Unconfined"}},`, dropped},
	{"another SELinux type", podContainer, `"securityContext":{"seLinuxOptions":{"type":"spc_t"}},`, dropped},
	{"a port of the host", podContainer, `"ports":[{"containerPort":80,"hostPort":80}],`, dropped},
	{"a variable from a secret", strings.Replace(podContainer, "X", `"env":[{"name":"A"X}],`, 1), `,"valueFrom":{"secretKeyRef":{"name":"db","key":"k"}}`, dropped},
	{"all variables from a secret", podContainer, `"envFrom":[{"secretRef":{"name":"db"}}],`, dropped},
	{"a hook of the kubelet's", podContainer, `"lifecycle":{"postStart":{"httpGet":{"host":"169.254.169.254","port":80}}},`, dropped},
	{"a device of a volume", podContainer, `"volumeDevices":[{"name":"v","devicePath":"/dev/x"}],`, dropped},
}

// overrides are attempts at submitting; X is the definition of one plain pod, container, task or two nodes.
var overrides = []struct {
	name, definition, override string
	want                       int
}{
	{"the host's network by an override", podMember, `"eksPropertiesOverride":{"podProperties":{"hostNetwork":true}}`, dropped},
	{"an account by an override", podMember, `"eksPropertiesOverride":{"podProperties":{"serviceAccountName":"robot"}}`, dropped},
	{"a volume by an override", podMember, `"eksPropertiesOverride":{"podProperties":{"volumes":[{"name":"v","hostPath":{"path":"/"}}]}}`, dropped},
	{"privileged by an override", podMember, `"eksPropertiesOverride":{"podProperties":{"containers":[{"securityContext":{"privileged":true}}]}}`, dropped},
	{"one container more by an override", podMember, `"eksPropertiesOverride":{"podProperties":{"containers":[{"name":"other","image":"i"}]}}`, refused},
	{"the programs' namespace by an override", podMember, `"eksPropertiesOverride":{"podProperties":{"metadata":{"namespace":"muster-system"}}}`, mayNot},
	{"Kubernetes' namespace by an override", podMember, `"eksPropertiesOverride":{"podProperties":{"metadata":{"namespace":"kube-system"}}}`, refused},
	{"a gang by an override", podMember, `"eksPropertiesOverride":{"podProperties":{"metadata":{"labels":{"muster.sh/gang":"g"}}}}`, refused},
	{"a rank by an override", podMember, `"eksPropertiesOverride":{"podProperties":{"metadata":{"annotations":{"muster.sh/rank":"0"}}}}`, refused},
	{"a reserved name by an override", podMember, `"eksPropertiesOverride":{"podProperties":{"containers":[{"env":[{"name":"AWS_BATCH_JOB_ID","value":"j"}]}]}}`, refused},
	{"an image that is none by an override", podMember, `"eksPropertiesOverride":{"podProperties":{"containers":[{"image":"a b"}]}}`, refused},
	{"an exponent by an override", podMember, `"eksPropertiesOverride":{"podProperties":{"containers":[{"resources":{"limits":{"cpu":"1e99","memory":"64Mi"}}}]}}`, refused},
	{"a container's reserved name by an override", containerMember, `"containerOverrides":{"environment":[{"name":"AWS_BATCH_JOB_ID","value":"j"}]}`, refused},
	{"a container's privileges by an override", containerMember, `"containerOverrides":{"privileged":true,"volumes":[{"name":"v","host":{"sourcePath":"/etc"}}]}`, dropped},
	{"a task's reserved name by an override", taskMember, `"ecsPropertiesOverride":{"taskProperties":[{"containers":[{"name":"c","environment":[{"name":"AWS_BATCH_JOB_ID","value":"j"}]}]}]}`, refused},
	{"a task's other container by an override", taskMember, `"ecsPropertiesOverride":{"taskProperties":[{"containers":[{"name":"d"}]}]}`, refused},
	{"a node's reserved name by an override", secondNode, `"nodeOverrides":{"nodePropertyOverrides":[{"targetNodes":"1:1","eksPropertiesOverride":{"podProperties":{"metadata":{"labels":{"muster.sh/gang":"g"}}}}}]}`, refused},
	{"nodes without end by an override", secondNode, `"nodeOverrides":{"numNodes":1000000}`, refused},
	{"a parameter that would be a field", podMember, `"parameters":{"x":"\",\"hostNetwork\":true,\""}`, dropped},
	{"overrides of another kind", podMember, `"containerOverrides":{"command":["x"]}`, refused},
}

// TestEscalation has a tenant, who may register and submit what it likes, try to get at nodes, at others and at Kubernetes.
// Every attempt is refused in AWS's form, or what would have escalated is in no pod.
func TestEscalation(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	h.settle("red")
	count := map[int]int{}
	for i, a := range attempts {
		name := fmt.Sprintf("red-%d", i)
		definition := `{"jobDefinitionName":"` + name + `","type":"` + typeOf(a.definition) + `",` + strings.Replace(a.definition, "X", a.part, 1) + `}`
		checkVerdict(t, a.name, h.post("red", "RegisterJobDefinition", definition), a.want)
		count[a.want]++
		if a.want == dropped {
			checkPods(t, a.name, strings.Replace(a.definition, "X", a.part, 1), "{}", strings.Replace(a.definition, "X", "", 1))
		}
	}
	for i, o := range overrides {
		name, plain := fmt.Sprintf("red-o%d", i), strings.Replace(o.definition, "X", "", 1)
		h.must("red", "RegisterJobDefinition", `{"jobDefinitionName":"`+name+`","type":"`+typeOf(plain)+`",`+plain+`}`)
		job := `{"jobName":"j","jobQueue":"red-x","shareIdentifier":"s","jobDefinition":"` + name + `",` + o.override + `}`
		checkVerdict(t, o.name, h.post("red", "SubmitJob", job), o.want)
		count[o.want]++
		if o.want == dropped {
			checkPods(t, o.name, plain, "{"+o.override+"}", plain)
		}
	}
	t.Logf("%d attempts: %d denied, %d refused, %d without effect", len(attempts)+len(overrides), count[mayNot], count[refused], count[dropped])
	if count[mayNot]+count[refused] < 60 {
		t.Error("fewer than 60 attempts are refused")
	}
}

func typeOf(definition string) string {
	if strings.Contains(definition, "nodeProperties") {
		return "multinode"
	}
	return "container"
}

// checkVerdict holds a refusal to AWS's form.
func checkVerdict(t *testing.T, name string, got reply, want int) {
	t.Helper()
	code := map[int]string{mayNot: batch.CodeAccessDenied, refused: batch.CodeClient}[want]
	var message struct{ Message string }
	err := json.Unmarshal([]byte(got.body), &message)
	if got.status != want || got.code != code || err != nil || want != dropped && message.Message == "" {
		t.Errorf("%s: %d %s %s, want %d %s", name, got.status, got.code, got.body, want, code)
	}
}

// checkPods compares the pods that an attempt leads to with those of the same definition without it, and holds them to the
// baseline Pod Security Standard.
func checkPods(t *testing.T, name, definition, overrides, plain string) {
	t.Helper()
	got, want := templates(t, name, definition, overrides), templates(t, name, plain, "{}")
	if got != want {
		t.Errorf("%s: the pods are\n%s\nnot\n%s", name, got, want)
	}
}

// templates are the pods of a definition and overrides, as JSON.
func templates(t *testing.T, name, definition, overrides string) string {
	t.Helper()
	var d struct{ EksProperties, ContainerProperties, EcsProperties, NodeProperties json.RawMessage }
	var o struct{ EksPropertiesOverride, ContainerOverrides, EcsPropertiesOverride, NodeOverrides json.RawMessage }
	if err := json.Unmarshal([]byte("{"+definition+"}"), &d); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if err := json.Unmarshal([]byte(overrides), &o); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	spec, err := podspec.Merge(batch.JobDefinition{
		Name: "d", Revision: 1, Type: typeOf(definition), EKSProperties: d.EksProperties, ContainerProperties: d.ContainerProperties,
		ECSProperties: d.EcsProperties, NodeProperties: d.NodeProperties,
	}, batch.Job{EKSOverrides: o.EksPropertiesOverride, ContainerOverrides: o.ContainerOverrides, ECSOverrides: o.EcsPropertiesOverride, NodeOverrides: o.NodeOverrides})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	pods, err := podspec.Templates(spec, podspec.Options{Namespace: "muster-jobs"})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range pods {
		level := api.LevelVersion{Level: api.LevelBaseline, Version: api.LatestVersion()}
		if result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec)); !result.Allowed {
			t.Errorf("%s: %s", name, result.ForbiddenDetail())
		}
	}
	text, err := json.Marshal(pods)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
