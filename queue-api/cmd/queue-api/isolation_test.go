// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

// reaching are requests about what is another tenant's: OTHER-x, or of its job JOB. MINE is who asks. An operation that has none
// fails the test.
var reaching = map[string][]string{
	"CancelJob":                    {`{"jobId":"JOB","reason":"r"}`, `{"jobId":"arn:aws:batch:us-east-1:123456789012:job/JOB","reason":"r"}`, `{"jobId":"JOB:0","reason":"r"}`},
	"CancelJobs":                   {`{"jobs":["JOB"],"reason":"r"}`},
	"CreateComputeEnvironment":     {`{"computeEnvironmentName":"OTHER-x","type":"UNMANAGED"}`},
	"CreateConsumableResource":     {`{"consumableResourceName":"OTHER-x","totalQuantity":1}`},
	"CreateJobQueue":               {`{"jobQueueName":"OTHER-x","priority":1}`, `{"jobQueueName":"MINE-y","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"OTHER-x"}]}`, `{"jobQueueName":"MINE-y","priority":1,"schedulingPolicyArn":"arn:aws:batch:us-east-1:123456789012:scheduling-policy/OTHER-x","computeEnvironmentOrder":[{"order":1,"computeEnvironment":"MINE-x"}]}`},
	"CreateSchedulingPolicy":       {`{"name":"OTHER-x"}`},
	"DeleteComputeEnvironment":     {`{"computeEnvironment":"OTHER-x"}`},
	"DeleteConsumableResource":     {`{"consumableResource":"OTHER-x"}`},
	"DeleteJobQueue":               {`{"jobQueue":"OTHER-x"}`, `{"jobQueue":"arn:aws:batch:us-east-1:123456789012:job-queue/OTHER-x"}`},
	"DeleteSchedulingPolicy":       {`{"arn":"arn:aws:batch:us-east-1:123456789012:scheduling-policy/OTHER-x"}`},
	"DeregisterJobDefinition":      {`{"jobDefinition":"OTHER-x:1"}`},
	"DescribeComputeEnvironments":  {`{"computeEnvironments":["OTHER-x"]}`, `{"computeEnvironments":["MINE-x","OTHER-x"]}`},
	"DescribeConsumableResource":   {`{"consumableResource":"OTHER-x"}`},
	"DescribeJobDefinitions":       {`{"jobDefinitions":["OTHER-x:1"]}`, `{"jobDefinitionName":"OTHER-x"}`, `{"jobDefinitions":["arn:aws:batch:us-east-1:123456789012:job-definition/OTHER-x:1"]}`},
	"DescribeJobQueues":            {`{"jobQueues":["OTHER-x"]}`, `{"jobQueues":["MINE-x","OTHER-x"]}`},
	"DescribeJobs":                 {`{"jobs":["JOB"]}`, `{"jobs":["JOB:0"]}`, `{"jobs":["JOB#0"]}`},
	"DescribeSchedulingPolicies":   {`{"arns":["arn:aws:batch:us-east-1:123456789012:scheduling-policy/OTHER-x"]}`},
	"GetJobQueueSnapshot":          {`{"jobQueue":"OTHER-x"}`},
	"ListConsumableResources":      {`{"filters":[{"name":"CONSUMABLE_RESOURCE_NAME","values":["OTHER-x"]}]}`},
	"ListJobs":                     {`{"jobQueue":"OTHER-x"}`, `{"arrayJobId":"JOB"}`, `{"multiNodeJobId":"JOB"}`, `{"jobQueue":"MINE-x","arrayJobId":"JOB"}`},
	"ListJobsByConsumableResource": {`{"consumableResource":"OTHER-x"}`},
	"ListSchedulingPolicies":       {`{"maxResults":100}`},
	"ListTagsForResource":          {""},
	"RegisterJobDefinition":        {`{"jobDefinitionName":"OTHER-x","type":"container","containerProperties":{"image":"i","vcpus":1,"memory":4}}`, `{"jobDefinitionName":"MINE-y","type":"container","consumableResourceProperties":{"consumableResourceList":[{"consumableResource":"OTHER-x","quantity":1}]},"containerProperties":{"image":"i","vcpus":1,"memory":4}}`},
	"SubmitJob":                    {`{"jobName":"j","shareIdentifier":"s","jobQueue":"OTHER-x","jobDefinition":"MINE-x"}`, `{"jobName":"j","shareIdentifier":"s","jobQueue":"MINE-x","jobDefinition":"OTHER-x"}`, `{"jobName":"j","shareIdentifier":"s","jobQueue":"MINE-x","jobDefinition":"MINE-x","dependsOn":[{"jobId":"JOB"}]}`, `{"jobName":"j","shareIdentifier":"s","jobQueue":"MINE-x","jobDefinition":"MINE-x","consumableResourcePropertiesOverride":{"consumableResourceList":[{"consumableResource":"OTHER-x","quantity":1}]}}`},
	"TagResource":                  {`{"tags":{"a":"b"}}`},
	"TerminateJob":                 {`{"jobId":"JOB","reason":"r"}`},
	"TerminateJobs":                {`{"jobs":["JOB"],"reason":"r"}`},
	"UntagResource":                {""},
	"UpdateComputeEnvironment":     {`{"computeEnvironment":"OTHER-x","state":"DISABLED"}`},
	"UpdateConsumableResource":     {`{"consumableResource":"OTHER-x","operation":"SET","quantity":1}`},
	"UpdateJobQueue":               {`{"jobQueue":"OTHER-x","state":"DISABLED"}`, `{"jobQueue":"MINE-x","computeEnvironmentOrder":[{"order":1,"computeEnvironment":"OTHER-x"}]}`, `{"jobQueue":"MINE-x","schedulingPolicyArn":"arn:aws:batch:us-east-1:123456789012:scheduling-policy/OTHER-x"}`},
	"UpdateSchedulingPolicy":       {`{"arn":"arn:aws:batch:us-east-1:123456789012:scheduling-policy/OTHER-x","fairsharePolicy":{"shareDecaySeconds":1}}`},
}

