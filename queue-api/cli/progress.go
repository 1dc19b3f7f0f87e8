// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/cli/output"
)

// progress shows how far long work is. On a terminal it is one line that is written over; elsewhere there is a line for each change.
type progress struct {
	w      io.Writer
	isLine bool // w is a terminal that knows sequences
	last   string
	shown  bool
}

func (f *frame) newProgress() *progress {
	_, ok := terminal(f.Err)
	f.line = &progress{w: f.Err, isLine: ok && !f.isDumb()}
	return f.line
}

// show shows what is; detail is for the terminal only, as it changes all the time.
func (p *progress) show(what, detail string) {
	what = output.Clean(what)
	if p.isLine {
		text := what
		if detail != "" {
			text += "  " + output.Clean(detail)
		}
		if columns, _ := terminal(p.w); columns > 0 { // it may have become narrower
			text = output.Fit(text, columns-len("^C")-1) // where a terminal shows that, it is in this line, which is cleared
		}
		fmt.Fprint(p.w, "\r\x1b[K"+text)
		p.shown = true
		return
	}
	if what != p.last {
		fmt.Fprintln(p.w, what)
	}
	p.last = what
}

// clear takes the line away, so that other text can be printed.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// showJob shows where a job is that is waited for.
func (p *progress) showJob(job *awsapi.JobDetail, now time.Time) {
	status := statusOf(job)
	what := fmt.Sprintf("%s %s", value(job.JobId), status)
	detail := output.Since(now, job.CreatedAt)
	if isArray(job) {
		what, detail = value(job.JobId)+" "+childrenBar(job), detail+" "+childrenText(job)
	}
	if reason := value(job.StatusReason); reason != "" && (status == batch.StatusRunnable || status == batch.StatusPending) {
		what += ": " + reason
	}
	p.show(what, detail)
}

// barWidth is how many characters a bar has.
const barWidth = 20

// childrenBar shows how many of an array's children have ended.
func childrenBar(job *awsapi.JobDetail) string {
	counts, size := job.ArrayProperties.StatusSummary, value(job.ArrayProperties.Size)
	ended := counts[string(batch.StatusSucceeded)] + counts[string(batch.StatusFailed)]
	return bar(ended, size) + fmt.Sprintf(" %d/%d", ended, size)
}

func bar(done, all int) string {
	filled := 0
	if all > 0 {
		filled = barWidth * done / all
	}
	return "[" + strings.Repeat("#", filled) + strings.Repeat(".", barWidth-filled) + "]"
}

// childrenText counts an array's children by status, in life order, without those that nobody is in.
func childrenText(job *awsapi.JobDetail) string { return countsText(job.ArrayProperties.StatusSummary) }

func countsText(counts map[string]int) string {
	var parts []string
	for _, status := range batch.JobStatuses {
		if n := counts[string(status)]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, status))
		}
	}
	return strings.Join(parts, ", ")
}
