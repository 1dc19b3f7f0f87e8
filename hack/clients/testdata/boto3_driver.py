# SPDX-License-Identifier: Apache-2.0
"""Answers lines of JSON, {operation, input}, by boto3: {output}, {error} when the API refused, or {broken}."""
import json
import os
import sys

import boto3
import botocore.config
import botocore.exceptions
from botocore import xform_name

client = boto3.client(
    "batch", endpoint_url=os.environ["MUSTER_ENDPOINT"], config=botocore.config.Config(retries={"max_attempts": 0})
)
for line in sys.stdin:
    request = json.loads(line)
    try:
        output = getattr(client, xform_name(request["operation"]))(**request["input"])
        output.pop("ResponseMetadata")
        reply = {"output": output}
    except botocore.exceptions.ClientError as e:
        reply = {"error": {"code": e.response["Error"]["Code"], "message": e.response["Error"]["Message"]}}
    except Exception as e:  # the client itself could not
        reply = {"broken": f"{type(e).__name__}: {e}"}
    print(json.dumps(reply), flush=True)
