// SPDX-License-Identifier: Apache-2.0

// Package cable is a TCP proxy that breaks connections in the ways that networks do: cut, reset, stalled, slowed, closed in
// one direction, or broken at the worst moment of a request. Start with Cable. It knows nothing of what it carries.
package cable
