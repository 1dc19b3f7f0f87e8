// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"strings"
	"testing"
)

// policyARN is the ARN of a policy in the tests' scope.
func policyARN(name string) string { return arnBase + "scheduling-policy/" + name }

func TestSchedulingPolicyIsEchoed(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ fields, want string }{
		"without members":        {``, `,"tags":{}`},
		"an empty fair share":    {`,"fairsharePolicy":{}`, `,"tags":{},"fairsharePolicy":{"shareDistribution":[]}`},
		"quotaSharePolicy: null": {`,"quotaSharePolicy":null`, `,"tags":{}`},
		"every member": {
			`,"tags":{"k":"v"},"fairsharePolicy":{"shareDecaySeconds":3600,"computeReservation":50,"shareDistribution":[{"shareIdentifier":"A1*","weightFactor":0.125},{"shareIdentifier":"B"}]}`,
			`,"tags":{"k":"v"},"fairsharePolicy":{"shareDecaySeconds":3600,"computeReservation":50,"shareDistribution":[{"shareIdentifier":"A1*","weightFactor":0.125},{"shareIdentifier":"B"}]}`,
		},
		"the bounds": {
			`,"fairsharePolicy":{"shareDecaySeconds":604800,"computeReservation":99,"shareDistribution":[{"shareIdentifier":"a","weightFactor":0.0001},{"shareIdentifier":"b","weightFactor":999.9999}]}`,
			`,"tags":{},"fairsharePolicy":{"shareDecaySeconds":604800,"computeReservation":99,"shareDistribution":[{"shareIdentifier":"a","weightFactor":0.0001},{"shareIdentifier":"b","weightFactor":999.9999}]}`,
		},
		"zeros": {
			`,"fairsharePolicy":{"shareDecaySeconds":0,"computeReservation":0}`,
			`,"tags":{},"fairsharePolicy":{"shareDecaySeconds":0,"computeReservation":0,"shareDistribution":[]}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			wantJSON(t, fmt.Sprintf(`{"name":"p","arn":%q}`, policyARN("p")), ok(t, f.CreateSchedulingPolicy, `{"name":"p"`+tc.fields+`}`))
			wantJSON(t, fmt.Sprintf(`{"schedulingPolicies":[{"name":"p","arn":%q%s}]}`, policyARN("p"), tc.want),
				ok(t, f.DescribeSchedulingPolicies, fmt.Sprintf(`{"arns":[%q,%q]}`, policyARN("p"), policyARN("unknown"))))
		})
	}
}

func TestSchedulingPolicyRefusals(t *testing.T) {
	t.Parallel()
	shares := func(list string) string { return `{"shareDistribution":[` + list + `]}` }
	const shareRule = "fairsharePolicy.shareDistribution[0].shareIdentifier must have 1 to 255 letters and digits, and may end in an asterisk"
	cases := map[string]struct{ policy, want string }{
		"decay below 0":         {`{"shareDecaySeconds":-1}`, "fairsharePolicy.shareDecaySeconds must be between 0 and 604800"},
		"decay above a week":    {`{"shareDecaySeconds":604801}`, "fairsharePolicy.shareDecaySeconds must be between 0 and 604800"},
		"reservation below 0":   {`{"computeReservation":-1}`, "fairsharePolicy.computeReservation must be between 0 and 99"},
		"reservation above 99":  {`{"computeReservation":100}`, "fairsharePolicy.computeReservation must be between 0 and 99"},
		"weight 0":              {shares(`{"shareIdentifier":"a","weightFactor":0}`), "fairsharePolicy.shareDistribution[0].weightFactor must be between 0.0001 and 999.9999"},
		"weight 1000":           {shares(`{"shareIdentifier":"a","weightFactor":1000}`), "fairsharePolicy.shareDistribution[0].weightFactor must be between 0.0001 and 999.9999"},
		"no identifier":         {shares(`{"weightFactor":1}`), "fairsharePolicy.shareDistribution[0].shareIdentifier: is required"},
		"an empty identifier":   {shares(`{"shareIdentifier":""}`), shareRule},
		"an asterisk alone":     {shares(`{"shareIdentifier":"*"}`), shareRule},
		"an asterisk within":    {shares(`{"shareIdentifier":"a*b"}`), shareRule},
		"a hyphen":              {shares(`{"shareIdentifier":"a-b"}`), shareRule},
		"256 characters":        {shares(`{"shareIdentifier":"` + strings.Repeat("a", 256) + `"}`), shareRule},
		"the same twice":        {shares(`{"shareIdentifier":"a"},{"shareIdentifier":"a"}`), "fairsharePolicy.shareDistribution: share identifiers a and a overlap"},
		"a prefix and a share":  {shares(`{"shareIdentifier":"UserA*"},{"shareIdentifier":"UserA1"}`), "fairsharePolicy.shareDistribution: share identifiers UserA* and UserA1 overlap"},
		"a share and a prefix":  {shares(`{"shareIdentifier":"UserA1"},{"shareIdentifier":"User*"}`), "fairsharePolicy.shareDistribution: share identifiers UserA1 and User* overlap"},
		"two prefixes":          {shares(`{"shareIdentifier":"U*"},{"shareIdentifier":"User*"}`), "fairsharePolicy.shareDistribution: share identifiers U* and User* overlap"},
		"more than 500 entries": {shares(manyShares(501)), "fairsharePolicy.shareDistribution must have at most 500 entries"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			_, err := do(t, f.CreateSchedulingPolicy, `{"name":"p","fairsharePolicy":`+tc.policy+`}`)
			wantRefusal(t, err, tc.want)
			wantJSON(t, `{"schedulingPolicies":[]}`, ok(t, f.ListSchedulingPolicies, `{}`))
			ok(t, f.CreateSchedulingPolicy, `{"name":"p"}`)
			_, err = do(t, f.UpdateSchedulingPolicy, fmt.Sprintf(`{"arn":%q,"fairsharePolicy":%s}`, policyARN("p"), tc.policy))
			wantRefusal(t, err, tc.want)
		})
	}
	t.Run("500 entries are enough", func(t *testing.T) {
		t.Parallel()
		ok(t, newFixture(t).CreateSchedulingPolicy, `{"name":"p","fairsharePolicy":`+shares(manyShares(500))+`}`)
	})
}

func manyShares(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`{"shareIdentifier":"s%03d"}`, i)
	}
	return strings.Join(list, ",")
}

func TestSchedulingPolicyNames(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ok(t, f.CreateSchedulingPolicy, `{"name":"p"}`)
	cases := map[string]struct {
		call func() (string, error)
		want string
	}{
		"a bad name": {func() (string, error) { return do(t, f.CreateSchedulingPolicy, `{"name":"a b"}`) }, "Provided name a b is not supported pattern[a-zA-Z_0-9-]{1,128}"},
		"a reserved tag": {
			func() (string, error) { return do(t, f.CreateSchedulingPolicy, `{"name":"r","tags":{"aws:x":"y"}}`) },
			"tags: keys that begin with aws: are reserved",
		},
		"a name that is taken": {func() (string, error) { return do(t, f.CreateSchedulingPolicy, `{"name":"p"}`) }, "Object already exists"},
		"quota shares, at creation": {
			func() (string, error) {
				return do(t, f.CreateSchedulingPolicy, `{"name":"r","quotaSharePolicy":{"idleResourceAssignmentStrategy":"FIFO"}}`)
			},
			"quotaSharePolicy is not supported by this server",
		},
		"quota shares, by update": {
			func() (string, error) {
				return do(t, f.UpdateSchedulingPolicy, fmt.Sprintf(`{"arn":%q,"quotaSharePolicy":{"idleResourceAssignmentStrategy":"FIFO"}}`, policyARN("p")))
			},
			"quotaSharePolicy is not supported by this server",
		},
		"update by name": {func() (string, error) { return do(t, f.UpdateSchedulingPolicy, `{"arn":"p"}`) }, "arn must be the ARN of a scheduling policy, not p"},
		"delete by name": {func() (string, error) { return do(t, f.DeleteSchedulingPolicy, `{"arn":"p"}`) }, "arn must be the ARN of a scheduling policy, not p"},
		"update of none": {func() (string, error) {
			return do(t, f.UpdateSchedulingPolicy, fmt.Sprintf(`{"arn":%q}`, policyARN("x")))
		}, "SchedulingPolicy " + policyARN("x") + " does not exist"},
		"delete of none": {func() (string, error) {
			return do(t, f.DeleteSchedulingPolicy, fmt.Sprintf(`{"arn":%q}`, policyARN("x")))
		}, "SchedulingPolicy " + policyARN("x") + " does not exist"},
		"101 to be described": {func() (string, error) {
			return do(t, f.DescribeSchedulingPolicies, `{"arns":["a"`+strings.Repeat(`,"a"`, 100)+`]}`)
		}, "Maximum number of scheduling policies supported is 100"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tc.call()
			wantRefusal(t, err, tc.want)
		})
	}
}

func TestSchedulingPolicyLifecycle(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	for _, name := range []string{"c", "a", "b"} {
		ok(t, f.CreateSchedulingPolicy, fmt.Sprintf(`{"name":%q,"fairsharePolicy":{"shareDecaySeconds":60,"computeReservation":10}}`, name))
	}

	page := reply(t, f.ListSchedulingPolicies, `{"maxResults":2}`)
	if len(page.SchedulingPolicies) != 2 || *page.SchedulingPolicies[1].Arn != policyARN("b") || page.NextToken == nil {
		t.Errorf("first page: %+v", page)
	}
	wantJSON(t, fmt.Sprintf(`{"schedulingPolicies":[{"arn":%q}]}`, policyARN("c")),
		ok(t, f.ListSchedulingPolicies, fmt.Sprintf(`{"maxResults":2,"nextToken":%q}`, *page.NextToken)))

	// An update replaces the fair-share policy as a whole, and one without it leaves it.
	ok(t, f.UpdateSchedulingPolicy, fmt.Sprintf(`{"arn":%q,"fairsharePolicy":{"computeReservation":20}}`, policyARN("a")))
	ok(t, f.UpdateSchedulingPolicy, fmt.Sprintf(`{"arn":%q}`, policyARN("a")))
	wantJSON(t, fmt.Sprintf(`{"schedulingPolicies":[{"name":"a","arn":%q,"tags":{},"fairsharePolicy":{"computeReservation":20,"shareDistribution":[]}}]}`, policyARN("a")),
		ok(t, f.DescribeSchedulingPolicies, fmt.Sprintf(`{"arns":[%q]}`, policyARN("a"))))

	ok(t, f.CreateJobQueue, fmt.Sprintf(`{"jobQueueName":"fair","priority":1,"schedulingPolicyArn":%q,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`, policyARN("a")))
	_, err := do(t, f.DeleteSchedulingPolicy, fmt.Sprintf(`{"arn":%q}`, policyARN("a")))
	wantRefusal(t, err, "Cannot delete, scheduling policy a is used by job queue fair")
	wantJSON(t, `{}`, ok(t, f.DeleteSchedulingPolicy, fmt.Sprintf(`{"arn":%q}`, policyARN("b"))))
	wantJSON(t, `{"schedulingPolicies":[]}`, ok(t, f.DescribeSchedulingPolicies, fmt.Sprintf(`{"arns":[%q]}`, policyARN("b"))))
}
