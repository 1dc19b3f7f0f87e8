// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
)

func TestMergeRefuses(t *testing.T) {
	t.Parallel()
	const override = "eksPropertiesOverride.podProperties."
	two := pod("", `,"initContainers":[{"name":"a","image":"b"},{"name":"c","image":"d"}]`)
	ecs := func(members string) batch.Job {
		return batch.Job{Definition: batch.DefinitionRef{Name: "def", Revision: 1}, ContainerOverrides: json.RawMessage(members)}
	}
	eks := func(members string) batch.Job {
		return batch.Job{
			Definition:   batch.DefinitionRef{Name: "def", Revision: 1},
			EKSOverrides: json.RawMessage(`{"podProperties":{` + members + `}}`),
		}
	}
	cases := map[string]struct {
		def  batch.JobDefinition
		job  batch.Job
		want string
	}{
		"overrides of the other kind":  {container(""), eks(""), "eksPropertiesOverride: does not apply to job definition def:1, which has containerProperties"},
		"the other way round":          {pod("", ""), ecs(`{"vcpus":1}`), "containerOverrides: does not apply to job definition def:1, which has eksProperties"},
		"instance type":                {container(""), ecs(`{"instanceType":"c5.large"}`), "containerOverrides.instanceType: applies to multi-node"},
		"empty string in the command":  {container(""), ecs(`{"command":["a",""]}`), "containerOverrides.command[1]: must not be an empty string"},
		"reserved environment":         {container(""), ecs(`{"environment":[{"name":"AWS_BATCH_X"}]}`), "containerOverrides.environment[0].name: "},
		"a secret's name":              {container(`,"secrets":[{"name":"S","valueFrom":"s"}]`), ecs(`{"environment":[{"name":"S"}]}`), `containerOverrides.environment[0].name: "S" is the name of a secret, too`},
		"bad vCPU":                     {container(""), ecs(`{"resourceRequirements":[{"type":"VCPU","value":"x"}]}`), "Value x for type VCPU in resourceRequirement is not valid. Please provide a numeric value. containerOverrides."},
		"bad deprecated vCPU":          {container(""), ecs(`{"vcpus":-2}`), "containerOverrides.vcpus: "},
		"not an object":                {container(""), ecs(`[]`), "containerOverrides: must not be a JSON array"},
		"too long":                     {container(""), ecs(`{"command":["` + strings.Repeat("é", 8192) + `"]}`), "Container Overrides length must be at most 8192"},
		"NUL from a parameter":         {container(`,"command":["Ref::a"]`), batch.Job{Parameters: map[string]string{"a": "\x00"}}, "parameters[a]: must not contain a NUL"},
		"unknown container":            {pod("", ""), eks(`"containers":[{"name":"x"}]`), override + `containers[0].name: the job definition has no such container with the name "x"`},
		"name left out of two":         {two, eks(`"initContainers":[{}]`), override + "initContainers[0].name: is required unless"},
		"init container of none":       {pod("", ""), eks(`"initContainers":[{}]`), override + "initContainers[0].name: is required unless"},
		"one container twice":          {pod("", ""), eks(`"containers":[{},{"name":"default"}]`), override + `containers[1].name: "default" is overridden twice`},
		"image":                        {pod("", ""), eks(`"containers":[{"image":""}]`), override + "containers[0].image: is required"},
		"reserved environment in EKS":  {pod("", ""), eks(`"containers":[{"env":[{"name":"AWS_BATCH_X"}]}]`), override + "containers[0].env[0].name: "},
		"resources":                    {pod("", ""), eks(`"containers":[{"resources":{"limits":{"cpu":"1m"}}}]`), override + "containers[0].resources.limits[cpu]: "},
		"reserved label":               {pod("", ""), eks(`"metadata":{"labels":{"k8s.io/a":"b"}}`), override + "metadata.labels: "},
		"namespace":                    {pod("", ""), eks(`"metadata":{"namespace":"kube-public"}`), override + "metadata.namespace: "},
		"a definition that went wrong": {batch.JobDefinition{Type: "container"}, batch.Job{}, "exactly one of containerProperties, ecsProperties and eksProperties"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Merge(tc.def, tc.job)
			wantRefusal(t, err, tc.want)
		})
	}
}

func TestMergeLeavesItsArgumentsAlone(t *testing.T) {
	t.Parallel()
	for _, file := range inputFiles(t) {
		in, want := readDocument(t, file).input(), readDocument(t, file).input()
		spec, err := Merge(in.Definition, in.Job)
		if err != nil {
			t.Fatal(err)
		}
		// What is done to one result must not show in the arguments or in the next.
		scramble(reflect.ValueOf(&spec))
		if diff := cmp.Diff(want, in); diff != "" {
			t.Errorf("%s: arguments changed (-want +got):\n%s", file, diff)
		}
		again, _ := Merge(in.Definition, in.Job)
		fresh, _ := Merge(want.Definition, want.Job)
		if diff := cmp.Diff(fresh, again); diff != "" {
			t.Errorf("%s: results share memory (-want +got):\n%s", file, diff)
		}
	}
}

