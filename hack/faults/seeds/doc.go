// SPDX-License-Identifier: Apache-2.0

// Package seeds says which random cases a test plays: so many as an environment variable of the test's own says, from
// MUSTER_SEED on. A case that fails says with [Again] how it is played alone.
package seeds
