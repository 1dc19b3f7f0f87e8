// SPDX-License-Identifier: Apache-2.0

package jobspec

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

// Definitions of each kind.
const (
	plain = `{"containerProperties":{"image":"i","command":["a"],"environment":[{"name":"A","value":"1"}],"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}}`
	old   = `{"containerProperties":{"image":"i","vcpus":1,"memory":64}}`
	pod   = `{"eksProperties":{"podProperties":{"containers":[{"name":"main","image":"i","command":["a"],"resources":{"limits":{"cpu":"1","memory":"64Mi"},"requests":{"cpu":"1"}}}]}}}`
	pods  = `{"eksProperties":{"podProperties":{"containers":[{"name":"one","image":"i"},{"name":"two","image":"i"}]}}}`
	task  = `{"ecsProperties":{"taskProperties":[{"containers":[{"name":"c","image":"i","command":["a"],"environment":[{"name":"A","value":"1"}]}]}]}}`
	nodes = `{"nodeProperties":{"numNodes":2,"mainNode":0,"nodeRangeProperties":[{"targetNodes":"0:0","container":{"image":"i"}},{"targetNodes":"1:","container":{"image":"i"}}]}}`
)

func decoded[T any](t *testing.T, text string) *T {
	t.Helper()
	v := new(T)
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatal(err)
	}
	return v
}

// requestOf is the request that flags make for a definition.
func requestOf(t *testing.T, definition, args string) (*awsapi.SubmitJobRequest, error) {
	t.Helper()
	var o Options
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	o.AddFlags(fs)
	if err := fs.Parse(strings.Fields(args)); err != nil {
		t.Fatal(err)
	}
	o.Words = fs.Args()
	in := &awsapi.SubmitJobRequest{}
	if err := o.Apply(in); err != nil {
		return nil, err
	}
	if !o.HasOverrides() {
		return in, nil
	}
	return in, o.Override(in, decoded[awsapi.JobDefinition](t, definition))
}

