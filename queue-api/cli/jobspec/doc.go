// SPDX-License-Identifier: Apache-2.0

// Package jobspec makes SubmitJob requests: of flags (Options), of a file (Read), and of a job that there has been (Again). Which
// member of a request overrides a container's command depends on its job definition; Options.Override knows.
//
// The package is pure. The rules of AWS Batch are the server's to check; here is only what must be known to write a request down.
package jobspec
