// SPDX-License-Identifier: Apache-2.0

// Command muster is for those who run Muster: muster admin looks after what queue-api keeps in Redis. It backs it up, puts a
// backup back, and checks it.
package main
