// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"slices"
	"strconv"
	"strings"

	"github.com/muster-batch/muster/queue-api/batch"
)

// retries reports whether the strategy's rules allow another attempt after this failed one. AWS Batch: the first rule
// that matches decides; when none matches the job is retried.
func retries(s *batch.RetryStrategy, failed batch.Attempt) bool {
	for _, rule := range s.EvaluateOnExit {
		if ruleMatches(rule, failed) {
			return strings.EqualFold(rule.Action, "RETRY")
		}
	}
	return true
}

// ruleMatches requires every given pattern to match; an absent value is the empty string.
func ruleMatches(rule batch.EvaluateOnExit, failed batch.Attempt) bool {
	exitCode, reason := failure(failed)
	if reason == "" {
		reason = failed.StatusReason // AWS's guide once documented status reasons under onReason; be lenient
	}
	return patternMatches(rule.OnExitCode, exitCode) &&
		reasonMatches(rule.OnReason, reason) &&
		patternMatches(rule.OnStatusReason, failed.StatusReason)
}

// reasonMatches knows a container that ran out of memory by Kubernetes' name and by AWS Batch's.
func reasonMatches(pattern, reason string) bool {
	return patternMatches(pattern, reason) || reason == "OOMKilled" && patternMatches(pattern, ReasonOutOfMemory)
}

// failure gives the exit code and reason of the first container that did not end with 0.
func failure(a batch.Attempt) (exitCode, reason string) {
	for _, c := range append(slices.Clip(a.InitContainers), a.Containers...) {
		if c.ExitCode == nil && c.Reason == "" {
			continue
		}
		if c.ExitCode != nil && *c.ExitCode == 0 {
			continue
		}
		if c.ExitCode != nil {
			exitCode = strconv.Itoa(*c.ExitCode)
		}
		return exitCode, c.Reason
	}
	return "", ""
}

func patternMatches(pattern, value string) bool {
	if pattern == "" {
		return true
	}
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(value, prefix)
	}
	return pattern == value
}