// listing are requests that name nothing, by the answer's list.
var listing = map[string]string{
	"DescribeComputeEnvironments": "computeEnvironments",
	"DescribeJobDefinitions":      "jobDefinitions",
	"DescribeJobQueues":           "jobQueues",
	"ListConsumableResources":     "consumableResources",
	"ListSchedulingPolicies":      "schedulingPolicies",
}

// tagged are the things that have tags.
var tagged = []string{"compute-environment/OTHER-x", "job-queue/OTHER-x", "job-definition/OTHER-x:1", "scheduling-policy/OTHER-x", "consumable-resource/OTHER-x", "job/JOB"}

// estate is what a tenant has.
type estate struct{ job string }

// TestTenantsAreIsolated has each of three tenants send every operation about what is each other's: it gets the same answer as
// about what does not exist, nothing of theirs, and changes nothing.
func TestTenantsAreIsolated(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	estates := map[string]estate{}
	for _, tenant := range tenants {
		h.settle(tenant)
		h.join(tenant)
		estates[tenant] = estate{h.must(tenant, "SubmitJob", strings.ReplaceAll(
			`{"jobName":"secret-of-MINE","jobQueue":"MINE-x","jobDefinition":"MINE-x","shareIdentifier":"s","arrayProperties":{"size":2},"tags":{"secret":"of-MINE"}}`, "MINE", tenant))["jobId"]}
	}
	before := h.everything(estates)
	sent := 0
	for _, me := range tenants {
		for _, other := range tenants {
			if me != other {
				sent += h.reach(me, other, estates[other].job)
			}
		}
	}
	t.Logf("%d requests of %d tenants about each other's", sent, len(tenants))
	if after := h.everything(estates); after != before {
		t.Errorf("something changed (-before +after):\n%s", cmp.Diff(strings.Split(before, "\n"), strings.Split(after, "\n")))
	}
	for _, me := range tenants {
		h.checkLists(me)
	}
	h.checkMetrics()
}

