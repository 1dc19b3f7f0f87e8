// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

const (
	// maxAtOnce is AWS Batch's bound on the jobs of one CancelJobs or TerminateJobs.
	maxAtOnce = 50
	// maxBulk bounds what one form may name.
	maxBulk = 1000
	// maxToldFailures bounds how many refusals are told one by one.
	maxToldFailures = 3
)

// changeJobs cancels, terminates or submits again the jobs that a form names.
func changeJobs(r *Request) (Done, error) {
	ids := slices.Compact(slices.Sorted(slices.Values(r.PostForm["id"])))
	switch {
	case len(ids) == 0:
		return Done{}, &ProblemError{Status: http.StatusBadRequest, Message: "No job is selected."}
	case len(ids) > maxBulk:
		return Done{}, &ProblemError{Status: http.StatusBadRequest, Message: fmt.Sprintf("At most %s jobs at once.", number(maxBulk))}
	}
	reason := cmp.Or(strings.TrimSpace(r.PostFormValue("reason")), "by "+cmp.Or(r.User.Name, "the console"))
	switch r.PostFormValue("do") {
	case "cancel":
		return r.stop(ids, reason, "/v1/canceljobs", "cancelled")
	case "terminate":
		return r.stop(ids, reason, "/v1/terminatejobs", "terminated")
	case "retry":
		return r.again(ids)
	}
	return Done{}, &ProblemError{Status: http.StatusBadRequest, Message: "There is no such action on jobs."}
}

// outcome is what became of many.
type outcome struct {
	done     int
	failures []string
}

func (o *outcome) fail(id, message string) { o.failures = append(o.failures, id+": "+message) }

// told says it in a sentence or two.
func (o *outcome) told(did string) Done {
	text := plural(o.done, "job") + " " + did + "."
	if len(o.failures) == 0 {
		return Done{Notice: text}
	}
	text += " Not so: " + strings.Join(o.failures[:min(len(o.failures), maxToldFailures)], " · ")
	if more := len(o.failures) - maxToldFailures; more > 0 {
		text += fmt.Sprintf(" · and %d more", more)
	}
	return Done{Notice: text, Failed: true}
}

func (r *Request) stop(ids []string, reason, path, did string) (Done, error) {
	var o outcome
	for some := range slices.Chunk(ids, maxAtOnce) {
		var out awsapi.CancelJobsResponse // TerminateJobs answers the same
		if err := r.API.Post(r.Context(), path, &awsapi.CancelJobsRequest{Jobs: some, Reason: &reason}, &out); err != nil {
			problem := problemOf(r.Context(), err)
			o.fail(plural(len(some), "job"), problem.Message)
			continue
		}
		o.done += len(out.Successful)
		for i := range out.Errors {
			o.fail(value(out.Errors[i].Job), value(out.Errors[i].Message))
		}
	}
	return o.told(did), nil
}
