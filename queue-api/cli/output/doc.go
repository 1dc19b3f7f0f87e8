// SPDX-License-Identifier: Apache-2.0

// Package output prints the answers of commands: as a table for people, in whole as JSON or YAML, or a part of it by
// jsonpath or a Go template. Start with Printer and View; a command makes a View and nothing else.
//
// What users wrote is hostile: in names, reasons and log lines there may be anything. Clean makes one line of text harmless,
// and nothing that is not clean reaches a terminal: see Printer.Writer. What is not a terminal gets JSON, YAML and log lines byte
// by byte.
package output
