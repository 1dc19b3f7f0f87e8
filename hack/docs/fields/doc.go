// SPDX-License-Identifier: Apache-2.0

// Command fields writes docs/reference/fields.md: what becomes of every member of the requests that say what is to run, and
// where. It does not take anybody's word for it. It sends requests that together hold every member (examples.yaml) to the
// control plane, and each of them again without a member, or with another value of it; it compares the pods that follow and
// what the API answers afterwards. A member without which nothing is different needs a sentence in claims.yaml that says why
// it is there, and the name of a test that holds it; a member that is refused is shown with the server's own words.
//
// Start with probe.go.
package main
