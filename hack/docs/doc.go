// SPDX-License-Identifier: Apache-2.0

// Package docs holds the documentation to what is true. Its tests read README.md, SECURITY.md and every page of docs/.
//
// Without a build tag they check words: links and anchors, files, make targets, tests and flags that pages name. With the
// tag e2e they play every command block on local clusters, in the order of each page, and compare what is shown with what is
// printed; see `make test-docs`. Start with page.go, what a page is, then play_test.go. How pages are written is in
// docs/contributing.md.
package docs

//go:generate go run ./fields -model ../generate/aws-batch-model.json -dir fields -out ../../docs/reference/fields.md
//go:generate go run ./reference -root ../.. -out ../../docs/reference/flags.md
