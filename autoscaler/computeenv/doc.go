// SPDX-License-Identifier: Apache-2.0

// Package computeenv knows the compute environments: it reads them over the Batch API, again and again, with the AWS SDK's
// own client, resolves their instance types with the fleet, and keeps the last complete answer as a snapshot. Start with
// Environment and Reader.
//
// When the Batch API does not answer, the last snapshot stays and grows old; ReadAt tells how old. Nothing may be
// concluded from silence.
package computeenv
