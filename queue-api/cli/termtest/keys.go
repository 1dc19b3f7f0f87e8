// SPDX-License-Identifier: Apache-2.0

package termtest

// Keys that are no characters, as a terminal sends them.
const (
	Interrupt = "\x03" // Ctrl-C
	EndOfFile = "\x04" // Ctrl-D
	EraseLine = "\x15" // Ctrl-U
	Backspace = "\x7f"
	Enter     = "\r"
	Tab       = "\t"
	Up        = "\x1b[A"
	Down      = "\x1b[B"
	PageDown  = "\x1b[6~"
)
