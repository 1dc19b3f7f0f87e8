// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

// hostile is text that means something to Redis, Lua, JSON, HTTP, Go, shells, terminals or Kubernetes.
var hostile = []string{
	"{other}", "}{", "{}", "muster:{global}:queues", "red-x}:j:{", "*", "a*b?[c]", "%s%n%d", "%00", "$(id)", "`id`", "'; return redis.call('FLUSHALL') --",
	"]] redis.call('KEYS','*') --[[", "\r\nSET a b\r\n", "*1\r\n$8\r\nFLUSHALL\r\n", "\x00", "a\x00b", "\x1b[2J\x1b]0;x\x07", "\u202egnp.exe", "\u200b", "ё", "日本語", "\U0001F4A3",
	"\ufffd", "é", "e\u0301", "../../etc/passwd", "/", "..", ".", " ", " a ", "\t", "\n", "a\nlevel=error msg=forged", "<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`,
	`{"a":1}`, `\u0000`, `\`, `"`, "'", "null", "true", "NaN", "1e999", "-1", "__proto__", "constructor", "Ref::x", "${jndi:ldap://x}", "arn:aws:batch:us-east-1:123456789012:job/x",
	strings.Repeat("a", 127), strings.Repeat("a", 128), strings.Repeat("a", 129), strings.Repeat("a", 255), strings.Repeat("a", 256), strings.Repeat("ё", 128), strings.Repeat("{", 128),
}

// TestHostileWordsAreData puts each of them wherever a caller may write something: it is refused in AWS's form, or comes back as
// it was, and the server goes on.
func TestHostileWordsAreData(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	h.settle("red")
	kept, refusals := 0, 0
	for _, text := range hostile {
		for place, request := range places(text) {
			got := h.post("red", request.operation, request.body)
			switch {
			case got.status == http.StatusBadRequest && got.code == batch.CodeClient, got.status == http.StatusForbidden && got.code == batch.CodeAccessDenied:
				refusals++
				continue
			case got.status != http.StatusOK:
				t.Errorf("%s %q: %d %s", place, text, got.status, got.body)
				continue
			}
			kept++
			if !h.comesBack(request, text, got) {
				t.Errorf("%s %q is not what it was", place, text)
			}
		}
	}
	t.Logf("%d words: %d times kept, %d times refused", len(hostile), kept, refusals)
	if got := h.post("red", "DescribeJobQueues", `{"jobQueues":["red-x"]}`); !strings.Contains(got.body, `"jobQueueName":"red-x"`) {
		t.Errorf("what was there before: %d %s", got.status, got.body)
	}
}

// written is a request with a word in it, and the member of the description that has it afterwards.
type written struct{ operation, body, describe, member string }

// places are where a word may stand.
func places(text string) map[string]written {
	literal, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	word := string(literal)
	named, err := json.Marshal("red-" + text)
	if err != nil {
		panic(err)
	}
	name := string(named)
	job := func(more string) string {
		return `{"jobQueue":"red-x","jobDefinition":"red-x","shareIdentifier":"s",` + more + `}`
	}
	return map[string]written{
		"a job's name":            {"SubmitJob", job(`"jobName":` + word), "DescribeJobs", "jobName"},
		"a tag":                   {"SubmitJob", job(`"jobName":"j","tags":{"t":` + word + `}`), "DescribeJobs", "tags"},
		"a tag's key":             {"SubmitJob", job(`"jobName":"j","tags":{` + word + `:"v"}`), "DescribeJobs", "tags"},
		"a parameter":             {"SubmitJob", job(`"jobName":"j","parameters":{"p":` + word + `}`), "DescribeJobs", "parameters"},
		"a parameter's key":       {"SubmitJob", job(`"jobName":"j","parameters":{` + word + `:"v"}`), "DescribeJobs", "parameters"},
		"a command":               {"SubmitJob", job(`"jobName":"j","containerOverrides":{"command":[` + word + `]}`), "DescribeJobs", "container"},
		"a variable":              {"SubmitJob", job(`"jobName":"j","containerOverrides":{"environment":[{"name":"V","value":` + word + `}]}`), "DescribeJobs", "container"},
		"a share":                 {"SubmitJob", `{"jobQueue":"red-x","jobDefinition":"red-x","jobName":"j","shareIdentifier":` + word + `}`, "DescribeJobs", "shareIdentifier"},
		"a queue":                 {"SubmitJob", `{"jobQueue":` + name + `,"jobDefinition":"red-x","jobName":"j"}`, "", ""},
		"a definition":            {"RegisterJobDefinition", `{"jobDefinitionName":` + name + `,"type":"container","containerProperties":{"image":"i","vcpus":1,"memory":4}}`, "", "jobDefinitionName"},
		"an image":                {"RegisterJobDefinition", `{"jobDefinitionName":"red-i","type":"container","containerProperties":{"image":` + word + `,"vcpus":1,"memory":4}}`, "", ""},
		"an environment":          {"CreateComputeEnvironment", `{"computeEnvironmentName":` + name + `,"type":"UNMANAGED"}`, "", "computeEnvironmentName"},
		"a policy":                {"CreateSchedulingPolicy", `{"name":` + name + `}`, "", "name"},
		"a resource":              {"CreateConsumableResource", `{"consumableResourceName":` + name + `,"totalQuantity":1,"resourceType":"REPLENISHABLE"}`, "", ""},
		"a job's id":              {"DescribeJobs", `{"jobs":[` + word + `]}`, "", ""},
		"a job's id to terminate": {"TerminateJob", `{"jobId":` + word + `,"reason":"r"}`, "", ""},
		"a token":                 {"ListJobs", `{"jobQueue":"red-x","nextToken":` + word + `}`, "", ""},
		"a filter":                {"ListJobs", `{"jobQueue":"red-x","filters":[{"name":"JOB_NAME","values":[` + word + `]}]}`, "", ""},
	}
}

// comesBack reads what was written.
func (h *house) comesBack(request written, text string, got reply) bool {
	h.t.Helper()
	var answer map[string]any
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil {
		return false
	}
	if request.describe == "" {
		return request.member == "" || answer[request.member] == "red-"+text
	}
	id, _ := answer["jobId"].(string)
	var described struct{ Jobs []map[string]any }
	if err := json.Unmarshal([]byte(h.post("red", request.describe, `{"jobs":["`+id+`"]}`).body), &described); err != nil || len(described.Jobs) != 1 {
		return false
	}
	return holds(described.Jobs[0][request.member], text)
}

// holds reports whether a document has a text, as a key or as a value.
func holds(document any, text string) bool {
	switch d := document.(type) {
	case string:
		return d == text
	case []any:
		return slices.ContainsFunc(d, func(one any) bool { return holds(one, text) })
	case map[string]any:
		for key, one := range d {
			if key == text || holds(one, text) {
				return true
			}
		}
	}
	return false
}
