// SPDX-License-Identifier: Apache-2.0

// Package storetest holds the rules that every store of Muster's records obeys, as a test suite: Run. Memory is the
// reference: the simplest store that passes, for the tests of everything above a store.
package storetest
