// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/muster-batch/muster/queue-api/batch"
)

const never = int64(1) << 40

// call is one that went well.
func call(kind Kind, from, to int64) porcupine.Operation {
	return porcupine.Operation{Input: Call{Kind: kind, Reason: "r"}, Call: from, Return: to, Output: Reply{}}
}

// lost is one of which nobody knows what became.
func lost(kind Kind, from int64) porcupine.Operation {
	op := call(kind, from, never)
	op.Output = Reply{Unknown: true}
	return op
}

func seen(view View, from, to int64) porcupine.Operation {
	return porcupine.Operation{Input: Call{Kind: Describe}, Call: from, Return: to, Output: Reply{View: view}}
}

// TestCheckFindsViolations holds the checker itself to made-up histories, so that it is known to find what is wrong.
func TestCheckFindsViolations(t *testing.T) {
	t.Parallel()
	var (
		runnable  = View{Status: batch.StatusRunnable}
		starting  = View{Status: batch.StatusStarting}
		cancelled = View{Status: batch.StatusFailed, Cancelled: true, Reason: "r"}
	)
	cases := map[string]struct {
		history []porcupine.Operation
		want    bool
	}{
		"a job is seen once it was submitted":         {[]porcupine.Operation{call(Submit, 1, 2), seen(runnable, 3, 4)}, true},
		"an acknowledged job is lost":                 {[]porcupine.Operation{call(Submit, 1, 2), seen(View{}, 3, 4)}, false},
		"a job is seen that nobody submitted":         {[]porcupine.Operation{seen(runnable, 1, 2), call(Submit, 3, 4)}, false},
		"a job is not yet seen while it is submitted": {[]porcupine.Operation{call(Submit, 1, 4), seen(View{}, 2, 3)}, true},
		"a lost submission took effect":               {[]porcupine.Operation{lost(Submit, 1), seen(View{}, 2, 3), seen(runnable, 4, 5)}, true},
		"a job that was seen is gone":                 {[]porcupine.Operation{lost(Submit, 1), seen(runnable, 2, 3), seen(View{}, 4, 5)}, false},
		"a cancelled job runs": {
			[]porcupine.Operation{call(Submit, 1, 2), call(Cancel, 3, 4), call(Advance, 5, 6), call(Advance, 7, 8), seen(starting, 9, 10)}, false,
		},
		"a lost cancellation took effect late": {
			[]porcupine.Operation{call(Submit, 1, 2), lost(Cancel, 3), seen(runnable, 4, 5), seen(cancelled, 6, 7)}, true,
		},
		"a terminal state is left": {
			[]porcupine.Operation{call(Submit, 1, 2), lost(Cancel, 3), seen(cancelled, 4, 5), seen(runnable, 6, 7)}, false,
		},
		"two ends": {
			[]porcupine.Operation{
				call(Submit, 1, 2), lost(Terminate, 3), lost(Cancel, 4), seen(cancelled, 5, 6),
				seen(View{Status: batch.StatusFailed, Terminated: true, Reason: "r"}, 7, 8),
			}, false,
		},
		"a step is taken twice": {
			[]porcupine.Operation{call(Submit, 1, 2), call(Advance, 3, 4), call(Advance, 5, 6), seen(View{Status: batch.StatusRunning}, 7, 8)}, false,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, _, err := Check(tc.history); got != tc.want || err != nil {
				t.Errorf("linearizable: %v, %v; want %v", got, err, tc.want)
			}
		})
	}
}
