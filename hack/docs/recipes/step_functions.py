# SPDX-License-Identifier: Apache-2.0
"""A state batch:submitJob.sync of Amazon States Language, as a runner of one's own does it: submit, wait for the event, answer the job.

    python3 step_functions.py '{"JobName": …, "JobQueue": …, "JobDefinition": …}'
"""
import json
import os
import sys
import urllib.parse
import urllib.request

from calls import batch


def lower(value):
    """The state's parameters are in PascalCase, the API's members in camelCase. Keys of maps stay as they are."""
    maps = ("parameters", "tags")
    if isinstance(value, list):
        return [lower(v) for v in value]
    if not isinstance(value, dict):
        return value
    return {k[0].lower() + k[1:]: v if k[0].lower() + k[1:] in maps else lower(v) for k, v in value.items()}


def upper(value):
    if isinstance(value, list):
        return [upper(v) for v in value]
    if not isinstance(value, dict):
        return value
    return {k[0].upper() + k[1:]: v if k in ("parameters", "tags") else upper(v) for k, v in value.items()}


def events(queue):
    """Server-sent events, each as EventBridge has it; from before the job is submitted, so that none is missed."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:8080")
    stream = urllib.request.urlopen(f"{endpoint}/x/v1/events?jobQueue={urllib.parse.quote(queue)}", timeout=400)
    return (json.loads(line[len(b"data: "):]) for line in stream if line.startswith(b"data: "))


parameters = lower(json.loads(sys.argv[1]))
overrides = parameters.setdefault("containerOverrides", {})
overrides.setdefault("environment", []).append({"name": "MANAGED_BY_AWS", "value": "STARTED_BY_STEP_FUNCTIONS"})
seen = events(parameters["jobQueue"])
job_id = batch.submit_job(**parameters)["jobId"]
for event in seen:
    detail = event["detail"]
    if event["detail-type"] == "Batch Job State Change" and detail["jobId"] == job_id and detail["status"] in ("SUCCEEDED", "FAILED"):
        break
if detail["status"] == "FAILED":
    sys.exit("States.TaskFailed: " + json.dumps(upper(detail)))
json.dump(upper(detail), sys.stdout)
