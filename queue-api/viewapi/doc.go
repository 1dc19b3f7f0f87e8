// SPDX-License-Identifier: Apache-2.0

// Package viewapi has the JSON of what queue-api answers under /x/v1/, beside AWS's own API: what AWS Batch has no
// operation for; and LogEnd, which GetLogEvents adds to its answer. Start with Explanation, Summary and Nodes. The server
// fills these structs; the console and the command line read them.
//
// Times are Unix milliseconds, as in AWS Batch. A number that may be unknown is a pointer, and absent if it is. vCPUs are whole
// ones with parts: 0.25. A list is bounded by who makes it, and says so where it was cut; it is [], never null.
//
// It imports the standard library only, and has no code beyond what is needed to read and write the structs.
package viewapi
