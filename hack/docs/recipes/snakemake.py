# SPDX-License-Identifier: Apache-2.0
"""The calls of snakemake-executor-plugin-aws-batch: a definition for each job, which goes with it."""
from calls import batch, check, requirements, until

queue = batch.describe_job_queues(jobQueues=["demo"])["jobQueues"][0]
environment = batch.describe_compute_environments(computeEnvironments=[queue["computeEnvironmentOrder"][0]["computeEnvironment"]])
check(environment["computeEnvironments"][0]["computeResources"]["type"] == "EC2", "the platform of the queue")


def rule(name, command):
    registered = batch.register_job_definition(
        jobDefinitionName=f"snakejob-def-{name}", type="container", platformCapabilities=["EC2"], tags={},
        containerProperties={"image": "busybox", "command": command, "resourceRequirements": requirements(1, 64), "privileged": True,
                             "jobRoleArn": "arn:aws:iam::123456789012:role/snakemake"})
    return batch.submit_job(jobName=f"snakejob-{name}", jobQueue=queue["jobQueueArn"],
                            jobDefinition=f"{registered['jobDefinitionName']}:{registered['revision']}")["jobId"]


def finish(job_id):
    job = until("the rule ends", lambda: (lambda j: j["status"] in ("SUCCEEDED", "FAILED") and j)(batch.describe_jobs(jobs=[job_id])["jobs"][0]))
    # What is over is terminated all the same, and the definition goes by the ARN that the job has.
    batch.terminate_job(jobId=job_id, reason="terminated by snakemake")
    batch.deregister_job_definition(jobDefinition=job["jobDefinition"])
    return job


well, badly = finish(rule("map", ["true"])), finish(rule("call", ["sh", "-c", "exit 2"]))
check(well["container"]["exitCode"] == 0 and badly["container"]["exitCode"] == 2, "the exit codes of rules")
check(batch.describe_jobs(jobs=[well["jobId"]])["jobs"][0]["status"] == "SUCCEEDED", "what has succeeded stays so")
check(not batch.describe_job_definitions(jobDefinitionName="snakejob-def-map", status="ACTIVE")["jobDefinitions"], "the definition is gone")
print("rules", well["status"], badly["status"])
