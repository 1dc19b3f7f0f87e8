// SPDX-License-Identifier: Apache-2.0

// Package sdktest has tests call a server of theirs by AWS's SDK.
package sdktest
