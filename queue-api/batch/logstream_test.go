// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"strings"
	"testing"
)

func TestLogStream(t *testing.T) {
	t.Parallel()
	const pod = "aws-batch.11111111-2222-3333-4444-555555555555"
	if got := TaskID(pod); got != "11111111222233334444555555555555" || PodOfTask(got) != pod {
		t.Errorf("got %s of %s", got, PodOfTask(got))
	}
	for _, odd := range []string{"", "mine", "aws-batch.x", "zz111111222233334444555555555555"} {
		if got := TaskID(odd); len(got) != 32 || got != TaskID(odd) {
			t.Errorf("%q: got %s", odd, got)
		}
	}
	if got, want := LogStream(strings.Repeat("d", 210), "default", pod), strings.Repeat("d", 200)+"/default/"+TaskID(pod); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := PodOfTask("short"); got != "" {
		t.Errorf("got %s", got)
	}
}
