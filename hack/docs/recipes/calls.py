# SPDX-License-Identifier: Apache-2.0
"""What the recipes' scripts have in common. They make the calls that a tool makes, in its order and with its fields, by boto3."""
import os
import sys
import time

import boto3

REGION = "us-east-1"
PATIENCE = 400  # seconds, on a machine that has much else to do


def client(service):
    return boto3.client(service, endpoint_url=os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:8080"), region_name=REGION,
                        aws_access_key_id="recipe", aws_secret_access_key="recipe")


batch = client("batch")
logs = client("logs")


def until(what, ask, every=0.5):
    """Asks until the answer is true, and returns it."""
    end = time.time() + PATIENCE
    while True:
        answer = ask()
        if answer:
            return answer
        if time.time() > end:
            sys.exit(f"{what}: not within {PATIENCE} s")
        time.sleep(every)


def requirements(vcpus, memory):
    return [{"type": "VCPU", "value": str(vcpus)}, {"type": "MEMORY", "value": str(memory)}]


def log_lines(group, stream):
    """Pages a log to its end, as clients of CloudWatch Logs do: the end is where the token stays the same."""
    lines, token = [], None
    while True:
        more = {"nextToken": token} if token else {}
        answer = logs.get_log_events(logGroupName=group, logStreamName=stream, startTime=0, startFromHead=True, **more)
        lines += [event["message"] for event in answer["events"]]
        if answer["nextForwardToken"] == token:
            return lines
        token = answer["nextForwardToken"]


def check(is_so, what):
    if not is_so:
        sys.exit("not so: " + what)
