// SPDX-License-Identifier: Apache-2.0

// Package check says whether the promises of Muster held in a world that was under attack: what clients were told, what the
// machines saw run, what became of jobs and of instances. It is pure, and its tests show that it finds what it looks for.
// Start with World and Rules; Ledger is what machines write while they run.
package check
