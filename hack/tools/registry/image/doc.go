// SPDX-License-Identifier: Apache-2.0

// Package image makes one-layer container images of static programs: Busybox with its applets as links, Program of
// anything else. It does not build the programs and does not store the images.
package image
