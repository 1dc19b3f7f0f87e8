// SPDX-License-Identifier: Apache-2.0

// Package toolchain provides the programs that the local cluster runs: it builds Kubernetes, etcd, kwok and the image
// registry from their modules under hack/tools, keeps what it built by version outside the checkout, builds this
// repository's own programs, and installs what Debian has packages for. Start with [Toolchain].
package toolchain
