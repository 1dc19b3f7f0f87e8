// SPDX-License-Identifier: Apache-2.0

// Package toolchain provides the programs that the local cluster and the tests run: it builds Kubernetes, etcd, kwok, the image
// registry, helm and an S3 server from their modules under hack/tools, keeps what it built by version outside the checkout, builds
// this repository's own programs, and installs what Debian has packages for. Start with [Toolchain].
package toolchain
