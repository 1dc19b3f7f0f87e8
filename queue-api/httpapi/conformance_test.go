// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/google/go-cmp/cmp"
)

// conformance runs every case that follows from the API model against the real control plane, and counts them.
type conformance struct {
	model *apiModel
	cases atomic.Int64
}

// TestConformance prints its number of cases at the end: go test -v -run TestConformance ./queue-api/httpapi.
func TestConformance(t *testing.T) {
	t.Parallel()
	c := &conformance{model: loadModel(t)}
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"every request that breaks a rule of the model is refused", c.faults},
		{"unknown members and nulls are ignored", c.variants},
		{"every reply is read by the AWS SDK", c.replies},
		{"every operation answers on its path", c.paths},
		{"every bound that the service enforces is a bound", c.bounds},
		{"every list is paged", c.pages},
		{"every name follows the pattern", c.names},
		{"every resource is found by name and by ARN", c.arns},
		{"tags have their members in the URL", c.urls},
	} {
		before := c.cases.Load()
		t.Run(part.name, part.run)
		t.Logf("%s: %d cases", part.name, c.cases.Load()-before)
	}
	t.Logf("conformance: %d cases over %d operations", c.cases.Load(), len(c.model.Operations))
}

// each runs a subtest for every supported operation.
func (c *conformance) each(t *testing.T, run func(t *testing.T, operation string)) {
	t.Helper()
	for _, operation := range slices.Sorted(maps.Keys(c.model.Operations)) {
		if unsupported[operation] {
			continue
		}
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			run(t, operation)
		})
	}
}

// refused checks that an answer is a ClientException in AWS's envelope that says what is wrong.
func (c *conformance) refused(tb testing.TB, name string, got answer, want string) {
	tb.Helper()
	c.cases.Add(1)
	var body struct {
		Message string `json:"message"`
	}
	err := json.Unmarshal([]byte(got.body), &body)
	switch {
	case got.code != http.StatusBadRequest || got.kind != "ClientException" || err != nil:
		tb.Errorf("%s: %d %s %s, want a ClientException: %s", name, got.code, got.kind, got.body, want)
	case !strings.HasPrefix(body.Message, "Error executing request, Exception : ") || !strings.Contains(body.Message, ", RequestId: "):
		tb.Errorf("%s: no envelope: %s", name, body.Message)
	case !strings.Contains(body.Message, want):
		tb.Errorf("%s: %s, want %s", name, body.Message, want)
	}
}

// accepted checks that an answer is a success of the model's shape.
func (c *conformance) accepted(tb testing.TB, s *site, operation, name string, got answer) {
	tb.Helper()
	c.cases.Add(1)
	if got.code != http.StatusOK {
		tb.Errorf("%s: %d %s", name, got.code, got.body)
		return
	}
	if _, wrong := s.check(operation, got.body); wrong != "" {
		tb.Errorf("%s: reply %s: %s", name, got.body, wrong)
	}
}

// everything is what a site has, as its replies show it.
func everything(ctx context.Context, s *site) string {
	var out strings.Builder
	for _, operation := range []string{"DescribeComputeEnvironments", "DescribeJobQueues", "DescribeJobDefinitions", "ListSchedulingPolicies", "ListConsumableResources", "DescribeJobs"} {
		out.WriteString(s.call(ctx, operation, s.fill(requests[operation][len(requests[operation])-1])).body)
	}
	return out.String()
}

func (c *conformance) faults(t *testing.T) {
	t.Helper()
	c.each(t, func(t *testing.T, operation string) {
		t.Helper()
		s := newBusySite(t, c.model)
		before := everything(t.Context(), s)
		faults, edges := c.model.faults(c.model.Operations[operation].Input)
		for _, f := range faults {
			c.refused(t, f.name, s.call(t.Context(), operation, encode(t, f.body)), f.want)
		}
		if diff := cmp.Diff(before, everything(t.Context(), s)); diff != "" {
			t.Errorf("a refused request changed something (-before +after):\n%s", diff)
		}
		for _, edge := range edges {
			c.cases.Add(1)
			if got := s.call(t.Context(), operation, encode(t, edge.body)); got.code >= http.StatusInternalServerError || strings.Contains(got.body, edge.want) {
				t.Errorf("%s: %d %s", edge.name, got.code, got.body)
			}
		}
	})
}

