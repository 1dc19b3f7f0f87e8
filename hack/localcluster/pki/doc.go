// SPDX-License-Identifier: Apache-2.0

// Package pki is the local cluster's certificate authority. One [Authority] in one folder signs the certificates of
// servers and clients; a client's common name and organizations are its Kubernetes user and groups.
package pki
