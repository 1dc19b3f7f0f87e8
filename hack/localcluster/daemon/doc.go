// SPDX-License-Identifier: Apache-2.0

// Package daemon starts programs that outlive their starter and finds them again to stop them. Start with [Set], a
// folder of pid files and logs, and [Program].
//
// What holds:
//   - A program's pid file exists before the program does: a small first stage (this executable again, see [ExecIfAsked])
//     writes it and then becomes the program. A starter that is killed at any moment leaves nothing it could not find.
//   - A pid file names a process by its pid, its start time and the machine's boot, so a pid that the kernel has given to
//     another process since is never signalled.
package daemon