func TestFlags(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		definition, args, want, wantErr string
	}{
		"nothing but the least": {plain, "-q q -d d:3", `{"jobName":"d","jobQueue":"q","jobDefinition":"d:3"}`, ""},
		"a definition by ARN": {
			plain, "-d arn:aws:batch:r:1:job-definition/d:1", `{"jobName":"d","jobDefinition":"arn:aws:batch:r:1:job-definition/d:1"}`, "",
		},
		"all that is not a container's": {
			plain, "-d d --name n --array-size 3 --share s --priority 7 --timeout 90s --attempts 2 --propagate-tags -p a=b=c -p d= --tag k=v --depends-on x --depends-on y:N_TO_N --depends-on SEQUENTIAL",
			`{"jobName":"n","jobDefinition":"d","shareIdentifier":"s","schedulingPriorityOverride":7,"arrayProperties":{"size":3},"timeout":{"attemptDurationSeconds":90},"retryStrategy":{"attempts":2},
				"propagateTags":true,"parameters":{"a":"b=c","d":""},"tags":{"k":"v"},"dependsOn":[{"jobId":"x"},{"jobId":"y","type":"N_TO_N"},{"type":"SEQUENTIAL"}]}`, "",
		},
		"a container": {
			plain, "--vcpus 0.5 --memory 1.5Gi --gpus 1 -e A=2 -e B=x=y -- sh -c x",
			`{"containerOverrides":{"command":["sh","-c","x"],"environment":[{"name":"A","value":"2"},{"name":"B","value":"x=y"}],
				"resourceRequirements":[{"type":"VCPU","value":"0.5"},{"type":"GPU","value":"1"},{"type":"MEMORY","value":"1536"}]}}`, "",
		},
		"a pod: resources begin as the definition's": {
			pod, "--vcpus 2 --memory 128 -e A=2", `{"eksPropertiesOverride":{"podProperties":{"containers":[{"name":"main","env":[{"name":"A","value":"2"}],
				"resources":{"limits":{"cpu":"2","memory":"128Mi"},"requests":{"cpu":"2"}}}]}}}`, "",
		},
		"GPUs of a pod":              {pod, "--gpus 2", `{"eksPropertiesOverride":{"podProperties":{"containers":[{"name":"main","resources":{"limits":{"cpu":"1","memory":"64Mi","nvidia.com/gpu":"2"},"requests":{"cpu":"1"}}}]}}}`, ""},
		"one of several containers":  {pods, "--container two -- b", `{"eksPropertiesOverride":{"podProperties":{"containers":[{"name":"two","command":["b"]}]}}}`, ""},
		"which of several":           {pods, "-- b", "", "--container must name one of one, two"},
		"none of several":            {pods, "--container three -- b", "", `--container "three": the job definition has one, two`},
		"a task":                     {task, "--memory 64 -- b", `{"ecsPropertiesOverride":{"taskProperties":[{"containers":[{"name":"c","command":["b"],"resourceRequirements":[{"type":"MEMORY","value":"64"}]}]}]}}`, ""},
		"all nodes alike":            {nodes, "--nodes 4 -- b", `{"nodeOverrides":{"numNodes":4,"nodePropertyOverrides":[{"targetNodes":"0:0","containerOverrides":{"command":["b"]}},{"targetNodes":"1:","containerOverrides":{"command":["b"]}}]}}`, ""},
		"nodes of what has none":     {plain, "--nodes 4", "", "not one of a multi-node parallel job"},
		"a variable without a value": {plain, "-e A", "", `--env "A": must be NAME=VALUE`},
		"a parameter without a name": {plain, "-p =x", "", `--parameter "=x": must be NAME=VALUE`},
		"less than nothing":          {plain, "--memory -1Gi", "", "--memory"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := requestOf(t, tc.definition, tc.args)
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Errorf("error %v, want %q", err, tc.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decoded[awsapi.SubmitJobRequest](t, tc.want), got); diff != "" {
				t.Errorf("request mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"": nil, "  echo  hi ": {"echo", "hi"}, `["sh","-c","a b"]`: {"sh", "-c", "a b"}, `["a`: nil, `[]`: nil, `[1]`: nil,
	} {
		got, err := (&Options{Command: text}).words()
		if diff := cmp.Diff(want, got); diff != "" || (err != nil) != (strings.HasPrefix(text, "[") && want == nil) {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
	if _, err := (&Options{Command: "a", Words: []string{"b"}}).words(); err == nil {
		t.Error("two commands are one too many")
	}
}

// Again gives what was submitted: flags, the job as it is described, and back.
func TestAgain(t *testing.T) {
	t.Parallel()
	const common = `"jobName":"n","jobQueue":"q","jobDefinition":"d:1"`
	cases := map[string]struct {
		definition, job, want, wantErr string
	}{
		"as the definition": {
			plain, `{` + common + `,"parameters":{},"tags":{},"schedulingPriority":3,"propagateTags":false,"dependsOn":[{"jobId":"x"}],"container":{"image":"i","command":["a"],
				"environment":[{"name":"A","value":"1"}],"resourceRequirements":[{"type":"MEMORY","value":"64"},{"type":"VCPU","value":"1"}],"exitCode":1}}`,
			`{` + common + `,"parameters":{},"tags":{}}`, "",
		},
		"a container that was changed": {
			plain, `{` + common + `,"shareIdentifier":"s","schedulingPriority":3,"retryStrategy":{"attempts":2,"evaluateOnExit":[]},"timeout":{"attemptDurationSeconds":60},"propagateTags":true,
				"container":{"command":["b"],"environment":[{"name":"A","value":"1"},{"name":"B","value":"2"}],"resourceRequirements":[{"type":"VCPU","value":"4"},{"type":"MEMORY","value":"64"}]}}`,
			`{` + common + `,"shareIdentifier":"s","schedulingPriorityOverride":3,"retryStrategy":{"attempts":2},"timeout":{"attemptDurationSeconds":60},"propagateTags":true,
				"containerOverrides":{"command":["b"],"environment":[{"name":"B","value":"2"}],"resourceRequirements":[{"type":"VCPU","value":"4"}]}}`, "",
		},
		"resources in the old members": {
			old, `{` + common + `,"container":{"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"128"}]}}`,
			`{` + common + `,"containerOverrides":{"resourceRequirements":[{"type":"MEMORY","value":"128"}]}}`, "",
		},
		"an array":            {plain, `{` + common + `,"arrayProperties":{"size":3,"statusSummary":{}}}`, `{` + common + `,"arrayProperties":{"size":3}}`, ""},
		"a child of an array": {plain, `{` + common + `,"arrayProperties":{"index":3}}`, "", "retry the array"},
		"a node":              {nodes, `{` + common + `,"nodeDetails":{"nodeIndex":0}}`, "", "retry the job"},
		"a pod": {
			pod, `{` + common + `,"eksProperties":{"podProperties":{"containers":[{"name":"main","image":"i","command":["a"],"args":["x"],"env":[{"name":"A","value":"1"}],"exitCode":1,
				"resources":{"limits":{"cpu":"1","memory":"128Mi"},"requests":{"cpu":"1"}}}],"metadata":{"labels":{"k":"v"}}}}}`,
			`{` + common + `,"eksPropertiesOverride":{"podProperties":{"containers":[{"name":"main","args":["x"],"env":[{"name":"A","value":"1"}],"resources":{"limits":{"cpu":"1","memory":"128Mi"},"requests":{"cpu":"1"}}}],
				"metadata":{"labels":{"k":"v"}}}}}`, "",
		},
		"a pod as its definition": {
			pod, `{` + common + `,"eksProperties":{"podProperties":{"containers":[{"name":"main","image":"i","command":["a"],"resources":{"limits":{"cpu":"1","memory":"64Mi"},"requests":{"cpu":"1"}}}]}}}`,
			`{` + common + `}`, "",
		},
		"a task": {
			task, `{` + common + `,"ecsProperties":{"taskProperties":[{"containers":[{"name":"c","command":["b"],"environment":[{"name":"A","value":"1"}]}]}]}}`,
			`{` + common + `,"ecsPropertiesOverride":{"taskProperties":[{"containers":[{"name":"c","command":["b"]}]}]}}`, "",
		},
		"nodes": {
			nodes, `{` + common + `,"nodeProperties":{"numNodes":4,"mainNode":0,"nodeRangeProperties":[{"targetNodes":"0:0","container":{"image":"i"}},{"targetNodes":"1:","container":{"image":"i","command":["b"]}}]}}`,
			`{` + common + `,"nodeOverrides":{"numNodes":4,"nodePropertyOverrides":[{"targetNodes":"1:","containerOverrides":{"command":["b"]}}]}}`, "",
		},
		"consumable resources": {
			plain, `{` + common + `,"consumableResourceProperties":{"consumableResourceList":[{"consumableResource":"r","quantity":2}]}}`,
			`{` + common + `,"consumableResourcePropertiesOverride":{"consumableResourceList":[{"consumableResource":"r","quantity":2}]}}`, "",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Again(decoded[awsapi.JobDetail](t, tc.job), decoded[awsapi.JobDefinition](t, tc.definition))
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Errorf("error %v, want %q", err, tc.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decoded[awsapi.SubmitJobRequest](t, tc.want), got); diff != "" {
				t.Errorf("request mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{"jobName: a", `{"jobName":"a"}`, "a: &a [*a]", "jobName: {}", "---\n---"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		in, err := Read(content)
		if (in == nil) == (err == nil) {
			t.Errorf("%v, %v", in, err)
		}
	})
}
