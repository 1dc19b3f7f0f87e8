// SPDX-License-Identifier: Apache-2.0

// Package plugintest runs the whole scheduler in tests: [Start] gives a scheduler with the built-in configuration over a
// fake API server in memory. Package kubetest has a real one.
package plugintest
