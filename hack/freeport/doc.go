// SPDX-License-Identifier: Apache-2.0

// Package freeport finds ports for programs that are told where to listen. A port that the kernel gives is anybody's again as
// soon as it is closed: it may give it to the next who asks, or to a connection, before the program listens there. These ports
// lie below those that it gives, and are locked: no other test on this machine takes one meanwhile. Start with Take.
package freeport
