// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
)

// newConsumableFixture is a busy one with consumable resources lic (5) and tok (2), and definition c that takes 2 of lic.
func newConsumableFixture(tb testing.TB) *fixture {
	tb.Helper()
	f := newBusyFixture(tb)
	for name, total := range map[string]int64{"lic": 5, "tok": 2} {
		c := batch.ConsumableResource{Name: name, Type: batch.Replenishable, TotalQuantity: total, CreatedAt: t0}
		if err := f.store.CreateConsumable(tb.Context(), c); err != nil {
			tb.Fatal(err)
		}
	}
	def := batch.JobDefinition{
		Name: "c", Type: "container", ContainerProperties: []byte(`{"image":"busybox","vcpus":1,"memory":64}`),
		ConsumableResourceProperties: []byte(`{"consumableResourceList":[{"consumableResource":"lic","quantity":2}]}`),
	}
	if _, err := f.store.RegisterDefinition(tb.Context(), def); err != nil {
		tb.Fatal(err)
	}
	return f
}

func consumables(entries ...string) string {
	return `"consumableResourcePropertiesOverride":{"consumableResourceList":[` + strings.Join(entries, ",") + `]}`
}

// TestSubmitJobWithConsumables covers contract 2.4, 4.10 and 4.11.
func TestSubmitJobWithConsumables(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		definition, more string
		want             []batch.ConsumableRequirement
		wantErr          string
	}{
		"the definition's":     {"c", `"tags":{}`, []batch.ConsumableRequirement{{Name: "lic", Quantity: 2}}, ""},
		"none":                 {"d", `"tags":{}`, nil, ""},
		"empty overrides none": {"c", consumables(), []batch.ConsumableRequirement{{Name: "lic", Quantity: 2}}, ""},
		"the override replaces": {
			"c", consumables(`{"consumableResource":"` + arnBase + `consumable-resource/tok","quantity":9}`),
			[]batch.ConsumableRequirement{{Name: "tok", Quantity: 9}},
			"",
		},
		"unknown": {"d", consumables(`{"consumableResource":"nope","quantity":1}`), nil, "ConsumableResource nope does not exist"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newConsumableFixture(t)
			body := fmt.Sprintf(`{"jobName":"j","jobQueue":"q","jobDefinition":%q,%s}`, tc.definition, tc.more)
			if tc.wantErr != "" {
				_, err := do(t, f.SubmitJob, body)
				wantRefusal(t, err, tc.wantErr)
				return
			}
			id := f.submit(t, body)
			if diff := cmp.Diff(tc.want, f.job(t, id).Consumables); diff != "" {
				t.Errorf("consumables mismatch (-want +got):\n%s", diff)
			}
			var shown []batch.ConsumableRequirement
			for _, r := range consumableList(f.describe(t, id)[0].ConsumableResourceProperties) {
				shown = append(shown, batch.ConsumableRequirement{Name: strings.TrimPrefix(*r.ConsumableResource, arnBase+"consumable-resource/"), Quantity: *r.Quantity})
			}
			if diff := cmp.Diff(tc.want, shown); diff != "" {
				t.Errorf("shown mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// newConsumersFixture has consumers of lic in two queues, oldest first: a1, a2 (FAILED) and b1 in "q", z1 in "z".
func newConsumersFixture(tb testing.TB) *fixture {
	tb.Helper()
	f := newConsumableFixture(tb)
	ok(tb, f.CreateJobQueue, queueBody("empty"))
	ok(tb, f.CreateJobQueue, queueBody("z"))
	for _, job := range []struct{ name, queue string }{{"a1", "q"}, {"a2", "q"}, {"b1", "q"}, {"z1", "z"}} {
		id := f.submit(tb, fmt.Sprintf(`{"jobName":%q,"jobQueue":%q,"jobDefinition":"c"}`, job.name, job.queue))
		if job.name == "a2" {
			f.run(tb, id, 1)
		}
	}
	f.submitWith(tb, consumables(`{"consumableResource":"tok","quantity":1}`))
	return f
}

// TestListJobsByConsumableResource covers contract 2.5.
func TestListJobsByConsumableResource(t *testing.T) {
	t.Parallel()
	f := newConsumersFixture(t)
	query := func(resource, more string) string { return fmt.Sprintf(`{"consumableResource":%q%s}`, resource, more) }
	filters := func(list string) string { return `,"filters":[` + list + `]` }
	cases := map[string]struct{ query, want string }{
		"all queues":                  {query("lic", ""), "b1 a2 a1 z1"},
		"by ARN, page by page":        {query(arnBase+"consumable-resource/lic", `,"maxResults":1`), "b1 a2 a1 z1"},
		"pages of two":                {query("lic", `,"maxResults":2`), "b1 a2 a1 z1"},
		"another resource":            {query("tok", ""), "j"},
		"JOB_NAME, prefix, any case":  {query("lic", filters(`{"name":"JOB_NAME","values":["A*"]}`)), "a2 a1"},
		"JOB_STATUS":                  {query("lic", filters(`{"name":"JOB_STATUS","values":["FAILED","RUNNING"]}`)), "a2"},
		"both":                        {query("lic", filters(`{"name":"JOB_STATUS","values":["RUNNABLE"]},{"name":"JOB_NAME","values":["a*","z1"]}`)), "a1 z1"},
		"filtered pages may be empty": {query("lic", `,"maxResults":1`+filters(`{"name":"JOB_NAME","values":["z1"]}`)), "z1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var names []string
			for token := ""; ; {
				page := reply(t, f.ListJobsByConsumableResource, strings.TrimSuffix(tc.query, "}")+`,"nextToken":"`+token+`"}`)
				for _, j := range page.Jobs {
					names = append(names, *j.JobName)
				}
				if token = value(page.NextToken); token == "" {
					break
				}
			}
			if got := strings.Join(names, " "); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestListJobsByConsumableResourceShowsASummary(t *testing.T) {
	t.Parallel()
	f := newConsumableFixture(t)
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"c"}`)
	f.run(t, id, 1)
	wantJSON(t, fmt.Sprintf(`{"jobs":[{"jobArn":"%[1]sjob/%[2]s","jobQueueArn":"%[1]sjob-queue/q","jobName":"j","jobDefinitionArn":"%[1]sjob-definition/c:1","jobStatus":"FAILED",
		"quantity":2,"statusReason":"Essential container in task exited","createdAt":%[3]s,"startedAt":%[4]s,
		"consumableResourceProperties":{"consumableResourceList":[{"consumableResource":"%[1]sconsumable-resource/lic","quantity":2}]}}]}`, arnBase, id, ms(0), ms(1e9)),
		ok(t, f.ListJobsByConsumableResource, `{"consumableResource":"lic"}`))
	wantJSON(t, `{"jobs":[]}`, ok(t, f.ListJobsByConsumableResource, `{"consumableResource":"tok"}`))
}

func TestListJobsByConsumableResourceBoundsItsWork(t *testing.T) {
	t.Parallel()
	f := newConsumersFixture(t)
	f.cfg.MaxListScan = 2
	page := reply(t, f.ListJobsByConsumableResource, `{"consumableResource":"lic","filters":[{"name":"JOB_NAME","values":["z1"]}]}`)
	if len(page.Jobs) != 0 || page.NextToken == nil {
		t.Errorf("got %+v, want an empty page and a token", page)
	}
}

func TestListJobsByConsumableResourceRefuses(t *testing.T) {
	t.Parallel()
	f := newConsumersFixture(t)
	for body, want := range map[string]string{
		`{}`:                            "consumableResource: is required",
		`{"consumableResource":"nope"}`: "ConsumableResource nope does not exist",
		`{"consumableResource":"arn:aws:batch:r:1:job/lic"}`:                                        "ConsumableResource arn:aws:batch:r:1:job/lic does not exist",
		`{"consumableResource":"lic","maxResults":0}`:                                               "maxResults must be between 1 and 100",
		`{"consumableResource":"lic","maxResults":101}`:                                             "maxResults must be between 1 and 100",
		`{"consumableResource":"lic","nextToken":"x"}`:                                              "nextToken is not a token of this list",
		`{"consumableResource":"lic","filters":[{"name":"job_name","values":["x"]}]}`:               "filters[0].name must be one of JOB_STATUS, JOB_NAME",
		`{"consumableResource":"lic","filters":[{"name":"JOB_NAME"}]}`:                              "filters[0].values must have at least one value",
		`{"consumableResource":"lic","filters":[{"name":"JOB_STATUS","values":["RUNNABLE","no"]}]}`: "filters[0].values must be one of SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING, SUCCEEDED, FAILED",
	} {
		_, err := do(t, f.ListJobsByConsumableResource, body)
		wantRefusal(t, err, want)
	}
}
