// SPDX-License-Identifier: Apache-2.0

// Command generate writes the wire structs, their validation and the operation table of package queue-api/awsapi from
// the API model aws-batch-model.json beside it. Start with loadModel, newPlan and render, which are its three steps.
//
// It reads no network and no file but the embedded model, and the same model always gives the same bytes. To take up a
// newer model, replace the JSON file and run `make generate`.
package main
