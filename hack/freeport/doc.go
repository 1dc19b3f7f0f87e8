// SPDX-License-Identifier: Apache-2.0

// Package freeport gives tests the addresses at which programs that they start are to listen.
//
// A port that the kernel chose, and that is closed again for a program to open, is anybody's meanwhile: another test's, or that
// of an outgoing connection, since the kernel takes both from one range. The ports given here lie below that range, and none is given
// to two tests at once, in whatever process they are, not even while the program that has it is down.
package freeport
