// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

const (
	minTimeoutSeconds = 60
	maxAttempts       = 10
	maxExitRules      = 6
	maxPattern        = 512
	maxPriority       = 9999
	maxReason         = 1024
)

// checkTimeout is AWS Batch's rule for the timeout of definitions and jobs: at least 60 seconds.
func checkTimeout(t *awsapi.JobTimeout) error {
	if t == nil {
		return nil
	}
	return checkRange("timeout.attemptDurationSeconds", t.AttemptDurationSeconds, minTimeoutSeconds, math.MaxInt32)
}

// timeout converts a timeout that passed checkTimeout; none is 0.
func timeout(t *awsapi.JobTimeout) time.Duration {
	if t == nil {
		return 0
	}
	return time.Duration(value(t.AttemptDurationSeconds)) * time.Second
}

// checkRetry is AWS Batch's rule for the retry strategy of definitions and jobs.
func checkRetry(r *awsapi.RetryStrategy) error {
	if r == nil {
		return nil
	}
	if r.Attempts == nil {
		return batch.Invalidf("RetryAttempts must be provided with retry strategy")
	}
	if err := checkRange("retryStrategy.attempts", r.Attempts, 1, maxAttempts); err != nil {
		return err
	}
	if len(r.EvaluateOnExit) > maxExitRules {
		return batch.Invalidf("retryStrategy.evaluateOnExit must have at most %d rules", maxExitRules)
	}
	for i := range r.EvaluateOnExit {
		if err := checkExitRule(fmt.Sprintf("retryStrategy.evaluateOnExit[%d]", i), &r.EvaluateOnExit[i]); err != nil {
			return err
		}
	}
	return nil
}

func checkExitRule(path string, e *awsapi.EvaluateOnExit) error {
	const reason = "letters, digits, periods, colons and white space"
	switch {
	case !isPattern(value(e.OnExitCode), unicode.IsDigit):
		return badPattern(path+".onExitCode", "digits")
	case !isPattern(value(e.OnReason), isReasonRune):
		return badPattern(path+".onReason", reason)
	case !isPattern(value(e.OnStatusReason), isReasonRune):
		return badPattern(path+".onStatusReason", reason)
	}
	return nil
}

func badPattern(member, of string) error {
	return batch.Invalidf("%s must be at most %d characters of %s, perhaps with an asterisk at the end", member, maxPattern, of)
}

// isPattern holds for the empty string, which is an absent pattern.
func isPattern(s string, allowed func(rune) bool) bool {
	body, _ := strings.CutSuffix(s, "*")
	bad := func(r rune) bool { return r > unicode.MaxASCII || !allowed(r) }
	return len(s) <= maxPattern && strings.IndexFunc(body, bad) < 0
}

func isReasonRune(r rune) bool {
	return isAlphanumeric(byte(r)) || r == '.' || r == ':' || unicode.IsSpace(r)
}

// checkPriority is AWS Batch's rule for scheduling priorities.
func checkPriority(member string, v *int) error { return checkRange(member, v, 0, maxPriority) }

// checkReason is AWS Batch's rule for the reason of CancelJob and TerminateJob.
func checkReason(reason *string) error {
	if n := utf8.RuneCountInString(value(reason)); n < 1 || n > maxReason {
		return batch.Invalidf("reason must have 1 to %d characters", maxReason)
	}
	return nil
}
