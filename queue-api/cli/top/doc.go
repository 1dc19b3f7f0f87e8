// SPDX-License-Identifier: Apache-2.0

// Package top draws the live view of muster top: queues, jobs by status, and nodes with what is used of them and what they cost. Start
// with Frame, which draws a State as a Choice wants to see it, in so many lines and columns, and Choice.Press, which a key changes it by.
//
// It is text in and text out: it asks nobody, waits for nothing and knows no terminal. Names are hostile: nothing is drawn that was not
// cleaned, and no line is longer than the terminal is wide.
package top
