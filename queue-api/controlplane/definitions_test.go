// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"strings"
	"testing"
)

func TestRegisterJobDefinition(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ body, want string }{
		"containerProperties, echoed value for value": {
			body: `{"jobDefinitionName":"n","type":"container","schedulingPriority":5,"propagateTags":true,"timeout":{"attemptDurationSeconds":60},"tags":{"k":"v"},
				"retryStrategy":{"attempts":3,"evaluateOnExit":[{"onStatusReason":"Host EC2*","action":"retry"},{"onReason":"*","onExitCode":"1*","action":"EXIT"}]},
				"containerProperties":{"image":"busybox","vcpus":2,"memory":128,"privileged":false,"environment":[{"name":"A","value":""}],"ulimits":[{"name":"nofile","softLimit":1,"hardLimit":2}]}}`,
			want: `{"schedulingPriority":5,"propagateTags":true,"timeout":{"attemptDurationSeconds":60},"tags":{"k":"v"},"parameters":{},"platformCapabilities":["EC2"],"containerOrchestrationType":"ECS",
				"retryStrategy":{"attempts":3,"evaluateOnExit":[{"onStatusReason":"Host EC2*","action":"retry"},{"onReason":"*","onExitCode":"1*","action":"EXIT"}]},
				"containerProperties":{"image":"busybox","vcpus":2,"memory":128,"privileged":false,"environment":[{"name":"A","value":""}],"ulimits":[{"name":"nofile","softLimit":1,"hardLimit":2}],
					"command":[],"volumes":[],"mountPoints":[],"resourceRequirements":[],"secrets":[]}`,
		},
		"empty collections that clients send": {
			body: `{"jobDefinitionName":"n","type":"container","parameters":{},"tags":{},"platformCapabilities":["EC2"],"retryStrategy":{"attempts":1},"consumableResourceProperties":{},"nodeProperties":null,
				"containerProperties":{"image":"busybox","command":[],"environment":[]}}`,
			want: `{"tags":{},"parameters":{},"platformCapabilities":["EC2"],"containerOrchestrationType":"ECS","retryStrategy":{"attempts":1,"evaluateOnExit":[]},
				"containerProperties":{"image":"busybox","command":[],"environment":[],"volumes":[],"mountPoints":[],"ulimits":[],"resourceRequirements":[],"secrets":[]}`,
		},
		"eksProperties": {
			body: eksDefinition,
			want: `{"tags":{},"parameters":{},"platformCapabilities":[],"containerOrchestrationType":"EKS","eksProperties":{"podProperties":{"volumes":[],"containers":[{"image":"busybox",
				"command":["sleep","1"],"args":[],"env":[],"volumeMounts":[],"resources":{"limits":{"cpu":"1","memory":"64Mi"}}}]}}`,
		},
		"ecsProperties": {
			body: `{"jobDefinitionName":"n","type":"container","ecsProperties":{"taskProperties":[{"containers":[{"image":"busybox","name":"main","command":["true"],
				"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}]}]}}`,
			want: `{"tags":{},"parameters":{},"platformCapabilities":["EC2"],"containerOrchestrationType":"ECS","ecsProperties":{"taskProperties":[{"volumes":[],"containers":[{"image":"busybox","name":"main","command":["true"],
				"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}],"dependsOn":[],"environment":[],"mountPoints":[],"ulimits":[],"secrets":[]}]}]}`,
		},
		"Fargate, consumable resources and empty properties of other kinds": {
			body: `{"jobDefinitionName":"n","type":"container","platformCapabilities":["FARGATE"],"ecsProperties":{"taskProperties":[]},"eksProperties":{},
				"consumableResourceProperties":{"consumableResourceList":[{"consumableResource":"licence","quantity":2}]},
				"containerProperties":{"image":"busybox","executionRoleArn":"arn:aws:iam::1:role/r","resourceRequirements":[{"type":"VCPU","value":"0.25"},{"type":"MEMORY","value":"512"}]}}`,
			want: `{"tags":{},"parameters":{},"platformCapabilities":["FARGATE"],"containerOrchestrationType":"ECS",
				"consumableResourceProperties":{"consumableResourceList":[{"consumableResource":"licence","quantity":2}]},
				"containerProperties":{"image":"busybox","executionRoleArn":"arn:aws:iam::1:role/r","resourceRequirements":[{"type":"VCPU","value":"0.25"},{"type":"MEMORY","value":"512"}],
					"command":[],"environment":[],"volumes":[],"mountPoints":[],"ulimits":[],"secrets":[]}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			body := strings.Replace(tc.body, `"jobDefinitionName":"e"`, `"jobDefinitionName":"n"`, 1)
			for revision := 1; revision <= 2; revision++ { // the same again is a new revision
				arn := fmt.Sprintf("%sjob-definition/n:%d", arnBase, revision)
				wantJSON(t, fmt.Sprintf(`{"jobDefinitionName":"n","jobDefinitionArn":%q,"revision":%d}`, arn, revision), ok(t, f.RegisterJobDefinition, body))
				want := fmt.Sprintf(`%s,"jobDefinitionName":"n","jobDefinitionArn":%q,"revision":%d,"status":"ACTIVE","type":"container"}`, tc.want, arn, revision)
				wantJSON(t, `{"jobDefinitions":[`+want+`]}`, ok(t, f.DescribeJobDefinitions, `{"jobDefinitions":["`+arn+`"]}`))
			}
		})
	}
}

// Contract 3.8: a definition of type multinode has nodeProperties, each range with properties of one kind.
func TestRegisterMultiNodeDefinition(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ node, want, frame string }{
		"container": {
			node:  `"container":{"image":"busybox","command":["true"],"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}`,
			want:  `"container":{"image":"busybox","command":["true"],"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}],"environment":[],"volumes":[],"mountPoints":[],"ulimits":[],"secrets":[]}`,
			frame: `"platformCapabilities":["EC2"],"containerOrchestrationType":"ECS"`,
		},
		"eksProperties": {
			node:  `"eksProperties":{"podProperties":{"containers":[{"image":"busybox","resources":{"limits":{"cpu":"1","memory":"64Mi"}}}]}}`,
			want:  `"eksProperties":{"podProperties":{"volumes":[],"containers":[{"image":"busybox","resources":{"limits":{"cpu":"1","memory":"64Mi"}},"args":[],"env":[],"volumeMounts":[]}]}}`,
			frame: `"platformCapabilities":[],"containerOrchestrationType":"EKS"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			const frame = `"type":"multinode","jobDefinitionName":"m"`
			ok(t, f.RegisterJobDefinition, `{`+frame+`,"nodeProperties":{"numNodes":3,"mainNode":0,"nodeRangeProperties":[{"targetNodes":"0:",`+tc.node+`}]}}`)
			wantJSON(t, `{"jobDefinitions":[{`+frame+`,"jobDefinitionArn":"`+arnBase+`job-definition/m:1","revision":1,"status":"ACTIVE","tags":{},"parameters":{},`+tc.frame+`,
				"nodeProperties":{"numNodes":3,"mainNode":0,"nodeRangeProperties":[{"targetNodes":"0:",`+tc.want+`}]}}]}`, ok(t, f.DescribeJobDefinitions, `{}`))
		})
	}
}

func TestRegisterJobDefinitionRefuses(t *testing.T) {
	t.Parallel()
	with := func(more string) string {
		return `{"jobDefinitionName":"n","type":"container","containerProperties":{"image":"busybox"},` + more + `}`
	}
	rule := func(rule string) string {
		return with(`"retryStrategy":{"attempts":2,"evaluateOnExit":[{"action":"EXIT"},` + rule + `]}`)
	}
	const oneKind = "exactly one of containerProperties, ecsProperties and eksProperties must be given"
	const pattern = " must be at most 512 characters of letters, digits, periods, colons and white space, perhaps with an asterisk at the end"
	cases := map[string]struct{ body, want string }{
		"name":               {`{"jobDefinitionName":"n:1","type":"container"}`, "Provided name n:1 is not supported pattern[a-zA-Z_0-9-]{1,128}"},
		"multinode":          {`{"jobDefinitionName":"n","type":"multinode"}`, "nodeProperties and no other properties must be given when type is multinode"},
		"unknown type":       {`{"jobDefinitionName":"n","type":"x"}`, "type: must be one of container, multinode"},
		"no properties":      {`{"jobDefinitionName":"n","type":"container"}`, oneKind},
		"both properties":    {with(`"eksProperties":{"podProperties":{}}`), oneKind},
		"nodeProperties":     {with(`"nodeProperties":{"numNodes":1,"mainNode":0,"nodeRangeProperties":[]}`), "nodeProperties: applies to job definitions of type multinode only"},
		"two kinds":          {with(`"ecsProperties":{"taskProperties":[{"containers":[{"image":"i"}]}]}`), oneKind},
		"managed instances":  {with(`"platformCapabilities":["MANAGED_INSTANCES"]`), "platformCapabilities MANAGED_INSTANCES is not supported by this server"},
		"two platforms":      {with(`"platformCapabilities":["EC2","FARGATE"]`), "platformCapabilities must have exactly 1 member: EC2 or FARGATE"},
		"platform of EKS":    {strings.Replace(eksDefinition, `"type"`, `"platformCapabilities":["EC2"],"type"`, 1), "platformCapabilities is not applicable to a job definition with eksProperties"},
		"schedulingPriority": {with(`"schedulingPriority":10000`), "schedulingPriority must be between 0 and 9999"},
		"timeout":            {with(`"timeout":{"attemptDurationSeconds":59}`), "timeout.attemptDurationSeconds must be at least 60"},
		"retry, no attempts": {with(`"retryStrategy":{}`), "RetryAttempts must be provided with retry strategy"},
		"retry, 0 attempts":  {with(`"retryStrategy":{"attempts":0}`), "retryStrategy.attempts must be between 1 and 10"},
		"retry, 11 attempts": {with(`"retryStrategy":{"attempts":11}`), "retryStrategy.attempts must be between 1 and 10"},
		"rule, no action":    {rule(`{"onReason":"x"}`), "retryStrategy.evaluateOnExit[1].action: is required"},
		"rule, bad action":   {rule(`{"action":"x"}`), "retryStrategy.evaluateOnExit[1].action: must be one of RETRY, EXIT"},
		"rule, exit code":    {rule(`{"action":"EXIT","onExitCode":"1a"}`), "retryStrategy.evaluateOnExit[1].onExitCode must be at most 512 characters of digits, perhaps with an asterisk at the end"},
		"rule, reason":       {rule(`{"action":"EXIT","onReason":"a*b"}`), "retryStrategy.evaluateOnExit[1].onReason" + pattern},
		"rule, non-ASCII":    {rule(`{"action":"EXIT","onReason":"é"}`), "retryStrategy.evaluateOnExit[1].onReason" + pattern},
		"rule, too long":     {rule(`{"action":"EXIT","onStatusReason":"` + strings.Repeat("a", 513) + `"}`), "retryStrategy.evaluateOnExit[1].onStatusReason" + pattern},
		"7 rules":            {rule(strings.Repeat(`{"action":"EXIT"},`, 5) + `{"action":"EXIT"}`), "retryStrategy.evaluateOnExit must have at most 6 rules"},
		"reserved tag":       {with(`"tags":{"aws:":""}`), "tags: keys that begin with aws: are reserved"},
		"too big":            {with(`"parameters":{"p":"` + strings.Repeat("x", 24<<10) + `"}`), "Job definition must be at most 24576 bytes"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			_, err := do(t, f.RegisterJobDefinition, tc.body)
			wantRefusal(t, err, tc.want)
			if names, _ := f.store.DefinitionNames(t.Context()); len(names) != 0 {
				t.Errorf("something was registered: %v", names)
			}
		})
	}
	t.Run("what podspec refuses", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		if _, err := do(t, f.RegisterJobDefinition, `{"jobDefinitionName":"n","type":"container","containerProperties":{"vcpus":1}}`); err == nil {
			t.Error("a definition without image was registered")
		}
	})
}

func TestDeregisterJobDefinition(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	ok(t, f.RegisterJobDefinition, containerDefinition)
	for range 2 { // a repeat is harmless
		wantJSON(t, `{}`, ok(t, f.DeregisterJobDefinition, `{"jobDefinition":"`+arnBase+`job-definition/d:1"}`))
	}
	if d := reply(t, f.DescribeJobDefinitions, `{"jobDefinitions":["d:1"]}`).JobDefinitions[0]; *d.Status != "INACTIVE" {
		t.Errorf("got status %s", *d.Status)
	}
	for body, want := range map[string]string{
		`{"jobDefinition":"d"}`:                                         "jobDefinition must name a revision: d:<revision>",
		`{"jobDefinition":"d:3"}`:                                       "JobDefinition name d:3 does not exist or is not in ACTIVE status",
		`{"jobDefinition":"d:x"}`:                                       "JobDefinition name d:x does not exist or is not in ACTIVE status",
		`{"jobDefinition":"arn:aws:batch:r:1:job-definition/x:1"}`:      "JobDefinition arn:aws:batch:r:1:job-definition/x:1 not found.",
		`{"jobDefinition":"arn:aws:batch:r:1:compute-environment/d:1"}`: "JobDefinition arn:aws:batch:r:1:compute-environment/d:1 not found.",
	} {
		_, err := do(t, f.DeregisterJobDefinition, body)
		wantRefusal(t, err, want)
	}
}

// described gives name:revision of every definition, over all pages.
func (f *fixture) described(tb testing.TB, query string) string {
	tb.Helper()
	var refs []string
	for token := ""; ; {
		page := reply(tb, f.DescribeJobDefinitions, strings.TrimSuffix(query, "}")+`,"nextToken":"`+token+`"}`)
		for _, d := range page.JobDefinitions {
			refs = append(refs, fmt.Sprintf("%s:%d", *d.JobDefinitionName, *d.Revision))
		}
		if token = value(page.NextToken); token == "" {
			return strings.Join(refs, " ")
		}
	}
}

func TestDescribeJobDefinitions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, name := range []string{"b", "a", "b", "c", "b"} {
		ok(t, f.RegisterJobDefinition, strings.Replace(containerDefinition, `"d"`, `"`+name+`"`, 1))
	}
	ok(t, f.DeregisterJobDefinition, `{"jobDefinition":"b:2"}`)
	cases := map[string]struct{ query, want string }{
		"all, newest revision first":     {`{"maxResults":100}`, "a:1 b:3 b:2 b:1 c:1"},
		"page by page":                   {`{"maxResults":1}`, "a:1 b:3 b:2 b:1 c:1"},
		"of a status":                    {`{"maxResults":2,"status":"ACTIVE"}`, "a:1 b:3 b:1 c:1"},
		"of a name":                      {`{"maxResults":2,"jobDefinitionName":"b"}`, "b:3 b:2 b:1"},
		"of a name and status":           {`{"jobDefinitionName":"b","status":"INACTIVE"}`, "b:2"},
		"of a name that is the start":    {`{"jobDefinitionName":"bb"}`, ""},
		"of no status that there is":     {`{"status":"x"}`, ""},
		"by name, ARN and bare name":     {`{"jobDefinitions":["c:1","arn:aws:batch:r:1:job-definition/b:2","x:1","c:1","b","c:9","c:0"]}`, "c:1 b:2 b:3 b:1"},
		"by name and status":             {`{"jobDefinitions":["b:2","b:1"],"status":"ACTIVE"}`, "b:1"},
		"maxResults is ignored by names": {`{"jobDefinitions":["b:2","b:1"],"maxResults":1}`, "b:2 b:1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := f.described(t, tc.query); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	token := *reply(t, f.DescribeJobDefinitions, `{"maxResults":1}`).NextToken
	for body, want := range map[string]string{
		`{"maxResults":0}`: "maxResults must be between 1 and 100",
		`{"nextToken":"` + token + `","status":"ACTIVE"}`:             "nextToken is not a token of this list",
		`{"jobDefinitions":["b"],"jobDefinitionName":"b"}`:            "JobDefinitions and JobDefinitionName cannot both be set",
		`{"jobDefinitions":["a"` + strings.Repeat(`,"a"`, 100) + `]}`: "Maximum number of job definitions supported is 100",
	} {
		_, err := do(t, f.DescribeJobDefinitions, body)
		wantRefusal(t, err, want)
	}
}

func TestDescribeJobDefinitionsBoundsItsWork(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i := range namesPerPage + 5 {
		ok(t, f.RegisterJobDefinition, strings.Replace(containerDefinition, `"d"`, fmt.Sprintf(`"d%03d"`, i), 1))
		if i < namesPerPage {
			ok(t, f.DeregisterJobDefinition, fmt.Sprintf(`{"jobDefinition":"d%03d:1"}`, i))
		}
	}
	page := reply(t, f.DescribeJobDefinitions, `{"status":"ACTIVE"}`)
	if len(page.JobDefinitions) != 0 || page.NextToken == nil {
		t.Errorf("got %d definitions, token %v", len(page.JobDefinitions), page.NextToken)
	}
	if got := f.described(t, `{"status":"ACTIVE"}`); got != "d100:1 d101:1 d102:1 d103:1 d104:1" {
		t.Errorf("got %q", got)
	}
}
