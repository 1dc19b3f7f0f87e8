// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/muster-batch/muster/queue-api/batch"
)

// FuzzEvaluateOnExit sends any patterns and outcomes: the first rule all of whose patterns match decides. What a pattern
// matches is said once more, by a regular expression.
func FuzzEvaluateOnExit(f *testing.F) {
	f.Add("1*", "OOM*", "Host EC2*", "exit", 137, "OOMKilled", "Host EC2 (instance i-1) terminated.")
	f.Add("", "*", "", "RETRY", 0, "", "")
	f.Add("**", "a*b", "\\Q*", "Exit", -1, "a*bc", "\\E")
	f.Fuzz(func(t *testing.T, onExit, onReason, onStatus, action string, code int, reason, status string) {
		for _, text := range []string{onExit, onReason, onStatus, reason, status} {
			if !utf8.ValidString(text) { // JSON, in which they come, has no other
				return
			}
		}
		failed := batch.Attempt{StatusReason: status, Containers: exit(code, reason)}
		rule := batch.EvaluateOnExit{OnExitCode: onExit, OnReason: onReason, OnStatusReason: onStatus, Action: action}
		exitCode, said := failure(failed)
		isMatch := glob(onExit, exitCode) && glob(onStatus, status) &&
			(glob(onReason, said) || said == "" && glob(onReason, status) || said == "OOMKilled" && glob(onReason, ReasonOutOfMemory))
		want := !isMatch || strings.EqualFold(action, "retry")
		never := batch.EvaluateOnExit{OnExitCode: "never", Action: "EXIT"}
		got := retries(&batch.RetryStrategy{EvaluateOnExit: []batch.EvaluateOnExit{never, rule}}, failed)
		if exitCode != "never" && got != want {
			t.Errorf("rule %+v after %+v: retried %v", rule, failed, got)
		}
	})
}

// glob matches a pattern whose last letter may be a star.
func glob(pattern, text string) bool {
	if pattern == "" {
		return true
	}
	end := "\\z"
	if strings.HasSuffix(pattern, "*") {
		pattern, end = pattern[:len(pattern)-1], ""
	}
	return regexp.MustCompile("\\A" + regexp.QuoteMeta(pattern) + end).MatchString(text)
}
