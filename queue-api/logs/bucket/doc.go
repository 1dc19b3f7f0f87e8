// SPDX-License-Identifier: Apache-2.0

// Package bucket keeps logs in Amazon S3, or in what speaks its protocol. Start with Store.
package bucket
