// SPDX-License-Identifier: Apache-2.0

// Package clients plays the same scenarios through four of AWS's own clients, Debian's aws command line and boto3, the AWS
// SDK for Go and the AWS SDK for JavaScript, and through muster call. Each scenario is a file in testdata/scenarios: calls, what they must answer,
// what to wait for. They run against the whole of Muster on a local cluster with simulated nodes. Build tag e2e; see
// `make test-clients`.
//
// Start with scenario_test.go (what a scenario is), then match_test.go (when an answer is as wanted) and the drivers.
package clients
