# SPDX-License-Identifier: Apache-2.0
"""The calls of Metaflow's @batch: a queue is asked for its platform, a step is a job, done is what has stopped; gangs by num_parallel."""
from calls import batch, check, log_lines, requirements, until

NAME = "metaflow_6f1b21ba2d"
QUEUE = "demo"


def platform():
    queue = batch.describe_job_queues(jobQueues=[QUEUE])["jobQueues"][0]
    first = queue["computeEnvironmentOrder"][0]["computeEnvironment"]
    return batch.describe_compute_environments(computeEnvironments=[first])["computeEnvironments"][0]["computeResources"]["type"]


def definition(name, **more):
    known = batch.describe_job_definitions(jobDefinitionName=name, status="ACTIVE")["jobDefinitions"]
    if known:
        return known[0]["jobDefinitionArn"]
    return batch.register_job_definition(jobDefinitionName=name, propagateTags=True, **more)["jobDefinitionArn"]


def container():
    return {"image": "busybox", "command": ["echo", "hello world"], "jobRoleArn": "arn:aws:iam::123456789012:role/metaflow",
            "resourceRequirements": requirements(1, 64), "environment": []}


def wait(job_id):
    """Done is what has stopped."""
    def ask():
        jobs = batch.describe_jobs(jobs=[job_id])["jobs"]
        return len(jobs) == 1 and jobs[0].get("stoppedAt", 0) > 0 and jobs[0]
    return until("the step stops", ask)


check(platform() in ("EC2", "SPOT", "FARGATE", "FARGATE_SPOT"), "the platform is one that Metaflow knows")

# A step. In the task these variables are read without a default.
script = 'echo "$AWS_BATCH_JOB_ID $AWS_BATCH_JOB_ATTEMPT $AWS_BATCH_CE_NAME $AWS_BATCH_JQ_NAME"; sleep 1'
step = batch.submit_job(
    jobName="HelloFlow-1-start-1-0", jobQueue=QUEUE, jobDefinition=definition(NAME, type="container", containerProperties=container()),
    containerOverrides={"command": ["sh", "-c", script], "resourceRequirements": requirements(1, 64),
                        "environment": [{"name": "METAFLOW_FLOW_NAME", "value": "HelloFlow"}]},
    parameters={"metaflow.user": "ann", "metaflow.flow_name": "HelloFlow", "metaflow.run_id": "1"}, tags={"app": "metaflow"},
    timeout={"attemptDurationSeconds": 600}, retryStrategy={"attempts": 1})["jobId"]
# `batch list` finds it by its parameters while it is there.
found = set()
for status in ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"):
    ids = [job["jobId"] for page in batch.get_paginator("list_jobs").paginate(jobQueue=QUEUE, jobStatus=status) for job in page["jobSummaryList"]]
    for start in range(0, len(ids), 100):
        for job in batch.describe_jobs(jobs=ids[start:start + 100])["jobs"]:
            if job.get("parameters", {}).get("metaflow.user") == "ann":
                found.add(job["jobId"])
check(step in found, "the step is found by its parameters")
done = wait(step)
check(done["status"] == "SUCCEEDED" and done["container"]["exitCode"] == 0 and "reason" not in done["container"], "the step has succeeded")
lines = until("the log is there", lambda: log_lines("/aws/batch/job", done["container"]["logStreamName"]))
check(lines == [f"{step} 1 demo demo"], f"the variables of the task, not {lines}")

# A gang: the ranges of the override are those of the definition.
gang = batch.submit_job(
    jobName="HelloFlow-1-train-2-0", jobQueue=QUEUE, parameters={"metaflow.user": "ann"}, tags={}, retryStrategy={"attempts": 1},
    jobDefinition=definition(NAME + "_gang", type="multinode", nodeProperties={"numNodes": 2, "mainNode": 0, "nodeRangeProperties": [
        {"targetNodes": "0:0", "container": container()}, {"targetNodes": "1:1", "container": container()}]}),
    nodeOverrides={"nodePropertyOverrides": [{"targetNodes": targets, "containerOverrides": {"command": ["sh", "-c", "echo $AWS_BATCH_JOB_NODE_INDEX of $AWS_BATCH_JOB_NUM_NODES"]}}
                                             for targets in ("0:0", "1:1")]})["jobId"]
done = wait(gang)
check("container" not in done and "statusReason" in done and done["attempts"][-1]["container"]["exitCode"] == 0, "what is read of a gang")
print("a step and a gang of 2:", done["status"])
