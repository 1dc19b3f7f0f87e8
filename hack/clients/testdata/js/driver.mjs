// SPDX-License-Identifier: Apache-2.0

// Answers lines of JSON, {operation, input}, by the AWS SDK for JavaScript: {output}, {error} when the API refused, or {broken}.
import { createInterface } from "node:readline";
import * as batch from "@aws-sdk/client-batch";

const client = new batch.BatchClient({ endpoint: process.env.MUSTER_ENDPOINT, maxAttempts: 1 });

async function answer({ operation, input }) {
  const Command = batch[operation + "Command"];
  if (!Command) return { broken: "the SDK has no operation " + operation };
  try {
    const { $metadata, ...output } = await client.send(new Command(input));
    return { output };
  } catch (e) {
    if (e.$metadata?.httpStatusCode) return { error: { code: e.name, message: e.message } };
    return { broken: String(e) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
