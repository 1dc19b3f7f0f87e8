// SPDX-License-Identifier: Apache-2.0

package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/logs"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

type getLogEventsRequest struct {
	group

	LogStreamName string  `json:"logStreamName"`
	StartTime     *int64  `json:"startTime"`
	EndTime       *int64  `json:"endTime"`
	Token         *string `json:"nextToken"` // a time, which hides nothing
	Limit         *int    `json:"limit"`
	StartFromHead bool    `json:"startFromHead"`
}

type getLogEventsResponse struct {
	Events            []outputLogEvent `json:"events"`
	NextForwardToken  string           `json:"nextForwardToken"`
	NextBackwardToken string           `json:"nextBackwardToken"`
	// End is there on a page forward that reaches the end of what there is. CloudWatch Logs has no such member, and its clients
	// take no notice.
	End *viewapi.LogEnd `json:"musterEnd,omitempty"`
}

type outputLogEvent struct {
	Timestamp     int64  `json:"timestamp"`
	Message       string `json:"message"`
	IngestionTime int64  `json:"ingestionTime"`
}

// place is where a page of events begins or ends: after or before a time.
type place struct {
	isForward bool
	at        int64
}

// getLogEvents gives a page of one log. CloudWatch Logs: without a token the page is the last one unless startFromHead is set,
// and who comes to an end gets the token back that they sent.
func (s *Service) getLogEvents(ctx context.Context, call batch.Call, in *getLogEventsRequest) (*getLogEventsResponse, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	limit, err := limitOf(in.Limit, maxEvents)
	if err != nil {
		return nil, err
	}
	start, end := nanos(in.StartTime, 0), nanos(in.EndTime, never)
	from := place{isForward: in.StartFromHead, at: end}
	if from.isForward {
		from.at = start - 1
	}
	if in.Token != nil {
		if from, err = parseToken(*in.Token); err != nil {
			return nil, err
		}
	}
	log, err := s.open(ctx, call, in.LogStreamName)
	if err != nil {
		return nil, err
	}
	if !from.isForward {
		lines, err := backward(ctx, log, start, min(from.at, end), limit)
		if err != nil {
			return nil, err
		}
		return pageOf(lines, from), nil
	}
	lines, isAll, err := forward(ctx, log, max(from.at, start-1), end, limit)
	if err != nil {
		return nil, err
	}
	out := pageOf(lines, from)
	if isAll {
		out.End, err = endOf(ctx, log)
	}
	if errors.Is(err, logs.ErrNotFound) && len(lines) == 0 {
		return nil, notFound("stream")
	}
	return out, nil
}

// forward gives lines after a time, and tells whether these are all that there are now.
func forward(ctx context.Context, log *logs.Log, after, end int64, limit int) (lines []logs.Line, isAll bool, err error) {
	size := 0
	for line, err := range log.After(ctx, after) {
		if err != nil {
			return nil, false, err
		}
		if line.Time >= end || len(lines) == limit || size+len(line.Text)+eventSize > maxPage {
			return lines, false, nil
		}
		lines, size = append(lines, line), size+len(line.Text)+eventSize
	}
	return lines, true, nil
}

// endOf tells how a log ended that has been read as far as it goes. What cannot be found out now is asked for again.
func endOf(ctx context.Context, log *logs.Log) (*viewapi.LogEnd, error) {
	end, isEnded, err := log.End(ctx)
	switch {
	case isEnded:
		return &viewapi.LogEnd{State: string(end.State), Reason: end.Reason, DroppedBytes: end.Dropped}, nil
	case err != nil && !errors.Is(err, logs.ErrNotFound):
		klog.FromContext(ctx).V(2).Info("It is not known whether a log has ended", "err", err)
		return &viewapi.LogEnd{State: viewapi.LogOpen}, nil
	}
	return &viewapi.LogEnd{State: viewapi.LogOpen}, err
}

func backward(ctx context.Context, log *logs.Log, start, before int64, limit int) ([]logs.Line, error) {
	lines, err := log.Before(ctx, before, func(count int, size int64) bool {
		return count <= limit && size+int64(count*eventSize) <= maxPage
	})
	for len(lines) > 0 && lines[0].Time < start {
		lines = lines[1:]
	}
	return lines, err
}

// pageOf shows lines, and how to go on from both ends of them.
func pageOf(lines []logs.Line, from place) *getLogEventsResponse {
	out := &getLogEventsResponse{Events: make([]outputLogEvent, len(lines))}
	for i, line := range lines {
		at := line.Time / nanosPerMilli
		out.Events[i] = outputLogEvent{Timestamp: at, Message: line.Text, IngestionTime: at}
	}
	next, previous := place{true, from.at}, place{false, from.at}
	switch {
	case len(lines) > 0:
		next.at, previous.at = lines[len(lines)-1].Time, lines[0].Time
	case from.isForward && from.at < never:
		previous.at++ // what is before it ends with it
	case !from.isForward && from.at > 0:
		next.at--
	}
	out.NextForwardToken, out.NextBackwardToken = next.token(), previous.token()
	return out
}

// token is the place as CloudWatch Logs shows it: a direction and 56 digits.
func (p place) token() string {
	direction := "b"
	if p.isForward {
		direction = "f"
	}
	return fmt.Sprintf("%s/%056d/s", direction, max(p.at, 0))
}

func parseToken(text string) (place, error) {
	parts := strings.Split(text, "/")
	if len(parts) == 3 && len(parts[1]) == 56 && parts[2] == "s" && (parts[0] == "f" || parts[0] == "b") {
		at, err := strconv.ParseUint(parts[1], 10, 63)
		if err == nil {
			return place{parts[0] == "f", int64(at)}, nil
		}
	}
	return place{}, invalid("The specified nextToken is invalid.")
}
