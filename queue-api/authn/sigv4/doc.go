// SPDX-License-Identifier: Apache-2.0

// Package sigv4 verifies AWS Signature Version 4 in the Authorization header of a request, as a server does. Parse reads
// what a request claims, Signature.Check holds the claim's time and scope to the server's, and Signature.Verify computes the
// signature anew from the request as it was sent and a secret.
//
// The package is pure: it knows no keys and reads no clock. It never decodes a path: AWS signs the path as it is on the wire,
// encoded once more.
package sigv4
