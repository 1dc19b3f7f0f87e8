// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// A jobFilter is the filter of one ListJobs request.
type jobFilter struct {
	list    string // identifies the filter in tokens
	matches func(*batch.Job) bool
	// oldest ends the walk: no match was created before it.
	oldest time.Time
	// statuses are those to look through.
	statuses []batch.JobStatus
	// takesStatus says that jobStatus narrows statuses. AWS Batch: all filters but SHARE_IDENTIFIER ignore it.
	takesStatus bool
}

// parseFilter reads the one filter that there may be; nil means none. AWS Batch: names of filters are case-sensitive.
func parseFilter(filters []awsapi.KeyValuesPair) (*jobFilter, error) {
	if len(filters) == 0 {
		return nil, nil
	}
	if len(filters) > 1 {
		return nil, batch.Invalidf("filters must have at most one filter")
	}
	name, values := value(filters[0].Name), filters[0].Values
	if len(values) == 0 {
		return nil, batch.Invalidf("filters[0].values must have at least one value")
	}
	f := &jobFilter{list: listID(append([]string{name}, values...)...), statuses: batch.JobStatuses[:]}
	switch name {
	case "JOB_NAME":
		f.matches = matchAny(values, nameMatcher)
	case "JOB_DEFINITION":
		f.matches = matchAny(values, definitionMatcher)
	case "SHARE_IDENTIFIER":
		f.matches = func(j *batch.Job) bool { return slices.Contains(values, j.ShareIdentifier) }
		f.takesStatus = true
	case "BEFORE_CREATED_AT", "AFTER_CREATED_AT":
		return f, f.byTime(name, values)
	default:
		return nil, batch.Invalidf("filters[0].name must be one of JOB_NAME, JOB_DEFINITION, BEFORE_CREATED_AT, AFTER_CREATED_AT, SHARE_IDENTIFIER")
	}
	return f, nil
}

// inStatus narrows the filter to the status that the request names, if that means anything.
func (f *jobFilter) inStatus(status *string) *jobFilter {
	if !f.takesStatus || value(status) == "" {
		return f
	}
	narrow := *f
	narrow.statuses = []batch.JobStatus{batch.JobStatus(*status)}
	narrow.list = listID(f.list, *status)
	return &narrow
}

// byTime reads milliseconds since the epoch as text.
func (f *jobFilter) byTime(name string, values []string) error {
	ms, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || len(values) > 1 {
		return batch.Invalidf("filters[0].values of %s must be one time in milliseconds since the epoch", name)
	}
	if name == "BEFORE_CREATED_AT" {
		f.matches = func(j *batch.Job) bool { return j.CreatedAt.UnixMilli() < ms }
		return nil
	}
	f.oldest = time.UnixMilli(ms)
	f.matches = func(j *batch.Job) bool { return j.CreatedAt.UnixMilli() > ms }
	return nil
}

func matchAny(values []string, matcher func(string) func(*batch.Job) bool) func(*batch.Job) bool {
	matchers := make([]func(*batch.Job) bool, len(values))
	for i, v := range values {
		matchers[i] = matcher(v)
	}
	return func(j *batch.Job) bool {
		return slices.ContainsFunc(matchers, func(m func(*batch.Job) bool) bool { return m(j) })
	}
}

// nameMatcher is AWS Batch's: in any case, a prefix when the last character is an asterisk.
func nameMatcher(pattern string) func(*batch.Job) bool {
	pattern = strings.ToLower(pattern)
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return func(j *batch.Job) bool { return strings.HasPrefix(strings.ToLower(j.Name), prefix) }
	}
	return func(j *batch.Job) bool { return strings.ToLower(j.Name) == pattern }
}

// definitionMatcher is AWS Batch's: the ARN of a revision, or a name or prefix* that stands for all revisions.
func definitionMatcher(pattern string) func(*batch.Job) bool {
	if strings.HasPrefix(pattern, "arn:") {
		ref, err := definitionRef(pattern)
		return func(j *batch.Job) bool {
			return err == nil && j.Definition.Name == ref.Name && (ref.Revision == 0 || j.Definition.Revision == ref.Revision)
		}
	}
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return func(j *batch.Job) bool { return strings.HasPrefix(j.Definition.Name, prefix) }
	}
	return func(j *batch.Job) bool { return j.Definition.Name == pattern }
}
