// SPDX-License-Identifier: Apache-2.0

package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/logs"
)

// Group is the log group of all jobs.
const Group = "/aws/batch/job"

// Viewer says which jobs a caller may see.
type Viewer interface {
	// VisibleJobs tells of each job, by id, whether the caller may describe it.
	VisibleJobs(ctx context.Context, call batch.Call, ids []string) ([]bool, error)
}

// Service answers requests.
type Service struct {
	view      *logs.View
	viewer    Viewer // nil: all is seen
	clock     clock.PassiveClock
	searching chan struct{} // as many as may search at once
}

// maxSearching bounds the searches at once, each of which holds a part of up to a hundred logs.
const maxSearching = 4

// New makes a Service; viewer may be nil.
func New(view *logs.View, viewer Viewer, clk clock.PassiveClock) *Service {
	return &Service{view: view, viewer: viewer, clock: clk, searching: make(chan struct{}, maxSearching)}
}

// Operation gives what a request is decoded into, and what answers it then with what is to be encoded as JSON. What the caller
// did wrong is a *batch.Error. The members NextToken of a request and its answer may be sealed in between: they name streams.
type Operation = func() (in any, do func(ctx context.Context, call batch.Call) (any, error))

// Operations are all there are, by name.
func (s *Service) Operations() map[string]Operation {
	return map[string]Operation{
		"GetLogEvents":       decoded(s.getLogEvents),
		"FilterLogEvents":    decoded(s.filterLogEvents),
		"DescribeLogStreams": decoded(s.describeLogStreams),
	}
}

// decoded makes an Operation of a function of its request.
func decoded[In, Out any](do func(context.Context, batch.Call, *In) (*Out, error)) Operation {
	return func() (any, func(context.Context, batch.Call) (any, error)) {
		in := new(In)
		return in, func(ctx context.Context, call batch.Call) (any, error) {
			out, err := do(ctx, call, in)
			if err != nil {
				return nil, err
			}
			return out, nil
		}
	}
}

func invalid(format string, args ...any) error {
	return &batch.Error{Code: batch.CodeInvalidParameter, Message: fmt.Sprintf(format, args...)}
}

func notFound(what string) error {
	return &batch.Error{Code: batch.CodeResourceNotFound, Message: "The specified log " + what + " does not exist."}
}

// group is how a request names the log group.
type group struct {
	LogGroupName       string `json:"logGroupName"`
	LogGroupIdentifier string `json:"logGroupIdentifier"`
}

// check refuses every group but Group. An identifier is a name or an ARN.
func (g *group) check() error {
	name := g.LogGroupName
	if g.LogGroupIdentifier != "" {
		if name != "" {
			return invalid("Only one of logGroupName and logGroupIdentifier may be given")
		}
		name = g.LogGroupIdentifier
		if strings.HasPrefix(name, "arn:") {
			_, name, _ = strings.Cut(name, ":log-group:")
			name = strings.TrimSuffix(name, ":*")
		}
	}
	switch name {
	case "":
		return invalid("logGroupName or logGroupIdentifier must be given")
	case Group:
		return nil
	}
	return notFound("group")
}

// open finds a log that the caller may see.
func (s *Service) open(ctx context.Context, call batch.Call, stream string) (*logs.Log, error) {
	log, err := s.view.Open(ctx, stream)
	if errors.Is(err, logs.ErrNotFound) {
		return nil, notFound("stream")
	}
	if err != nil {
		return nil, err
	}
	seen, err := s.visible(ctx, call, []string{log.Job()})
	if err == nil && !seen[0] {
		return nil, notFound("stream")
	}
	return log, err
}

func (s *Service) visible(ctx context.Context, call batch.Call, jobs []string) ([]bool, error) {
	if s.viewer != nil {
		return s.viewer.VisibleJobs(ctx, call, jobs)
	}
	all := make([]bool, len(jobs))
	for i := range all {
		all[i] = true
	}
	return all, nil
}

const (
	// maxEvents and maxPage bound a page. CloudWatch Logs: 10,000 events or 1 MiB, each event counting 26 bytes beside its text.
	maxEvents = 10_000
	maxPage   = 1 << 20
	eventSize = 26
)

// limitOf is how many events a page has at most.
func limitOf(asked *int, most int) (int, error) {
	switch {
	case asked == nil:
		return most, nil
	case *asked < 1 || *asked > most:
		return 0, invalid("limit must be between 1 and %d", most)
	}
	return *asked, nil
}

const (
	nanosPerMilli = 1_000_000
	// never is later than every line.
	never = int64(1<<63 - 1)
)

// nanos is a time of the API, in milliseconds, as one of a line; other if there is none.
func nanos(millis *int64, other int64) int64 {
	switch {
	case millis == nil:
		return other
	case *millis <= 0:
		return 0
	case *millis > never/nanosPerMilli:
		return never
	}
	return *millis * nanosPerMilli
}
