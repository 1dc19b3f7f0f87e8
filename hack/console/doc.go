// SPDX-License-Identifier: Apache-2.0

// Package console tries the web console in a browser: headless Chromium, driven by playwright-core, which testdata/suite.mjs
// does. The server is the real queue-api with a real Redis, in front of an API server that tells of nodes, pods, Events and logs
// that were made up (kube_test.go); what there is to see is made by seed_test.go, always the same.
//
// Every page is held to the same rules: nothing on the console, nothing against the content security policy, no violation that
// axe-core finds, in light and dark, at 380 pixels as well, everything reached by keys, no page heavier than 200 KiB; what a
// tenant wrote is text. With -update the screenshots of docs/images are written anew.
//
// It has the tag e2e and runs as `make test-console`.
package console
