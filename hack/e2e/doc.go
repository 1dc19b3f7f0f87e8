// SPDX-License-Identifier: Apache-2.0

// Package e2e tests the whole of Muster as its users meet it: the three programs, Redis, a Kubernetes and real nodes, made
// by hack/localcluster and spoken to by AWS's own clients, kubectl's library and kill -9. It is tests only:
//
//	go test -tags kwok,e2e -count=1 ./hack/e2e/...
//
// It needs root, and the Debian packages that "localcluster packages" installs; without them it fails and says so. The
// suite has a cluster, in a folder and with ports of its own, so it runs beside a demo; for the tests of TestEC2 it has a second,
// whose nodes are instances of a fake EC2. Start with main_test.go, then site_test.go, an environment and a queue of one test's
// own. Tests that kill programs run first and one by one, the others after them side by side.
//
// Nothing is left behind: guardians take the clusters down even when the tests are killed. Logs stay until the next run.
package e2e
