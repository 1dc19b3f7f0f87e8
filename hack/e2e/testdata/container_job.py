# SPDX-License-Identifier: Apache-2.0
"""Runs a containerProperties job the way programs on boto3 do, and prints what DescribeJobs says of it."""
import json
import sys
import time

import boto3

endpoint, name, vcpus, folder = sys.argv[1:]
batch = boto3.client("batch", endpoint_url=endpoint)

batch.create_compute_environment(
    computeEnvironmentName=name,
    type="MANAGED",
    computeResources={
        "type": "EC2",
        "minvCpus": 0,
        "maxvCpus": int(vcpus),
        "instanceTypes": ["optimal"],
        "subnets": ["subnet-0123456789abcdef0"],
        "securityGroupIds": ["sg-0123456789abcdef0"],
        "instanceRole": "ecsInstanceRole",
    },
)
while batch.describe_compute_environments(computeEnvironments=[name])["computeEnvironments"][0]["status"] != "VALID":
    time.sleep(0.2)
batch.create_job_queue(
    jobQueueName=name,
    priority=1,
    computeEnvironmentOrder=[{"order": 1, "computeEnvironment": name}],
)
batch.register_job_definition(
    jobDefinitionName=name,
    type="container",
    containerProperties={
        "image": "public.ecr.aws/docker/library/busybox",
        "command": ["sh", "-c", "echo $GREETING from $WHO in $AWS_BATCH_JQ_NAME, attempt $AWS_BATCH_JOB_ATTEMPT >/host/environment"],
        "environment": [{"name": "GREETING", "value": "hello"}, {"name": "WHO", "value": "nobody"}],
        "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "128"}],
        "volumes": [{"name": "host", "host": {"sourcePath": folder}}],
        "mountPoints": [{"sourceVolume": "host", "containerPath": "/host"}],
    },
)
job_id = batch.submit_job(
    jobName=name,
    jobQueue=name,
    jobDefinition=name,
    containerOverrides={"environment": [{"name": "WHO", "value": "boto3"}]},
)["jobId"]
while True:
    job = batch.describe_jobs(jobs=[job_id])["jobs"][0]
    if job["status"] in ("SUCCEEDED", "FAILED"):
        break
    time.sleep(0.5)
json.dump(job, sys.stdout)
