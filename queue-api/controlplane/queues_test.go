// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"strings"
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

func TestCreateJobQueue(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	ok(t, f.CreateComputeEnvironment, environmentBody("ce2"))
	wantJSON(t, `{"jobQueueName":"both","jobQueueArn":"`+arnBase+`job-queue/both"}`, ok(t, f.CreateJobQueue,
		`{"jobQueueName":"both","priority":10,"state":"DISABLED","tags":{"k":"v"},"jobQueueType":"EKS","schedulingPolicyArn":"",
			"computeEnvironmentOrder":[{"order":20,"computeEnvironment":"arn:aws:batch:r:1:compute-environment/ce"},{"order":3,"computeEnvironment":"ce2"}],
			"jobStateTimeLimitActions":[{"reason":"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY","state":"RUNNABLE","maxTimeSeconds":600,"action":"CANCEL"}]}`))
	wantJSON(t, `{"jobQueues":[{"jobQueueName":"both","jobQueueArn":"`+arnBase+`job-queue/both","priority":10,"state":"DISABLED","status":"VALID","statusReason":"JobQueue Healthy",
		"tags":{"k":"v"},"jobQueueType":"EKS",
		"computeEnvironmentOrder":[{"order":3,"computeEnvironment":"`+arnBase+`compute-environment/ce2"},{"order":20,"computeEnvironment":"`+arnBase+`compute-environment/ce"}],
		"jobStateTimeLimitActions":[{"reason":"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY","state":"RUNNABLE","maxTimeSeconds":600,"action":"CANCEL"}]}]}`,
		ok(t, f.DescribeJobQueues, `{"jobQueues":["both"]}`))
	wantJSON(t, `{"jobQueues":[{"jobQueueName":"q","jobQueueArn":"`+arnBase+`job-queue/q","priority":1,"state":"ENABLED","status":"VALID","statusReason":"JobQueue Healthy",
		"tags":{},"jobQueueType":"EKS","computeEnvironmentOrder":[{"order":1,"computeEnvironment":"`+arnBase+`compute-environment/ce"}],"jobStateTimeLimitActions":[]}]}`,
		ok(t, f.DescribeJobQueues, `{"jobQueues":["nope","`+arnBase+`job-queue/q","q"]}`))
	q, err := f.store.Queue(t.Context(), "both")
	if err != nil || q.Number == 0 {
		t.Errorf("got %+v, %v, want a number", q, err)
	}
}

func TestCreateJobQueueRefuses(t *testing.T) {
	t.Parallel()
	with := func(more string) string {
		return `{"jobQueueName":"x","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}],` + more + `}`
	}
	limit := func(reason, action string, seconds int) string {
		return with(fmt.Sprintf(`"jobStateTimeLimitActions":[{"reason":%q,"state":"RUNNABLE","maxTimeSeconds":%d,"action":%q}]`, reason, seconds, action))
	}
	order := func(names ...string) string {
		var list []string
		for i, n := range names {
			list = append(list, fmt.Sprintf(`{"order":%d,"computeEnvironment":%q}`, i, n))
		}
		return `{"jobQueueName":"x","priority":1,"computeEnvironmentOrder":[` + strings.Join(list, ",") + `]}`
	}
	const code = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
	cases := map[string]struct{ body, want string }{
		"name":               {queueBody("a b"), "Provided name a b is not supported pattern[a-zA-Z_0-9-]{1,128}"},
		"name is taken":      {queueBody("q"), "Object already exists"},
		"no priority":        {`{"jobQueueName":"x","computeEnvironmentOrder":[]}`, "priority: is required"},
		"negative priority":  {`{"jobQueueName":"x","priority":-1,"computeEnvironmentOrder":[]}`, "priority must be at least 0"},
		"no environments":    {`{"jobQueueName":"x","priority":1}`, "computeEnvironmentOrder must have 1 to 3 compute environments"},
		"empty environments": {order(), "computeEnvironmentOrder must have 1 to 3 compute environments"},
		"four environments":  {order("ce", "b", "c", "d"), "computeEnvironmentOrder must have 1 to 3 compute environments"},
		"unknown one":        {order("ce", "nope"), "ComputeEnvironment nope does not exist"},
		"ARN of a queue":     {order("arn:aws:batch:r:1:job-queue/ce"), "ComputeEnvironment arn:aws:batch:r:1:job-queue/ce does not exist"},
		"the same twice":     {order("ce", "arn:aws:batch:r:1:compute-environment/ce"), "computeEnvironmentOrder[1].computeEnvironment: ce is there twice"},
		"unknown policy":     {with(`"schedulingPolicyArn":"arn:aws:batch:r:1:scheduling-policy/p"`), "SchedulingPolicy arn:aws:batch:r:1:scheduling-policy/p does not exist"},
		"policy by name":     {with(`"schedulingPolicyArn":"p"`), "schedulingPolicyArn must be the ARN of a scheduling policy, not p"},
		"mixed types":        {order("ce", "ecs"), "computeEnvironmentOrder: compute environments of types EKS and ECS cannot be in one job queue"},
		"EC2 and Fargate":    {order("ecs", "fargate"), "computeEnvironmentOrder: compute environments of types ECS and ECS_FARGATE cannot be in one job queue"},
		"service":            {with(`"serviceEnvironmentOrder":[{"order":1,"serviceEnvironment":"s"}]`), "serviceEnvironmentOrder is not supported by this server"},
		"type":               {with(`"jobQueueType":"SAGEMAKER_TRAINING"`), "jobQueueType SAGEMAKER_TRAINING is not supported by this server"},
		"another type":       {with(`"jobQueueType":"ECS"`), "jobQueueType ECS does not match the compute environments, which are of type EKS"},
		"reserved tag":       {with(`"tags":{"aws:a":"b"}`), "tags: keys that begin with aws: are reserved"},
		"limit too short":    {limit(code, "CANCEL", 599), "jobStateTimeLimitActions[0].maxTimeSeconds must be between 600 and 86400"},
		"limit too long":     {limit(code, "CANCEL", 86401), "jobStateTimeLimitActions[0].maxTimeSeconds must be between 600 and 86400"},
		"other action":       {limit(code, "TERMINATE", 600), "jobStateTimeLimitActions[0].action must be CANCEL"},
		"other reason":       {limit("UNDETERMINED", "CANCEL", 600), "jobStateTimeLimitActions[0].reason must be one of " + strings.Join(blockedReasons[:], ", ")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newBusyFixture(t)
			ok(t, f.CreateComputeEnvironment, `{"computeEnvironmentName":"ecs","type":"UNMANAGED"}`)
			ok(t, f.CreateComputeEnvironment, fargateBody("fargate"))
			_, err := do(t, f.CreateJobQueue, tc.body)
			wantRefusal(t, err, tc.want)
			if left, _ := f.store.Queues(t.Context()); len(left) != 1 {
				t.Errorf("something was created: %v", left)
			}
		})
	}
}

