// SPDX-License-Identifier: Apache-2.0

// Package fleettest is the suite that every fleet passes. Start with Run.
package fleettest
