// SPDX-License-Identifier: Apache-2.0

// Package logstest holds stores of logs to what they promise. Start with CheckStore.
package logstest
