// SPDX-License-Identifier: Apache-2.0

// Command muster is for those who use Muster and those who run it. What users type is package cli; here is muster admin, which
// looks after what queue-api keeps in Redis: it backs it up, puts a backup back, and checks it.
//
// As kubectl-muster it is a plugin of kubectl's, and as kubectl_complete-muster the plugin's completion.
package main

//go:generate sh -c "go run . reference >../../../docs/reference/muster.md"
