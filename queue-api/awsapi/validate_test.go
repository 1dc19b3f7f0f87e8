// SPDX-License-Identifier: Apache-2.0

package awsapi

import (
	"encoding/json"
	"strings"
	"testing"
)

// request is any request of the API.
type request interface{ Validate() error }

// tagsOf has n tags.
func tagsOf(n int) string {
	tags := map[string]string{}
	for i := range n {
		tags[item("k", i)] = "v"
	}
	b, _ := json.Marshal(tags)
	return string(b)
}

func TestValidate(t *testing.T) {
	t.Parallel()
	const submit = `"jobName":"j","jobQueue":"q","jobDefinition":"d"`
	cases := map[string]struct {
		operation string // default: SubmitJob
		body      string
		want      string // empty: valid
	}{
		"the least request": {body: `{` + submit + `}`},
		"a missing member":  {body: `{"jobQueue":"q","jobDefinition":"d"}`, want: "jobName: is required"},
		"null is missing":   {body: `{"jobName":null,"jobQueue":"q","jobDefinition":"d"}`, want: "jobName: is required"},
		"an empty string is not missing, it is the service's to refuse": {
			body: `{"jobName":"","jobQueue":"q","jobDefinition":"d"}`,
		},
		"the first of several broken rules is told": {body: `{}`, want: "jobName: is required"},
		"an enum in a list in a structure": {
			body: `{` + submit + `,"containerOverrides":{"resourceRequirements":[{"type":"CPU","value":"1"}]}}`,
			want: "containerOverrides.resourceRequirements[0].type: must be one of GPU, VCPU, MEMORY",
		},
		"a missing member in a list": {
			body: `{` + submit + `,"containerOverrides":{"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"GPU"}]}}`,
			want: "containerOverrides.resourceRequirements[1].value: is required",
		},
		"null in a list of structures": {
			body: `{` + submit + `,"containerOverrides":{"resourceRequirements":[null]}}`,
			want: "containerOverrides.resourceRequirements[0].value: is required",
		},
		"an enum in the wrong case": {
			body: `{` + submit + `,"containerOverrides":{"resourceRequirements":[{"type":"vcpu","value":"1"}]}}`,
			want: "containerOverrides.resourceRequirements[0].type: must be one of GPU, VCPU, MEMORY",
		},
		"a retry action in lower case, as Terraform sends it": {
			body: `{` + submit + `,"retryStrategy":{"attempts":2,"evaluateOnExit":[{"action":"retry","onReason":"*"}]}}`,
		},
		"a retry action that is none": {
			body: `{` + submit + `,"retryStrategy":{"evaluateOnExit":[{"action":"again"}]}}`,
			want: "retryStrategy.evaluateOnExit[0].action: must be one of RETRY, EXIT",
		},
		"empty tags and parameters, as Airflow sends them": {body: `{` + submit + `,"tags":{},"parameters":{}}`},
		"fifty tags":     {body: `{` + submit + `,"tags":` + tagsOf(50) + `}`},
		"fifty-one tags": {body: `{` + submit + `,"tags":` + tagsOf(51) + `}`, want: "tags: must have at most 50 members"},
		"a tag without a key": {
			body: `{` + submit + `,"tags":{"":"v"}}`, want: "tags: every key must have 1 to 128 characters",
		},
		"lengths count characters, not bytes": {
			body: `{` + submit + `,"tags":{"` + strings.Repeat("ä", 128) + `":"` + strings.Repeat("€", 256) + `"}}`,
		},
		"the first bad tag by name is told": {
			body: `{` + submit + `,"tags":{"b":"` + strings.Repeat("x", 257) + `","a":"` + strings.Repeat("x", 257) + `"}}`,
			want: `tags["a"]: must have at most 256 characters`,
		},
		"an empty quantity": {
			body: `{` + submit + `,"eksPropertiesOverride":{"podProperties":{"containers":[{"resources":{"limits":{"cpu":""}}}]}}}`,
			want: `eksPropertiesOverride.podProperties.containers[0].resources.limits["cpu"]: must have 1 to 256 characters`,
		},
		"a number beyond its bounds": {
			operation: "UpdateComputeEnvironment",
			body:      `{"computeEnvironment":"c","updatePolicy":{"jobExecutionTimeoutMinutes":7201}}`,
			want:      "updatePolicy.jobExecutionTimeoutMinutes: must be 1 to 7200",
		},
		"an enum in a list of enums": {
			operation: "RegisterJobDefinition",
			body:      `{"jobDefinitionName":"d","type":"container","platformCapabilities":["EC2","ec2"]}`,
			want:      "platformCapabilities[1]: must be one of EC2, FARGATE, MANAGED_INSTANCES",
		},
		"a request without rules": {operation: "DescribeJobQueues", body: `{}`},
		"zero is not missing":     {operation: "CreateJobQueue", body: `{"jobQueueName":"q","priority":0}`},
		"an ARN is never read from the body": {
			operation: "ListTagsForResource", body: `{"resourceArn":"a"}`, want: "resourceArn: is required",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.operation == "" {
				tc.operation = "SubmitJob"
			}
			in := newRequest[tc.operation]()
			if err := json.Unmarshal([]byte(tc.body), in); err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := in.Validate(); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("Validate() = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestValidateTagKeys(t *testing.T) {
	t.Parallel()
	arn := "arn:aws:batch:us-east-1:123456789012:job-queue/q"
	cases := map[string]struct {
		keys []string
		want string
	}{
		"one key":       {keys: []string{"a"}},
		"no keys":       {want: "tagKeys: is required"},
		"empty list":    {keys: []string{}, want: "tagKeys: must have 1 to 50 members"},
		"too many keys": {keys: make([]string, 51), want: "tagKeys: must have 1 to 50 members"},
		"an empty key":  {keys: []string{"a", ""}, want: "tagKeys[1]: must have 1 to 128 characters"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := (&UntagResourceRequest{ResourceArn: &arn, TagKeys: tc.keys}).Validate(); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("Validate() = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestEveryOperationHasARequest(t *testing.T) {
	t.Parallel()
	if len(newRequest) != len(Operations) {
		t.Fatalf("%d operations and %d requests, want as many", len(Operations), len(newRequest))
	}
	for _, op := range Operations {
		if newRequest[op.Name] == nil || op.Method == "" || !strings.HasPrefix(op.Path, "/v1/") {
			t.Errorf("operation %+v is not complete", op)
		}
	}
}

func BenchmarkValidateSubmitJob(b *testing.B) {
	in := newRequest["SubmitJob"]()
	if err := json.Unmarshal([]byte(`{"jobName":"j","jobQueue":"q","jobDefinition":"d","parameters":{"a":"b"},"tags":{"k":"v"},
		"containerOverrides":{"command":["true"],"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"2048"}]},
		"retryStrategy":{"attempts":3,"evaluateOnExit":[{"action":"RETRY","onReason":"Host EC2*"}]}}`), in); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := in.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}
