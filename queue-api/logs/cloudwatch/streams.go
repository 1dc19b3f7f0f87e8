// SPDX-License-Identifier: Apache-2.0

package cloudwatch

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/logs"
)

type describeLogStreamsRequest struct {
	group

	LogStreamNamePrefix string  `json:"logStreamNamePrefix"`
	OrderBy             string  `json:"orderBy"`
	Descending          bool    `json:"descending"`
	NextToken           *string `json:"nextToken"`
	Limit               *int    `json:"limit"`
}

type describeLogStreamsResponse struct {
	LogStreams []logStream `json:"logStreams"`
	NextToken  *string     `json:"nextToken,omitempty"`
}

type logStream struct {
	LogStreamName       string `json:"logStreamName"`
	CreationTime        int64  `json:"creationTime"`
	FirstEventTimestamp *int64 `json:"firstEventTimestamp,omitempty"`
	LastEventTimestamp  *int64 `json:"lastEventTimestamp,omitempty"`
	LastIngestionTime   *int64 `json:"lastIngestionTime,omitempty"`
	ARN                 string `json:"arn"`
	StoredBytes         int64  `json:"storedBytes"`
}

const (
	orderByName = "LogStreamName"
	orderByTime = "LastEventTime"

	// maxStreams bounds a page. CloudWatch Logs: 50.
	maxStreams = 50
	// maxLooked is how many streams one request looks at for those that the caller may see.
	maxLooked = 2000
	// maxSorted is how many streams can be put into another order than the archive's.
	maxSorted = 50_000
	// askedAtOnce is how many jobs the viewer is asked about in one go.
	askedAtOnce = 64
)

// streamPlace is where a list of streams goes on.
type streamPlace struct {
	Order string `json:"o"`
	Last  int64  `json:"t,omitempty"` // in nanoseconds
	Name  string `json:"n"`
}

func (p streamPlace) token() (*string, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode nextToken: %w", err)
	}
	return new(base64.RawURLEncoding.EncodeToString(b)), nil
}

func parseStreamToken(text *string, order string) (streamPlace, error) {
	var p streamPlace
	if text == nil {
		return p, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*text)
	if err != nil || json.Unmarshal(b, &p) != nil || p.Order != order || !logs.IsStream(p.Name) {
		return p, invalid("The specified nextToken is invalid.")
	}
	return p, nil
}

// describeLogStreams lists logs that are kept, in the order of their names, or of their last lines.
func (s *Service) describeLogStreams(ctx context.Context, call batch.Call, in *describeLogStreamsRequest) (*describeLogStreamsResponse, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	limit, err := limitOf(in.Limit, maxStreams)
	if err != nil {
		return nil, err
	}
	order := cmp.Or(in.OrderBy, orderByName)
	if order != orderByName && order != orderByTime {
		return nil, invalid("orderBy must be %s or %s", orderByName, orderByTime)
	}
	if in.Descending {
		order += "-"
	}
	from, err := parseStreamToken(in.NextToken, order)
	if err != nil {
		return nil, err
	}
	if logs.IsStream(in.LogStreamNamePrefix) { // also of a pod that lives
		return s.describeOne(ctx, call, in.LogStreamNamePrefix)
	}
	var list []logs.Stream
	if order == orderByName {
		list, err = s.named(ctx, in.LogStreamNamePrefix, from.Name)
	} else {
		list, err = s.sorted(ctx, in.LogStreamNamePrefix, order, from)
	}
	if err != nil {
		return nil, err
	}
	return s.page(ctx, call, list, limit, order)
}

func (s *Service) describeOne(ctx context.Context, call batch.Call, name string) (*describeLogStreamsResponse, error) {
	out := &describeLogStreamsResponse{LogStreams: []logStream{}}
	log, err := s.open(ctx, call, name)
	if known, ok := errors.AsType[*batch.Error](err); ok && known.Code == batch.CodeResourceNotFound {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	out.LogStreams = append(out.LogStreams, show(call, log.Summary()))
	return out, nil
}

// named are the next streams by name.
func (s *Service) named(ctx context.Context, prefix, after string) ([]logs.Stream, error) {
	var list []logs.Stream
	for one, err := range s.view.Streams(ctx, prefix, after) {
		if err != nil {
			return nil, err
		}
		if list = append(list, one); len(list) > maxLooked {
			break
		}
	}
	return list, nil
}

// sorted are the next streams in another order.
func (s *Service) sorted(ctx context.Context, prefix, order string, from streamPlace) ([]logs.Stream, error) {
	var list []logs.Stream
	for one, err := range s.view.Streams(ctx, prefix, "") {
		if err != nil {
			return nil, err
		}
		if list = append(list, one); len(list) > maxSorted {
			return nil, invalid("More than %d log streams cannot be put into this order; logStreamNamePrefix selects some", maxSorted)
		}
	}
	compare := func(a, b streamPlace) int { return cmp.Or(cmp.Compare(a.Last, b.Last), cmp.Compare(a.Name, b.Name)) }
	if order == orderByTime+"-" || order == orderByName+"-" {
		ascending := compare
		compare = func(a, b streamPlace) int { return ascending(b, a) }
	}
	slices.SortFunc(list, func(a, b logs.Stream) int { return compare(placeOf(&a, order), placeOf(&b, order)) })
	if from.Name != "" {
		list = slices.DeleteFunc(list, func(one logs.Stream) bool { return compare(placeOf(&one, order), from) <= 0 })
	}
	return list, nil
}

// placeOf is the place behind a stream.
func placeOf(s *logs.Stream, order string) streamPlace {
	p := streamPlace{Order: order, Name: s.Name}
	if order != orderByName && order != orderByName+"-" {
		p.Last = s.Last.UnixNano()
	}
	return p
}

// page shows the first streams of a list that the caller may see.
func (s *Service) page(ctx context.Context, call batch.Call, list []logs.Stream, limit int, order string) (*describeLogStreamsResponse, error) {
	out := &describeLogStreamsResponse{LogStreams: []logStream{}}
	for looked := 0; looked < len(list); {
		some := list[looked:min(len(list), looked+askedAtOnce)]
		jobs := make([]string, len(some))
		for i := range some {
			jobs[i] = some[i].Job
		}
		seen, err := s.visible(ctx, call, jobs)
		if err != nil {
			return nil, err
		}
		for i := range some {
			looked++
			if seen[i] {
				out.LogStreams = append(out.LogStreams, show(call, some[i]))
			}
			if (len(out.LogStreams) == limit || looked == maxLooked) && looked < len(list) {
				out.NextToken, err = placeOf(&some[i], order).token()
				return out, err
			}
		}
	}
	return out, nil
}

func show(call batch.Call, s logs.Stream) logStream {
	out := logStream{
		LogStreamName: s.Name, StoredBytes: s.Bytes,
		ARN: "arn:aws:logs:" + call.Region + ":" + call.Account + ":log-group:" + Group + ":log-stream:" + s.Name,
	}
	if !s.Written.IsZero() {
		out.CreationTime = s.First.UnixMilli()
	}
	if s.Lines > 0 {
		out.FirstEventTimestamp, out.LastEventTimestamp, out.LastIngestionTime = millis(s.First), millis(s.Last), millis(s.Last)
	}
	return out
}

func millis(t time.Time) *int64 { return new(t.UnixMilli()) }
