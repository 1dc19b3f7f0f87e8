// SPDX-License-Identifier: Apache-2.0

// Command registry is the local cluster's image registry: an OCI registry on loopback that forgets everything when it
// ends. At its start it makes two images of programs found on this machine and serves them under the names that people
// paste: busybox, as docker.io and public.ecr.aws/docker have it, and pause, which holds a pod's namespaces. Whatever
// else a user pushes to it, nodes find too.
package main
