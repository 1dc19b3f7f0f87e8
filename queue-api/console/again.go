// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net/http"
	"slices"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/cli/jobspec"
)

// again submits ended jobs once more, as new ones.
func (r *Request) again(ids []string) (Done, error) {
	var o outcome
	last := ""
	for some := range slices.Chunk(ids, jobsPage) {
		details, err := r.jobs(some)
		if err != nil {
			return Done{}, err
		}
		for _, id := range some {
			fresh, err := r.submitAgain(details[id])
			if err != nil {
				o.fail(id, problemOf(r.Context(), err).Message)
				continue
			}
			o.done++
			last = fresh
		}
	}
	done := o.told("submitted again")
	if len(ids) == 1 && last != "" {
		done.Back = jobPath(last)
	}
	return done, nil
}

// submitAgain gives the id of the new job.
func (r *Request) submitAgain(job *awsapi.JobDetail) (string, error) {
	if job == nil {
		return "", &ProblemError{Status: http.StatusNotFound, Message: "there is no such job"}
	}
	if !batch.JobStatus(value(job.Status)).IsTerminal() {
		return "", &ProblemError{Status: http.StatusBadRequest, Message: "it has not ended"}
	}
	var definitions awsapi.DescribeJobDefinitionsResponse
	err := r.API.Post(r.Context(), "/v1/describejobdefinitions", &awsapi.DescribeJobDefinitionsRequest{JobDefinitions: []string{value(job.JobDefinition)}}, &definitions)
	if err != nil {
		return "", err
	}
	if len(definitions.JobDefinitions) == 0 {
		return "", &ProblemError{Status: http.StatusNotFound, Message: "its job definition is gone"}
	}
	in, err := jobspec.Again(job, &definitions.JobDefinitions[0])
	if err != nil {
		return "", &ProblemError{Status: http.StatusBadRequest, Message: err.Error()}
	}
	var out awsapi.SubmitJobResponse
	if err := r.API.Post(r.Context(), "/v1/submitjob", in, &out); err != nil {
		return "", err
	}
	return value(out.JobId), nil
}
