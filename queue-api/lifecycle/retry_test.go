// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

func TestRetries(t *testing.T) {
	t.Parallel()
	spot := []batch.EvaluateOnExit{{OnStatusReason: "Host EC2*", Action: "RETRY"}, {OnReason: "*", Action: "EXIT"}}
	exited := func(code int, reason string) batch.Attempt {
		return batch.Attempt{StatusReason: ReasonExited, Containers: exit(code, reason)}
	}
	cases := map[string]struct {
		rules []batch.EvaluateOnExit
		a     batch.Attempt
		want  bool
	}{
		"no rules: retry":                              {nil, exited(1, "Error"), true},
		"no rule matches: retry":                       {[]batch.EvaluateOnExit{{OnExitCode: "2", Action: "EXIT"}}, exited(1, "Error"), true},
		"the first match wins":                         {[]batch.EvaluateOnExit{{OnExitCode: "1*", Action: "exit"}, {OnExitCode: "137", Action: "retry"}}, exited(137, "OOMKilled"), false},
		"all given patterns must match":                {[]batch.EvaluateOnExit{{OnExitCode: "1", OnReason: "OOM*", Action: "EXIT"}}, exited(1, "Error"), true},
		"actions are read in any case":                 {[]batch.EvaluateOnExit{{OnExitCode: "1", Action: "retry"}}, exited(1, "Error"), true},
		"a lost host is retried by the Spot rule":      {spot, batch.Attempt{StatusReason: HostTerminated("i-1")}, true},
		"a star on reason catches an absent reason":    {spot, exited(1, ""), false},
		"the exit code of the container that failed":   {[]batch.EvaluateOnExit{{OnExitCode: "9", Action: "EXIT"}}, batch.Attempt{Containers: append(exit(0, ""), exit(9, "")...)}, false},
		"out of memory is known by AWS's name":         {[]batch.EvaluateOnExit{{OnReason: "OutOfMemoryError:*", Action: "EXIT"}}, exited(137, "OOMKilled"), false},
		"onReason also tries the attempt's own reason": {[]batch.EvaluateOnExit{{OnReason: "Task failed*", Action: "EXIT"}}, batch.Attempt{StatusReason: ReasonStartFailed}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := retries(&batch.RetryStrategy{Attempts: 10, EvaluateOnExit: tc.rules}, tc.a); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
