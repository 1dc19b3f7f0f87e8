// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// tagsOf lists the tags of what an ARN names.
func (f *fixture) tagsOf(tb testing.TB, arn string) map[string]string {
	tb.Helper()
	out, err := f.ListTagsForResource(tb.Context(), caller, &awsapi.ListTagsForResourceRequest{ResourceArn: &arn})
	if err != nil {
		tb.Fatal(err)
	}
	return out.Tags
}

func (f *fixture) tag(ctx context.Context, arn string, tags map[string]string) error {
	_, err := f.TagResource(ctx, caller, &awsapi.TagResourceRequest{ResourceArn: &arn, Tags: tags})
	return err
}

func (f *fixture) untag(ctx context.Context, arn string, keys ...string) error {
	_, err := f.UntagResource(ctx, caller, &awsapi.UntagResourceRequest{ResourceArn: &arn, TagKeys: keys})
	return err
}

// Contract 1.7: what is taggable.
func TestTagsOfEveryKind(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	ok(t, f.CreateSchedulingPolicy, `{"name":"p"}`)
	ok(t, f.CreateConsumableResource, `{"consumableResourceName":"c"}`)
	ok(t, f.RegisterJobDefinition, containerDefinition) // d:2
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"d:1","tags":{}}`)
	f.step(t, id, admitted(), bound(), started(), ended(0, "Completed"))
	for _, resource := range []string{"compute-environment/ce", "job-queue/q", "job-definition/d:1", "job/" + id, "scheduling-policy/p", "consumable-resource/c"} {
		t.Run(resource, func(t *testing.T) {
			t.Parallel()
			arn := "arn:aws-cn:batch:elsewhere:0:" + resource // region and account do not matter
			if diff := cmp.Diff(map[string]string{}, f.tagsOf(t, arn)); diff != "" {
				t.Errorf("tags at first (-want +got):\n%s", diff)
			}
			if err := errors.Join(
				f.tag(t.Context(), arn, map[string]string{"a": "1", "b": "2"}),
				f.tag(t.Context(), arn, map[string]string{"b": "", "c": "3"}),
				f.tag(t.Context(), arn, map[string]string{}),
				f.untag(t.Context(), arn, "a", "unknown"),
			); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]string{"b": "", "c": "3"}, f.tagsOf(t, arn)); diff != "" {
				t.Errorf("tags mismatch (-want +got):\n%s", diff)
			}
		})
	}
	if got := f.tagsOf(t, arnBase+"job-definition/d:2"); len(got) != 0 {
		t.Errorf("another revision got the tags: %v", got)
	}
}

func TestTagsAreSeenWhereTheResourceIsDescribed(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"d","tags":{"x":"y"}}`)
	want := map[string]string{"x": "y", "k": "v"}
	for _, resource := range []string{"compute-environment/ce", "job-queue/q", "job-definition/d:1", "job/" + id} {
		if err := f.tag(t.Context(), arnBase+resource, want); err != nil {
			t.Fatal(err)
		}
	}
	for name, got := range map[string]map[string]string{
		"environment": reply(t, f.DescribeComputeEnvironments, `{"computeEnvironments":["ce"]}`).ComputeEnvironments[0].Tags,
		"queue":       reply(t, f.DescribeJobQueues, `{"jobQueues":["q"]}`).JobQueues[0].Tags,
		"definition":  reply(t, f.DescribeJobDefinitions, `{"jobDefinitions":["d:1"]}`).JobDefinitions[0].Tags,
		"job":         reply(t, f.DescribeJobs, fmt.Sprintf(`{"jobs":[%q]}`, id)).Jobs[0].Tags,
	} {
		if !maps.Equal(want, got) {
			t.Errorf("%s has tags %v", name, got)
		}
	}
}

func TestTagRefusals(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"d"}`)
	cases := map[string]struct{ arn, want string }{
		"a name":                          {"q", "resourceArn must be an ARN, not q"},
		"an ARN of another service":       {"arn:aws:ecs:r:1:job-queue/q", "resourceArn arn:aws:ecs:r:1:job-queue/q cannot be tagged"},
		"a service environment":           {"arn:aws:batch:r:1:service-environment/s", "resourceArn arn:aws:batch:r:1:service-environment/s cannot be tagged"},
		"an unknown queue":                {arnBase + "job-queue/x", "Resource " + arnBase + "job-queue/x does not exist"},
		"an unknown environment":          {arnBase + "compute-environment/x", "Resource " + arnBase + "compute-environment/x does not exist"},
		"an unknown definition":           {arnBase + "job-definition/x:1", "Resource " + arnBase + "job-definition/x:1 does not exist"},
		"a definition without a revision": {arnBase + "job-definition/d", "resourceArn must name a revision of job definition d: d:<revision>"},
		"an unknown policy":               {arnBase + "scheduling-policy/x", "Resource " + arnBase + "scheduling-policy/x does not exist"},
		"an unknown consumable resource":  {arnBase + "consumable-resource/x", "Resource " + arnBase + "consumable-resource/x does not exist"},
		"an unknown job":                  {arnBase + "job/00000000-0000-4000-8000-000000000000", "Resource " + arnBase + "job/00000000-0000-4000-8000-000000000000 does not exist"},
		"no job's id":                     {arnBase + "job/x", "Resource " + arnBase + "job/x does not exist"},
		"a child of an array":             {arnBase + "job/" + id + ":0", "resourceArn: child jobs cannot be tagged"},
		"a node of a multi-node job":      {arnBase + "job/" + id + "#0", "resourceArn: child jobs cannot be tagged"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := f.ListTagsForResource(t.Context(), caller, &awsapi.ListTagsForResourceRequest{ResourceArn: &tc.arn})
			wantRefusal(t, err, tc.want)
			wantRefusal(t, f.tag(t.Context(), tc.arn, map[string]string{"a": "b"}), tc.want)
			wantRefusal(t, f.untag(t.Context(), tc.arn, "a"), tc.want)
		})
	}
	t.Run("a reserved key", func(t *testing.T) {
		t.Parallel()
		wantRefusal(t, f.tag(t.Context(), arnBase+"job-queue/q", map[string]string{"Aws:a": "b"}), "tags: keys that begin with aws: are reserved")
	})
}

// Contract 1.7: 50 tags for each resource.
func TestTagsAreBounded(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	arn := arnBase + "job-queue/q"
	for i := range maxTags {
		if err := f.tag(t.Context(), arn, map[string]string{fmt.Sprintf("k%d", i): "v"}); err != nil {
			t.Fatal(err)
		}
	}
	wantRefusal(t, f.tag(t.Context(), arn, map[string]string{"more": "v"}), "tags: a resource must have at most 50 tags")
	if err := f.tag(t.Context(), arn, map[string]string{"k0": "another"}); err != nil {
		t.Errorf("a new value of an old key: %v", err)
	}
	if got := f.tagsOf(t, arn); len(got) != maxTags || got["k0"] != "another" {
		t.Errorf("%d tags, k0 is %q", len(got), got["k0"])
	}
}

func TestTagsWhenTheStoreIsDown(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	f.queues = downQueues{}
	arn := arnBase + "job-queue/q"
	_, err := f.ListTagsForResource(t.Context(), caller, &awsapi.ListTagsForResourceRequest{ResourceArn: &arn})
	if _, refused := errors.AsType[*batch.Error](err); !errors.Is(err, errDown) || refused {
		t.Errorf("got %v", err)
	}
}
