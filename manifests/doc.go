// SPDX-License-Identifier: Apache-2.0

// Package manifests holds what is shipped for clusters to what is promised of it: every overlay is rendered, its objects
// are held to the rules of rules_integration_test.go, the API server takes them, the admission policies let those through
// who may and nobody else, and the programs get by with their roles and need all of them. The Helm chart renders what the
// overlays do. It has tests alone.
//
//go:generate go run ../hack/chart
package manifests