func TestUpdateJobQueue(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	ok(t, f.CreateComputeEnvironment, environmentBody("ce2"))
	wantJSON(t, `{"jobQueueName":"q","jobQueueArn":"`+arnBase+`job-queue/q"}`, ok(t, f.UpdateJobQueue, `{"jobQueue":"q","priority":0,"state":"DISABLED",
		"jobStateTimeLimitActions":[{"reason":"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY","state":"RUNNABLE","maxTimeSeconds":600,"action":"CANCEL"}]}`))
	ok(t, f.UpdateJobQueue, `{"jobQueue":"`+arnBase+`job-queue/q","computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce2"}]}`)
	d := reply(t, f.DescribeJobQueues, `{}`).JobQueues[0]
	if *d.Priority != 0 || *d.State != "DISABLED" || *d.Status != "VALID" || len(d.JobStateTimeLimitActions) != 1 ||
		*d.ComputeEnvironmentOrder[0].ComputeEnvironment != arnBase+"compute-environment/ce2" {
		t.Errorf("got %+v", d)
	}
	ok(t, f.UpdateJobQueue, `{"jobQueue":"q","jobStateTimeLimitActions":[]}`)
	if d := reply(t, f.DescribeJobQueues, `{}`).JobQueues[0]; len(d.JobStateTimeLimitActions) != 0 {
		t.Errorf("an empty list left %v", d.JobStateTimeLimitActions)
	}
	before := ok(t, f.DescribeJobQueues, `{}`)
	for _, tc := range []struct{ body, want string }{
		{`{"jobQueue":"nope"}`, "JobQueue nope does not exist"},
		{`{"jobQueue":"arn:aws:s3:::q"}`, "JobQueue arn:aws:s3:::q does not exist"},
		{`{"jobQueue":"q","computeEnvironmentOrder":[]}`, "computeEnvironmentOrder must have 1 to 3 compute environments"},
		{`{"jobQueue":"q","schedulingPolicyArn":"a"}`, "schedulingPolicyArn must be the ARN of a scheduling policy, not a"},
		{`{"jobQueue":"q","serviceEnvironmentOrder":[{"order":1,"serviceEnvironment":"s"}]}`, "serviceEnvironmentOrder is not supported by this server"},
		{`{"jobQueue":"q","priority":-1,"state":"ENABLED"}`, "priority must be at least 0"},
		{`{"jobQueue":"q","computeEnvironmentOrder":[{"order":1,"computeEnvironment":"nope"}]}`, "ComputeEnvironment nope does not exist"},
	} {
		_, err := do(t, f.UpdateJobQueue, tc.body)
		wantRefusal(t, err, tc.want)
		wantJSON(t, before, ok(t, f.DescribeJobQueues, `{}`))
	}
}

