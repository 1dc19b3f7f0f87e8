// SPDX-License-Identifier: Apache-2.0

// Package cli is the program muster: what users of Muster type. Start with root.go, the index of commands, then frame.go, what
// every command acts through, and exit.go, how it ends.
//
// A command reads its flags, asks queue-api through package client and gives an output.View to be printed. It knows no rule of AWS
// Batch that the server can tell, and speaks to nothing but the server: commands that look after Redis are cmd/muster's.
package cli
