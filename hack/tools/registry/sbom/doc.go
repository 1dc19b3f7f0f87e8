// SPDX-License-Identifier: Apache-2.0

// Package sbom writes what a Go program is made of, as a CycloneDX document. It is read from the program itself, in which the
// linker has left the modules and their versions. The same program gives the same document.
package sbom