func TestDeleteJobQueue(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	_, err := do(t, f.DeleteJobQueue, `{"jobQueue":"q"}`)
	wantRefusal(t, err, "Cannot delete, the state of job queue q must be DISABLED")
	ok(t, f.UpdateJobQueue, `{"jobQueue":"q","state":"DISABLED"}`)
	for range 2 { // a repeat is harmless
		wantJSON(t, `{}`, ok(t, f.DeleteJobQueue, `{"jobQueue":"q"}`))
	}
	if q, _ := f.store.Queue(t.Context(), "q"); q.Status != batch.ResourceDeleting {
		t.Errorf("got status %s", q.Status)
	}
	_, err = do(t, f.UpdateJobQueue, `{"jobQueue":"q","state":"ENABLED"}`)
	wantRefusal(t, err, "Cannot update, resource is being deleted")
	_, err = do(t, f.SubmitJob, `{"jobName":"j","jobQueue":"q","jobDefinition":"d"}`)
	wantRefusal(t, err, "JobQueue q not found.")
	_, err = do(t, f.DeleteJobQueue, `{"jobQueue":"nope"}`)
	wantRefusal(t, err, "JobQueue nope does not exist")
}

// Contract 2.2: a scheduling policy makes a fair-share queue for ever; it is replaced, never removed and never added.
func TestSchedulingPolicyOfAQueue(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	for _, name := range []string{"p1", "p2"} {
		ok(t, f.CreateSchedulingPolicy, fmt.Sprintf(`{"name":%q}`, name))
	}
	policyOf := func(queue string) string {
		return value(reply(t, f.DescribeJobQueues, fmt.Sprintf(`{"jobQueues":[%q]}`, queue)).JobQueues[0].SchedulingPolicyArn)
	}
	ok(t, f.CreateJobQueue, fmt.Sprintf(`{"jobQueueName":"fair","priority":1,"schedulingPolicyArn":%q,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`, policyARN("p1")))
	if got := policyOf("fair"); got != policyARN("p1") {
		t.Errorf("created with %q", got)
	}
	ok(t, f.UpdateJobQueue, `{"jobQueue":"fair","priority":7}`)
	ok(t, f.UpdateJobQueue, `{"jobQueue":"fair","schedulingPolicyArn":""}`)
	if got := policyOf("fair"); got != policyARN("p1") {
		t.Errorf("an update without a policy left %q", got)
	}
	ok(t, f.UpdateJobQueue, fmt.Sprintf(`{"jobQueue":"fair","schedulingPolicyArn":%q}`, policyARN("p2")))
	if got := policyOf("fair"); got != policyARN("p2") {
		t.Errorf("replaced by %q", got)
	}
	_, err := do(t, f.UpdateJobQueue, fmt.Sprintf(`{"jobQueue":"q","priority":9,"schedulingPolicyArn":%q}`, policyARN("p2")))
	wantRefusal(t, err, "schedulingPolicyArn cannot be added to job queue q, which was created without one")
	if q := reply(t, f.DescribeJobQueues, `{"jobQueues":["q"]}`).JobQueues[0]; q.SchedulingPolicyArn != nil || *q.Priority != 1 {
		t.Errorf("a refused update changed the queue: %+v", q)
	}
	_, err = do(t, f.UpdateJobQueue, fmt.Sprintf(`{"jobQueue":"fair","schedulingPolicyArn":%q}`, policyARN("x")))
	wantRefusal(t, err, "SchedulingPolicy "+policyARN("x")+" does not exist")
}

// Contract 2.2: jobQueueType is derived from the compute environments.
func TestJobQueueType(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	ok(t, f.CreateComputeEnvironment, `{"computeEnvironmentName":"ecs","type":"UNMANAGED"}`)
	ok(t, f.CreateComputeEnvironment, fargateBody("fargate"))
	for env, want := range map[string]string{"ce": "EKS", "ecs": "ECS", "fargate": "ECS_FARGATE"} {
		for name, given := range map[string]string{"derived": "", "given": fmt.Sprintf(`"jobQueueType":%q,`, want)} {
			t.Run(env+"/"+name, func(t *testing.T) {
				t.Parallel()
				queue := env + "-" + name
				ok(t, f.CreateJobQueue, fmt.Sprintf(`{"jobQueueName":%q,"priority":1,%s"computeEnvironmentOrder":[{"order":1,"computeEnvironment":%q}]}`, queue, given, env))
				if got := *reply(t, f.DescribeJobQueues, fmt.Sprintf(`{"jobQueues":[%q]}`, queue)).JobQueues[0].JobQueueType; got != want {
					t.Errorf("type %s, want %s", got, want)
				}
			})
		}
	}
}
