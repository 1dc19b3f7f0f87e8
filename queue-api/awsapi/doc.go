// SPDX-License-Identifier: Apache-2.0

// Package awsapi holds the wire structs of the AWS Batch API, one for each structure of the API model and under the same
// name, and their validation. Start with any request, such as SubmitJobRequest, its Validate method, and Operations.
//
// In every struct nil means absent: scalars and structures are pointers, and an empty list or map that is not nil is
// sent as [] or {}. Validate checks what the model itself says (required members, enums, bounds), no more: the rules of
// the service are the control plane's. It is more lenient than the model where real clients are: maps of tags may be
// empty, and the action of a retry strategy may be in any case.
//
// It is a leaf: standard library only. All but a few helpers is generated; see hack/generate.
package awsapi

//go:generate go run ../../hack/generate -out .
