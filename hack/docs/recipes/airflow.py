# SPDX-License-Identifier: Apache-2.0
"""The calls of Airflow's BatchOperator, of BatchCreateComputeEnvironmentOperator with its waiter, and of its reader of logs."""
import random

from calls import batch, check, log_lines, requirements, until

# BatchCreateComputeEnvironmentOperator, and the waiter behind the sensor of environments.
name = f"airflow-{random.randrange(10**6)}"
batch.create_compute_environment(
    computeEnvironmentName=name, type="MANAGED", state="ENABLED", tags={},
    computeResources={"type": "EC2", "minvCpus": 0, "maxvCpus": 4, "instanceTypes": ["c5.large"], "subnets": ["subnet-us-east-1a"], "instanceRole": "node"})
environment = until("the environment is VALID", lambda: [
    e for e in batch.describe_compute_environments(computeEnvironments=[name])["computeEnvironments"] if e["status"] == "VALID"])
batch.update_compute_environment(computeEnvironment=name, state="DISABLED")
until("the environment can be deleted", lambda: batch.delete_compute_environment(computeEnvironment=name))

# BatchOperator. parameters and tags are always sent, empty or not.
batch.register_job_definition(jobDefinitionName="airflow", type="container",
                              containerProperties={"image": "busybox", "command": ["true"], "resourceRequirements": requirements(1, 64)})


def submit(command):
    return batch.submit_job(jobName="task", jobQueue="demo", jobDefinition="airflow", parameters={}, tags={},
                            containerOverrides={"command": command, "environment": [{"name": "AIRFLOW_CTX_DAG_ID", "value": "dag"}]})["jobId"]


def describe(job_id):
    """Exactly one job of that id, or the operator gives up."""
    jobs = batch.describe_jobs(jobs=[job_id])["jobs"]
    check(len(jobs) == 1 and jobs[0]["jobId"] == job_id, "one job is answered, the one that was asked for")
    return jobs[0]


def wait(job_id):
    until("the job runs", lambda: describe(job_id)["status"] in ("RUNNING", "SUCCEEDED", "FAILED"))
    return until("the job ends", lambda: (lambda job: job["status"] in ("SUCCEEDED", "FAILED") and job)(describe(job_id)))


job = wait(submit(["sh", "-c", "echo one; echo two; sleep 1"]))  # of one that ends at once containerd may lose what it wrote
check(job["status"] == "SUCCEEDED", "the job succeeds")
check(job["jobDefinition"].endswith("job-definition/airflow:%d" % int(job["jobDefinition"].rsplit(":", 1)[1])), "the link to the definition")
group = job["container"].get("logConfiguration", {}).get("options", {}).get("awslogs-group", "/aws/batch/job")
lines = until("the log is there", lambda: (lambda got: len(got) == 2 and got)(log_lines(group, job["container"]["logStreamName"])))
failed = wait(submit(["sh", "-c", "exit 7"]))
check(failed["status"] == "FAILED" and failed["container"]["exitCode"] == 7, "a failure is one")
killed = submit(["sleep", "600"])
batch.terminate_job(jobId=killed, reason="Task killed by the user")
check(wait(killed)["statusReason"] == "Task killed by the user", "on_kill ends the job")
print("environment", environment[0]["status"])
print("log", lines)
