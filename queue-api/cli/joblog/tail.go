// SPDX-License-Identifier: Apache-2.0

package joblog

import (
	"context"
	"slices"
	"time"

	"github.com/muster-batch/muster/queue-api/client"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// Group is the log group of all jobs.
const Group = "/aws/batch/job"

// Event is one line of a log.
type Event struct {
	Timestamp int64  `json:"timestamp"` // milliseconds
	Message   string `json:"message"`
}

// getLogEvents and logEvents are CloudWatch Logs' wire.
type getLogEvents struct {
	LogGroupName  string  `json:"logGroupName"`
	LogStreamName string  `json:"logStreamName"`
	StartTime     *int64  `json:"startTime,omitzero"`
	NextToken     *string `json:"nextToken,omitzero"`
	Limit         *int    `json:"limit,omitzero"`
	StartFromHead bool    `json:"startFromHead,omitzero"`
}

type logEvents struct {
	Events            []Event `json:"events"`
	NextForwardToken  *string `json:"nextForwardToken"`
	NextBackwardToken *string `json:"nextBackwardToken"`
	// End is nil before the end of what there is, and of servers that do not tell.
	End *viewapi.LogEnd `json:"musterEnd"`
}

// maxPage is the most events of a page. CloudWatch Logs: 10,000, or a MiB.
const maxPage = 10_000

// Tail reads one log forward, from where it began.
type Tail struct {
	client *client.Client
	stream string
	since  *int64 // milliseconds
	last   int    // how many lines before the end to begin at; negative for the beginning
	token  *string
	begun  bool
	end    *viewapi.LogEnd
}

// NewTail begins at a time, unless it is zero, and at the last so many lines, unless that is negative.
func NewTail(c *client.Client, stream string, since time.Time, last int) *Tail {
	t := &Tail{client: c, stream: stream, last: last}
	if !since.IsZero() {
		t.since = new(since.UnixMilli())
	}
	return t
}

// Next gives the lines that follow, none if there are no more now.
func (t *Tail) Next(ctx context.Context) ([]Event, error) {
	if !t.begun && t.last >= 0 {
		events, err := t.lastLines(ctx)
		if err == nil {
			t.begun = true
		}
		return events, err
	}
	out, err := t.get(ctx, getLogEvents{StartFromHead: true, NextToken: t.token})
	if err != nil {
		return nil, err
	}
	t.begun, t.token, t.end = true, out.NextForwardToken, out.End
	return out.Events, nil
}

// End tells whether more will come after what Next gave last, where that was the end of what there was; nil where it was not, or
// where the server is of a version that does not tell.
func (t *Tail) End() *viewapi.LogEnd { return t.end }

// lastLines reads backwards from the end, and has Next go on from there.
func (t *Tail) lastLines(ctx context.Context) ([]Event, error) {
	var pages [][]Event
	var token *string
	for left := max(t.last, 1); left > 0; {
		out, err := t.get(ctx, getLogEvents{NextToken: token, Limit: new(min(left, maxPage))})
		if err != nil {
			return nil, err
		}
		if token == nil {
			t.token = out.NextForwardToken
		}
		if len(out.Events) == 0 {
			break
		}
		left -= len(out.Events)
		pages, token = append(pages, out.Events), out.NextBackwardToken
	}
	if t.last == 0 {
		return nil, nil
	}
	slices.Reverse(pages)
	return slices.Concat(pages...), nil
}

func (t *Tail) get(ctx context.Context, in getLogEvents) (*logEvents, error) {
	in.LogGroupName, in.LogStreamName, in.StartTime = Group, t.stream, t.since
	return client.Do[logEvents](ctx, t.client, "GetLogEvents", in)
}