func encode(tb testing.TB, v any) string {
	tb.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

func (c *conformance) variants(t *testing.T) {
	t.Helper()
	c.each(t, func(t *testing.T, operation string) {
		t.Helper()
		if len(requests[operation]) == 0 {
			t.Fatal("no request")
		}
		s := newBusySite(t, c.model)
		for _, text := range requests[operation] {
			var body object
			if err := json.Unmarshal([]byte(text), &body); err != nil {
				t.Fatal(err)
			}
			variants := c.model.variants(c.model.Operations[operation].Input, body)
			for _, v := range append(variants, fault{name: "as it is", body: body}) {
				if strings.HasPrefix(operation, "Delete") {
					s = newBusySite(t, c.model)
				}
				c.accepted(t, s, operation, v.name, s.call(t.Context(), operation, s.fill(encode(t, v.body))))
			}
		}
	})
}

// notInSDK are operations that the Go SDK does not have yet.
var notInSDK = map[string]bool{"CancelJobs": true, "TerminateJobs": true}

func (c *conformance) replies(t *testing.T) {
	t.Helper()
	c.each(t, func(t *testing.T, operation string) {
		t.Helper()
		s := newBusySite(t, c.model)
		method := reflect.ValueOf(s.client(t)).MethodByName(operation)
		if method.IsValid() == notInSDK[operation] {
			t.Fatalf("the SDK has it: %v", method.IsValid())
		}
		if notInSDK[operation] {
			return
		}
		for _, text := range requests[operation] {
			c.cases.Add(1)
			in := reflect.New(method.Type().In(1).Elem())
			if err := json.Unmarshal([]byte(s.fill(text)), in.Interface()); err != nil {
				t.Fatal(err)
			}
			out := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
			if err, _ := reflect.TypeAssert[error](out[1]); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
		var none []func(*sdk.Options) // what the last argument of every method is
		if last := method.Type().In(2); last != reflect.TypeOf(none) {
			t.Errorf("%s takes %s", operation, last)
		}
	})
}

func (c *conformance) paths(t *testing.T) {
	t.Helper()
	s := newBusySite(t, c.model)
	bodies := map[string]string{
		"nothing": "", "an object": "{}", "null": "null", "a list": "[]", "a number": "1", "a text": `"x"`, "half an object": `{"a":`, "no JSON": "<xml/>",
		"no UTF-8": "{\"a\":\"\xff\"}", "two objects": "{} {}", "too much": `{"a":"` + strings.Repeat("x", 300<<10) + `"}`, "deep": strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000),
	}
	for _, operation := range slices.Sorted(maps.Keys(c.model.Operations)) {
		for what, body := range bodies {
			for _, contentType := range []string{"", "application/json", "application/x-amz-json-1.1", "text/plain"} {
				r := s.request(t.Context(), operation, body)
				if contentType != "" {
					r.Header.Set("Content-Type", contentType)
				}
				if contentType == "text/plain" {
					r.URL.Path += "/"
					r.URL.RawPath = ""
				}
				c.answered(t, operation, what+" as "+contentType, s.do(r))
			}
		}
	}
}

// answered checks that the answer is one of the operation: never that there is no such path, nor that the server failed.
func (c *conformance) answered(tb testing.TB, operation, name string, got answer) {
	tb.Helper()
	switch {
	case unsupported[operation]:
		c.refused(tb, operation+" "+name, got, operation+" is not supported by this server")
	case got.code == http.StatusOK:
		c.cases.Add(1)
	default:
		c.refused(tb, operation+" "+name, got, "")
	}
}

// longest are the largest pages; AWS Batch: 100 unless said here.
var longest = map[string]int{"ListJobs": 1000}

func (c *conformance) pages(t *testing.T) {
	t.Helper()
	empty := map[string]bool{"DescribeServiceEnvironments": true, "ListServiceJobs": true, "ListQuotaShares": true}
	c.each(t, func(t *testing.T, operation string) {
		t.Helper()
		members := c.model.Shapes[c.model.Operations[operation].Input].Members
		if members["nextToken"].Shape == "" || empty[operation] {
			return
		}
		s := newBusySite(t, c.model)
		call := func(members string) answer {
			text := strings.TrimSuffix(requests[operation][0], "}")
			if text != "{" {
				text += ","
			}
			return s.call(t.Context(), operation, s.fill(text+members+"}"))
		}
		most := max(100, longest[operation])
		for _, n := range []int{-1, 0, most + 1} {
			c.refused(t, fmt.Sprintf("maxResults %d", n), call(fmt.Sprintf(`"maxResults":%d`, n)), "maxResults")
		}
		for _, n := range []int{1, most} {
			c.accepted(t, s, operation, fmt.Sprintf("maxResults %d", n), call(fmt.Sprintf(`"maxResults":%d`, n)))
		}
		for _, token := range []string{"x", "!", strings.Repeat("A", 1000), "eyJsIjoiIn0"} {
			c.refused(t, "nextToken "+token, call(fmt.Sprintf(`"nextToken":%q`, token)), "nextToken")
		}
		seen := map[string]bool{"": true}
		for token := ""; ; {
			got := call(fmt.Sprintf(`"maxResults":1,"nextToken":%q`, token))
			c.accepted(t, s, operation, "page after "+token, got)
			var page struct{ NextToken string }
			if err := json.Unmarshal([]byte(got.body), &page); err != nil {
				t.Fatal(err)
			}
			if token = page.NextToken; token == "" {
				break
			}
			if seen[token] {
				t.Fatalf("token %s repeats", token)
			}
			seen[token] = true
		}
	})
}

func (c *conformance) names(t *testing.T) {
	t.Helper()
	const rule = "Provided name %s is not supported pattern[a-zA-Z_0-9-]{1,128}"
	rules := map[string]struct{ member, want string }{
		"CreateComputeEnvironment": {"computeEnvironmentName", rule}, "CreateJobQueue": {"jobQueueName", rule}, "RegisterJobDefinition": {"jobDefinitionName", rule},
		"CreateSchedulingPolicy": {"name", rule}, "CreateConsumableResource": {"consumableResourceName", rule},
		"SubmitJob": {"jobName", "Job name should match valid pattern"},
	}
	s := newBusySite(t, c.model)
	for operation, of := range rules {
		for _, text := range requests[operation] {
			var body object
			if err := json.Unmarshal([]byte(s.fill(text)), &body); err != nil {
				t.Fatal(err)
			}
			send := func(name string) answer {
				body[of.member] = name
				return s.call(t.Context(), operation, encode(t, body))
			}
			for _, name := range []string{"", "-a", "_a", "a b", "a/b", "a:1", "a.b", "ä", "a\n", strings.Repeat("a", 129)} {
				want := of.want
				if strings.Contains(want, "%s") {
					want = fmt.Sprintf(want, name)
				}
				c.refused(t, fmt.Sprintf("%s %q", operation, name), send(name), want)
			}
			for _, name := range []string{"0", "A_-z", strings.Repeat("a", 118)} {
				name += s.fill("$NEW")
				c.accepted(t, s, operation, operation+" "+name, send(name))
			}
		}
	}
}

func (c *conformance) arns(t *testing.T) {
	t.Helper()
	s := newBusySite(t, c.model)
	for _, tc := range []struct{ operation, kind, name, body string }{
		{"DescribeComputeEnvironments", "compute-environment", "ce", `{"computeEnvironments":[%q]}`},
		{"UpdateComputeEnvironment", "compute-environment", "ce", `{"computeEnvironment":%q}`},
		{"DeleteComputeEnvironment", "compute-environment", "off", `{"computeEnvironment":%q}`},
		{"CreateJobQueue", "compute-environment", "ce", `{"jobQueueName":"$NEW","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":%q}]}`},
		{"DescribeJobQueues", "job-queue", "queue", `{"jobQueues":[%q]}`},
		{"UpdateJobQueue", "job-queue", "queue", `{"jobQueue":%q}`},
		{"DeleteJobQueue", "job-queue", "off", `{"jobQueue":%q}`},
		{"GetJobQueueSnapshot", "job-queue", "queue", `{"jobQueue":%q}`},
		{"ListJobs", "job-queue", "queue", `{"jobQueue":%q}`},
		{"SubmitJob", "job-queue", "queue", `{"jobName":"j","jobQueue":%q,"jobDefinition":"container"}`},
		{"SubmitJob", "job-definition", "container", `{"jobName":"j","jobQueue":"queue","jobDefinition":%q}`},
		{"SubmitJob", "job-definition", "container:1", `{"jobName":"j","jobQueue":"queue","jobDefinition":%q}`},
		{"DescribeJobDefinitions", "job-definition", "container:1", `{"jobDefinitions":[%q]}`},
		{"DeregisterJobDefinition", "job-definition", "ecs:1", `{"jobDefinition":%q}`},
		{"DescribeConsumableResource", "consumable-resource", "licence", `{"consumableResource":%q}`},
		{"UpdateConsumableResource", "consumable-resource", "licence", `{"consumableResource":%q,"operation":"ADD","quantity":1}`},
		{"ListJobsByConsumableResource", "consumable-resource", "licence", `{"consumableResource":%q}`},
		{"SubmitJob", "consumable-resource", "licence", `{"jobName":"j","jobQueue":"queue","jobDefinition":"container","consumableResourcePropertiesOverride":{"consumableResourceList":[{"consumableResource":%q,"quantity":1}]}}`},
	} {
		for _, id := range []string{tc.name, arnBase + tc.kind + "/" + tc.name, "arn:aws-cn:batch:cn-north-1:999999999999:" + tc.kind + "/" + tc.name} {
			got := s.call(t.Context(), tc.operation, s.fill(fmt.Sprintf(tc.body, id)))
			c.accepted(t, s, tc.operation, tc.operation+" "+id, got)
			if strings.HasPrefix(tc.operation, "Describe") && !strings.Contains(got.body, arnBase+tc.kind+"/"+tc.name) {
				t.Errorf("%s %s does not find it: %s", tc.operation, id, got.body)
			}
		}
		for _, id := range []string{"arn:aws:batch:us-east-1:123456789012:service-environment/" + tc.name, "arn:aws:s3:::" + tc.name, "arn:"} {
			if got := s.call(t.Context(), tc.operation, s.fill(fmt.Sprintf(tc.body, id))); got.code == http.StatusOK && strings.HasPrefix(tc.operation, "Describe") {
				c.accepted(t, s, tc.operation, tc.operation+" "+id, got)
			} else {
				c.refused(t, tc.operation+" "+id, got, id)
			}
		}
	}
}

func (c *conformance) urls(t *testing.T) {
	t.Helper()
	s := newBusySite(t, c.model)
	const arn = "/v1/tags/" + arnBase + "job-queue/queue"
	for name, tc := range map[string]struct{ method, path, body, want string }{
		"no ARN, list":     {http.MethodGet, "/v1/tags/", "", "resourceArn: is required"},
		"no ARN, tag":      {http.MethodPost, "/v1/tags/", `{"tags":{}}`, "resourceArn: is required"},
		"no ARN, untag":    {http.MethodDelete, "/v1/tags/?tagKeys=a", "", "resourceArn: is required"},
		"an ARN in a body": {http.MethodPost, "/v1/tags/", `{"tags":{},"resourceArn":"` + arnBase + `job-queue/queue"}`, "resourceArn: is required"},
		"no keys":          {http.MethodDelete, arn, "", "tagKeys: is required"},
		"keys in a body":   {http.MethodDelete, arn, `{"tagKeys":["a"]}`, "tagKeys: is required"},
		"too many keys":    {http.MethodDelete, arn + "?" + strings.Repeat("tagKeys=a&", 51), "", "tagKeys: must have 1 to 50 members"},
		"an empty key":     {http.MethodDelete, arn + "?tagKeys=", "", "tagKeys[0]: must have 1 to 128 characters"},
		"a long key":       {http.MethodDelete, arn + "?tagKeys=" + strings.Repeat("k", 129), "", "tagKeys[0]: must have 1 to 128 characters"},
	} {
		c.refused(t, name, s.do(httptest.NewRequestWithContext(t.Context(), tc.method, tc.path, strings.NewReader(tc.body))), tc.want)
	}
	for name, tc := range map[string]struct{ method, path, body, operation string }{
		"a plain ARN":      {http.MethodGet, arn, "", "ListTagsForResource"},
		"a trailing slash": {http.MethodGet, arn + "/", "", "ListTagsForResource"},
		"50 keys":          {http.MethodDelete, arn + "?" + strings.Repeat("tagKeys=a&", 50), "", "UntagResource"},
		"no tags":          {http.MethodPost, arn, `{"tags":{}}`, "TagResource"},
	} {
		c.accepted(t, s, tc.operation, name, s.do(httptest.NewRequestWithContext(t.Context(), tc.method, tc.path, strings.NewReader(tc.body))))
	}
}
