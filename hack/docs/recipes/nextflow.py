# SPDX-License-Identifier: Apache-2.0
"""The calls of Nextflow's executor awsbatch: one definition for each image, tasks and arrays of them, lots of 100."""
from calls import batch, check, log_lines, requirements, until

NAME, TOKEN = "nf-busybox", "43869867b5fbae16fa7cfeb5ea2c3522"


def definition():
    """The definition of the image: found by name and token, or registered."""
    for d in batch.describe_job_definitions(jobDefinitionName=NAME)["jobDefinitions"]:
        if d["status"] == "ACTIVE" and d.get("parameters", {}).get("nf-token") == TOKEN:
            return f"{NAME}:{d['revision']}"
    made = batch.register_job_definition(
        jobDefinitionName=NAME, type="container", parameters={"nf-token": TOKEN}, tags={"nextflow.io/version": "25.10.0"},
        containerProperties={"image": "busybox", "command": ["true"], "resourceRequirements": requirements(1, 1024), "volumes": [], "mountPoints": [],
                             "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-region": "us-east-1"}}})
    return f"{made['jobDefinitionName']}:{made['revision']}"


def submit(name, script, **more):
    return batch.submit_job(
        jobName=name, jobQueue="demo", jobDefinition=definition(), propagateTags=True, tags={"nextflow.io/runName": "mad_curie"},
        timeout={"attemptDurationSeconds": 600},
        retryStrategy={"attempts": 5, "evaluateOnExit": [{"action": "RETRY", "onStatusReason": "Host EC2*"}, {"action": "EXIT", "onReason": "*"}]},
        containerOverrides={"command": ["sh", "-c", script], "environment": [{"name": "NXF_TASK", "value": name}],
                            "resourceRequirements": [{"type": "MEMORY", "value": "64"}]}, **more)["jobId"]


def describe(ids):
    """Every job of a lot is asked for at once, a hundred at most."""
    return {job["jobId"]: job for job in batch.describe_jobs(jobs=ids[:100])["jobs"]}


queue = batch.describe_job_queues(jobQueues=["demo"])["jobQueues"][0]
environment = queue["computeEnvironmentOrder"][0]["computeEnvironment"]
check(batch.describe_compute_environments(computeEnvironments=[environment])["computeEnvironments"], "the queue's environment is found")

good = submit("good", 'echo "$NXF_TASK"; sleep 1; exit 0')
bad = submit("bad", "exit 3")
array = submit("array", 'echo "$AWS_BATCH_JOB_ARRAY_INDEX"', arrayProperties={"size": 2})
long = submit("long", "sleep 600")
batch.terminate_job(jobId=long, reason="Job killed by NF")

lot = [good, bad, f"{array}:0", f"{array}:1", long] + ["00000000-0000-4000-8000-%012d" % i for i in range(95)]
check(len(lot) == 100, "a lot is of 100")
ends = ("SUCCEEDED", "FAILED")
done = until("tasks end", lambda: (lambda jobs: len(jobs) == 5 and all(j["status"] in ends for j in jobs.values()) and jobs)(describe(lot)))

check(done[good]["container"]["exitCode"] == 0, "the exit code of a task that went well")
check(done[bad]["container"]["exitCode"] == 3 and len(done[bad]["attempts"]) == 1, "a failure of the task's own is not retried")
check(done[long]["statusReason"] == "Job killed by NF", "the reason of one that was ended")
check(done[f"{array}:1"]["arrayProperties"]["index"] == 1, "the index of an array's child")
lines = until("the log is there", lambda: log_lines("/aws/batch/job", done[good]["container"]["logStreamName"]))
print("definition", definition())
print("exit codes", done[good]["container"]["exitCode"], done[bad]["container"]["exitCode"])
print("log", lines)
