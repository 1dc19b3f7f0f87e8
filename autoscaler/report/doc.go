// SPDX-License-Identifier: Apache-2.0

// Package report tells queue-api, and whoever looks, how compute environments stand: it keeps a ConfigMap for each, whose
// keys are in batchmeta, and puts Events on them. Start with Writer. It decides nothing.
package report
