// SPDX-License-Identifier: Apache-2.0

// Package buildinfo tells what a program was built from. It is a leaf: all programs import it, and it knows the standard
// library only.
package buildinfo
