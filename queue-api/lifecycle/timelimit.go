// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// BlockedCode is the code that begins a blocked job's statusReason: what stands before " - ", or AWS Batch's one en dash.
func BlockedCode(reason string) string {
	code, _, _ := strings.Cut(reason, " - ")
	code, _, _ = strings.Cut(code, " – ")
	return code
}

// TimeLimit tells whether a queue's jobStateTimeLimitActions, as sent, will cancel a job for the reason that it is blocked:
// the reason to cancel it with, empty if none applies, and after how long from now; not positive means at once.
// AWS Batch: an action names the bare code and counts while the code stays the same. Its two actions, CANCEL and
// TERMINATE, are one for a RUNNABLE job.
func TimeLimit(actions json.RawMessage, job batch.Job, now time.Time) (reason string, after time.Duration) {
	code := BlockedCode(job.StatusReason)
	if job.Status != batch.StatusRunnable || code == "" || job.BlockedAt.IsZero() || len(actions) == 0 {
		return "", 0
	}
	var limits []struct {
		Reason         string `json:"reason"`
		State          string `json:"state"`
		MaxTimeSeconds int64  `json:"maxTimeSeconds"`
	}
	if json.Unmarshal(actions, &limits) != nil {
		return "", 0 // cannot be: the control plane read them
	}
	for _, l := range limits {
		if l.Reason != code || l.State != string(batch.StatusRunnable) {
			continue
		}
		left := job.BlockedAt.Add(time.Duration(l.MaxTimeSeconds) * time.Second).Sub(now)
		if reason == "" || left < after {
			reason, after = CanceledByTimeLimit+code, left
		}
	}
	return reason, after
}