// scramble changes everything that v reaches.
func scramble(v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // what JSON is made of
	case reflect.Pointer:
		if !v.IsNil() {
			scramble(v.Elem())
		}
	case reflect.Struct:
		for _, f := range v.Fields() {
			scramble(f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			scramble(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			v.SetMapIndex(key, reflect.Zero(v.Type().Elem()))
		}
	case reflect.String:
		v.SetString(v.String() + "changed")
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	}
}

func TestSpaceInOverridesIsNotCounted(t *testing.T) {
	t.Parallel()
	job := batch.Job{ContainerOverrides: json.RawMessage(`{"command":["a"` + strings.Repeat(" ", 9000) + `]}`)}
	spec, err := Merge(container(""), job)
	if err != nil || !slices.Equal(spec.Container.Command, []string{"a"}) {
		t.Errorf("got %v, %v", spec.Container, err)
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	bare := batch.JobDefinition{Type: "container", ContainerProperties: json.RawMessage(`{"image":"a"}`)}
	cases := map[string]struct {
		def       batch.JobDefinition
		overrides string
		want      batch.Requests
		refusal   string
	}{
		"deprecated members count":         {def: container(""), want: batch.Requests{MilliVCPU: 1000, MemoryMiB: 64}},
		"requirements go before them":      {def: container(`,"resourceRequirements":[{"type":"VCPU","value":"0.75"}]`), want: batch.Requests{MilliVCPU: 750, MemoryMiB: 64}},
		"even before overrides of them":    {def: container(`,"resourceRequirements":[{"type":"MEMORY","value":"8"}]`), overrides: `{"memory":4096}`, want: batch.Requests{MilliVCPU: 1000, MemoryMiB: 8}},
		"all may come with the job":        {def: bare, overrides: `{"vcpus":2,"resourceRequirements":[{"type":"MEMORY","value":"8"},{"type":"GPU","value":"3"}]}`, want: batch.Requests{MilliVCPU: 2000, MemoryMiB: 8, GPU: 3}},
		"no vCPU":                          {def: bare, overrides: `{"memory":8}`, refusal: "vCPU is not provided."},
		"no memory":                        {def: bare, overrides: `{"vcpus":1}`, refusal: "Memory is not provided."},
		"no cpu in a pod":                  {def: resources(`"memory":"8Mi"`, ""), refusal: "vCPU is not provided."},
		"no memory in a pod":               {def: resources(`"cpu":"1"`, ""), refusal: "Memory is not provided."},
		"requests are counted, not limits": {def: resources(`"cpu":"4","memory":"8Mi"`, `"cpu":"0.5"`), want: batch.Requests{MilliVCPU: 500, MemoryMiB: 8}},
		"a pod's containers add up, its largest init container is the least": {
			def: pod(`,"name":"a","resources":{"limits":{"cpu":"1","memory":"8Mi"}}`,
				`,"initContainers":[{"name":"b","image":"b","resources":{"limits":{"cpu":"0.5","memory":"99Mi","nvidia.com/gpu":"1"}}}]`),
			want: batch.Requests{MilliVCPU: 1000, MemoryMiB: 99, GPU: 1},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, err := Merge(tc.def, batch.Job{ContainerOverrides: json.RawMessage(tc.overrides)})
			if err != nil {
				t.Fatal(err)
			}
			got, err := spec.Requests()
			if tc.refusal != "" {
				wantRefusal(t, err, tc.refusal)
				return
			}
			if err != nil || got != tc.want {
				t.Errorf("got %+v, %v, want %+v", got, err, tc.want)
			}
		})
	}
}

func TestParseVCPU(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int64{"1": 1000, "0.25": 250, "2.0": 2000, ".5": 500, "1.": 1000, "007": 7000, "96.75": 96750, "999999999": 999999999000} {
		if got, ok := parseVCPU(s); !ok || got != want {
			t.Errorf("parseVCPU(%q) = %d, %t, want %d", s, got, ok, want)
		}
	}
	for _, s := range []string{"", ".", "0", "0.0", "-1", "+1", "1e3", "0x1", "1_0", " 1", "1 ", "1m", "inf", "NaN", "0.2", "0.250000000001", "1.1.1", "1000000000", "99999999999999999999"} {
		if got, ok := parseVCPU(s); ok {
			t.Errorf("parseVCPU(%q) = %d, want it refused", s, got)
		}
	}
}
