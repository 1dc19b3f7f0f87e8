// SPDX-License-Identifier: Apache-2.0

// Package httpapi answers the AWS Batch REST API: it routes, decodes and validates requests, calls the ControlPlane and
// encodes what comes back, errors in AWS's own form included. Start with routes.go, the index of the API, then op.go,
// which every request goes through, and errors.go.
//
// It holds no rule of AWS Batch beyond the wire: what a request means is the control plane's. Health, readiness and
// metrics are served by Health, on a port of their own.
package httpapi
