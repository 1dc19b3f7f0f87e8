// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/muster-batch/muster/queue-api/client"
)

// Exit codes. muster run gives the job's own instead of ExitFailed.
const (
	ExitOK          = 0
	ExitFailed      = 1   // the job failed, or the request was refused
	ExitUsage       = 2   // the command line is wrong; nothing was asked
	ExitUnreachable = 3   // no answer, or the server failed: the same command may do later
	ExitDenied      = 4   // who the caller is, or may do, was refused
	ExitTimeout     = 124 // waited as long as --timeout says
	ExitInterrupted = 130 // interrupted while waiting
)

// ExitCodes tells what each code means, for help and docs.
var ExitCodes = []struct {
	Code    int
	Meaning string
}{
	{ExitOK, "It was done."},
	{ExitFailed, "The job failed, or the request was refused: there is no such job, a member is wrong. `muster run` gives the job's own exit code instead."},
	{ExitUsage, "The command line is wrong; nothing was asked of the server."},
	{ExitUnreachable, "There was no answer, or the server failed. The same command may do later."},
	{ExitDenied, "The server does not know the caller, or the caller may not do this."},
	{ExitTimeout, "`--wait-timeout` was over before what was waited for."},
	{ExitInterrupted, "Interrupted while waiting. The job goes on."},
}

// ExitError is an error with the code that the program ends with.
type ExitError struct {
	Code int
	Err  error // nil: everything has been said
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprint("exit code ", e.Code)
	}
	return e.Err.Error()
}

func (e *ExitError) Unwrap() error { return e.Err }

// usagef says what is wrong with the command line.
func usagef(format string, args ...any) error {
	return &ExitError{Code: ExitUsage, Err: fmt.Errorf(format, args...)}
}

// codeOf is the exit code of what a command returned.
func codeOf(err error) int {
	if err == nil {
		return ExitOK
	}
	if exit, ok := errors.AsType[*ExitError](err); ok {
		return exit.Code
	}
	switch {
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.Is(err, client.ErrEndpoint):
		return ExitUsage
	case client.IsDenied(err), errors.Is(err, client.ErrNobody):
		return ExitDenied
	case client.IsRefused(err):
		return ExitFailed
	}
	if _, ok := errors.AsType[*client.Error](err); ok || errors.Is(err, client.ErrUnreachable) {
		return ExitUnreachable
	}
	return ExitFailed
}
