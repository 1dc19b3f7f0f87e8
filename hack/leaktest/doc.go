// SPDX-License-Identifier: Apache-2.0

// Package leaktest fails the tests of a package that leave goroutines behind. Those that are ending are waited for, as long as
// a machine with much else to do may need for it.
package leaktest