// everything is what its owners see of all that there is.
func (h *house) everything(estates map[string]estate) string {
	var all strings.Builder
	for _, tenant := range tenants {
		for operation := range listing {
			_, _ = all.WriteString(operation + " " + sorted(h.post(tenant, operation, "{}").body) + "\n")
		}
		_, _ = all.WriteString(h.post(tenant, "DescribeJobs", `{"jobs":["`+estates[tenant].job+`"]}`).body)
		_, _ = all.WriteString(h.post(tenant, "ListJobs", `{"jobQueue":"`+tenant+`-x","jobStatus":"RUNNABLE"}`).body + "\n")
	}
	lines := strings.Split(asOfNow.ReplaceAllString(all.String(), ""), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// asOfNow is when the answer was made.
var asOfNow = regexp.MustCompile(`"statusSummaryLastUpdatedAt":[0-9]+`)

// sorted is text in an order that does not depend on its own.
func sorted(text string) string {
	parts := strings.Split(text, ",")
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// reach sends everything of one tenant about what is another's, and the same about what is nobody's.
func (h *house) reach(me, other, job string) (sent int) {
	h.t.Helper()
	nobodys := strings.NewReplacer("OTHER-x", other+"-none", "JOB", job[:len(job)-1]+next(job[len(job)-1]), "MINE", me)
	others := strings.NewReplacer("OTHER-x", other+"-x", "JOB", job, "MINE", me)
	hide := strings.NewReplacer(other+"-none", "IT", other+"-x", "IT", job, "IT", job[:len(job)-1]+next(job[len(job)-1]), "IT", url.QueryEscape(job), "IT")
	for _, op := range awsapi.Operations {
		bodies := reaching[op.Name]
		if len(bodies) == 0 && !slices.Contains(nothingToSee, op.Name) && !isUnsupported(h.send(me, op.Method, op.Path, "{}")) {
			h.t.Errorf("%s reaches for nothing", op.Name)
		}
		for _, path := range paths(op) {
			for _, body := range bodies {
				got, want := h.send(me, op.Method, others.Replace(path), others.Replace(body)), h.send(me, op.Method, nobodys.Replace(path), nobodys.Replace(body))
				sent++
				if got.status != want.status || got.code != want.code || hide.Replace(got.body) != hide.Replace(want.body) {
					h.t.Errorf("%s as %s with %s: %d %s; of nothing: %d %s", op.Name, me, others.Replace(body), got.status, got.body, want.status, want.body)
				}
				if strings.Contains(got.body, "of-"+other) || got.status == http.StatusOK && strings.Contains(got.body, other) {
					h.t.Errorf("%s as %s with %s tells of %s: %s", op.Name, me, others.Replace(body), other, got.body)
				}
			}
		}
	}
	for _, query := range []string{"", "?jobQueue=OTHER-x", "?jobQueue=MINE-x&jobQueue=OTHER-x"} {
		sent++
		if got := h.send(me, http.MethodGet, "/x/v1/events"+others.Replace(query), ""); got.status != http.StatusForbidden {
			h.t.Errorf("%s streams %s: %d", me, query, got.status)
		}
	}
	return sent + h.ask(me, other, job) + h.view(me, other, job) + h.simulate(me, others, nobodys, hide)
}

// simulate sends what SubmitJob is sent, to be tried only: it is refused alike.
func (h *house) simulate(me string, others, nobodys, hide *strings.Replacer) (sent int) {
	h.t.Helper()
	for _, body := range reaching["SubmitJob"] {
		sent++
		got := h.send(me, http.MethodPost, "/x/v1/simulate", others.Replace(body))
		want := h.send(me, http.MethodPost, "/x/v1/simulate", nobodys.Replace(body))
		if got.status == http.StatusOK || got.status != want.status || hide.Replace(got.body) != hide.Replace(want.body) {
			h.t.Errorf("%s simulates %s: %d %s; of nothing: %d %s", me, others.Replace(body), got.status, got.body, want.status, want.body)
		}
	}
	return sent
}

// view looks into the clusters: there is what is one's own, and of others not even that it is there.
func (h *house) view(me, other, job string) (sent int) {
	h.t.Helper()
	nobodys := job[:len(job)-1] + next(job[len(job)-1])
	for path, mine := range map[string]string{
		"/x/v1/nodes": "node-of-" + me, "/x/v1/nodes?computeEnvironment=" + me + "-x": "node-of-" + me, "/x/v1/decisions": "decisions",
		"/x/v1/summary": `"jobQueue":"` + me + `-x"`,
	} {
		sent++
		if got := h.send(me, http.MethodGet, path, ""); got.status != http.StatusOK || !strings.Contains(got.body, mine) || strings.Contains(got.body, other) {
			h.t.Errorf("%s looks at %s: %d %s", me, path, got.status, got.body)
		}
	}
	for path, nothing := range map[string]string{
		"/x/v1/nodes?computeEnvironment=" + other + "-x": "/x/v1/nodes?computeEnvironment=" + other + "-none",
		"/x/v1/jobs/" + job + "/gang":                    "/x/v1/jobs/" + nobodys + "/gang",
		"/x/v1/jobs/" + job + "/array":                   "/x/v1/jobs/" + nobodys + "/array",
		"/x/v1/jobs/" + job + "/explanation":             "/x/v1/jobs/" + nobodys + "/explanation",
		"/x/v1/jobs/" + job + ":0/explanation":           "/x/v1/jobs/" + nobodys + ":0/explanation",
	} {
		sent++
		hide := strings.NewReplacer(other+"-none", "IT", other+"-x", "IT", job, "IT", nobodys, "IT")
		got, want := h.send(me, http.MethodGet, path, ""), h.send(me, http.MethodGet, nothing, "")
		if got.status != http.StatusForbidden || got.status != want.status || hide.Replace(got.body) != hide.Replace(want.body) {
			h.t.Errorf("%s looks at %s: %d %s; at nothing: %d %s", me, path, got.status, got.body, want.status, want.body)
		}
	}
	return sent
}

// ask asks whether one tenant may do what it can't with what is another's. What is refused is named by the question alone.
func (h *house) ask(me, other, job string) (sent int) {
	h.t.Helper()
	named := strings.NewReplacer("OTHER-x", other+"-x", "JOB", job)
	for _, question := range []string{
		`{"operation":"SubmitJob","request":{"jobQueue":"OTHER-x"}}`, `{"operation":"CancelJob","request":{"jobId":"JOB"}}`,
		`{"operation":"UpdateJobQueue","request":{"jobQueue":"OTHER-x"}}`, `{"operation":"SubmitJob"}`,
		`{"operation":"TagResource","resourceArn":"arn:aws:batch:us-east-1:123456789012:job/JOB"}`,
	} {
		sent++
		got := h.send(me, http.MethodPost, "/x/v1/can-i", named.Replace(question))
		if got.status != http.StatusOK || !strings.Contains(got.body, `"allowed":false`) || strings.Contains(got.body, "of-"+other) {
			h.t.Errorf("%s asks %s: %d %s", me, named.Replace(question), got.status, got.body)
		}
	}
	return sent
}

// nothingToSee are operations whose answer is empty for everybody.
var nothingToSee = []string{"DescribeServiceEnvironments", "ListServiceJobs", "ListQuotaShares"}

func isUnsupported(r reply) bool {
	return r.status == http.StatusBadRequest && strings.Contains(r.body, "is not supported by this server")
}

func next(c byte) string {
	if c == '0' {
		return "1"
	}
	return "0"
}

// paths are those of an operation: one, or one for each thing that has tags.
func paths(op awsapi.Operation) (all []string) {
	if !strings.Contains(op.Path, "{resourceArn}") {
		return []string{op.Path}
	}
	for _, thing := range tagged {
		path := strings.Replace(op.Path, "{resourceArn}", "arn:aws:batch:us-east-1:123456789012:"+thing, 1)
		if op.Method == http.MethodDelete {
			path += "?tagKeys=secret"
		}
		all = append(all, path)
	}
	return all
}

// checkLists reads every list that names nothing, one a page: it has the tenant's own and nothing of the others', nor do the
// tokens between its pages; and a token of another's leads nowhere else.
func (h *house) checkLists(me string) {
	h.t.Helper()
	for operation, member := range listing {
		found, token := 0, ""
		for range 20 {
			got := h.post(me, operation, `{"maxResults":1,"nextToken":"`+token+`"}`)
			var page map[string]any
			if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != http.StatusOK {
				h.t.Fatalf("%s as %s: %d %s", operation, me, got.status, got.body)
			}
			list, _ := page[member].([]any)
			found += len(list)
			token, _ = page["nextToken"].(string)
			clear, _ := base64.RawURLEncoding.DecodeString(token)
			for _, other := range tenants {
				if other == me {
					continue
				}
				if strings.Contains(got.body, other) || strings.Contains(string(clear), other) {
					h.t.Errorf("%s as %s tells of %s: %s %q", operation, me, other, got.body, clear)
				}
				if token != "" && h.post(other, operation, `{"maxResults":1,"nextToken":"`+token+`"}`).status != http.StatusBadRequest {
					h.t.Errorf("%s takes a token of %s from %s", operation, me, other)
				}
			}
			if token == "" {
				break
			}
		}
		if found != 1 || token != "" {
			h.t.Errorf("%s as %s has %d of its own, and more: %q", operation, me, found, token)
		}
	}
}

// metricLabels are the labels of metrics whose values are names that tenants chose. Who reads metrics sees these and nothing else
// of tenants; the network policies say who may (manifests, "metrics are read by those who are named alone").
var metricLabels = regexp.MustCompile(`(job_queue|compute_environment|share)="[^"]*"`)

// checkMetrics holds that metrics tell of tenants the names of their queues and environments alone.
func (h *house) checkMetrics() {
	h.t.Helper()
	response, err := http.Get(h.health + "/metrics")
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || len(text) == 0 {
		h.t.Fatalf("no metrics: %v", err)
	}
	rest := metricLabels.ReplaceAllString(string(text), "")
	for _, tenant := range tenants {
		if strings.Contains(rest, tenant+"-x") || strings.Contains(rest, "of-"+tenant) {
			h.t.Errorf("metrics tell of %s", tenant)
		}
	}
}
