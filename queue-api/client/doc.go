// SPDX-License-Identifier: Apache-2.0

// Package client asks queue-api as its users do: the Batch API and the part of CloudWatch Logs by their operations' names,
// what is Muster's own by its path. Start with New, Do and Resolve, which finds out who the caller is.
//
// Requests and answers are the wire structs of awsapi, so what is printed has the names that AWS gives things. The SDK's
// part is what must be as in every other client of AWS: where credentials are looked for, and signatures. Each request is
// retried as the SDKs do, under one invocation id, so that a job is submitted once.
//
// It holds no rule of AWS Batch and prints nothing. It imports nothing of the server.
package client
