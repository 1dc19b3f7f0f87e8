// SPDX-License-Identifier: Apache-2.0

package cloudwatch

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/logs"
)

type filterLogEventsRequest struct {
	group

	LogStreamNames      []string `json:"logStreamNames"`
	LogStreamNamePrefix string   `json:"logStreamNamePrefix"`
	StartTime           *int64   `json:"startTime"`
	EndTime             *int64   `json:"endTime"`
	FilterPattern       string   `json:"filterPattern"`
	NextToken           *string  `json:"nextToken"`
	Limit               *int     `json:"limit"`
}

type filterLogEventsResponse struct {
	Events             []filteredLogEvent `json:"events"`
	SearchedLogStreams []struct{}         `json:"searchedLogStreams"` // CloudWatch Logs: empty
	NextToken          *string            `json:"nextToken,omitempty"`
}

type filteredLogEvent struct {
	LogStreamName string `json:"logStreamName"`
	Timestamp     int64  `json:"timestamp"`
	Message       string `json:"message"`
	IngestionTime int64  `json:"ingestionTime"`
	EventID       string `json:"eventId"`
}

const (
	// maxNames is how many streams may be named, and how many are searched at once: their lines come in the order of time.
	// CloudWatch Logs: 100.
	maxNames = 100
	// maxSearched and maxSearchTime bound one search; the next one goes on from there.
	maxSearched   = 64 << 20
	maxSearchTime = 10 * time.Second
)

// searchPlace is where a search goes on: behind the line of a stream, among the streams whose names lie between two. Without a
// stream it is at the beginning.
type searchPlace struct {
	After  string `json:"a,omitempty"`
	Last   string `json:"l,omitempty"` // empty: as many streams as are searched at once
	Time   int64  `json:"t,omitempty"`
	Stream string `json:"s,omitempty"`
}

func (p searchPlace) token() (*string, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode nextToken: %w", err)
	}
	return new(base64.RawURLEncoding.EncodeToString(b)), nil
}

func parseSearchToken(text *string) (searchPlace, error) {
	var p searchPlace
	if text == nil {
		return p, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*text)
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	isName := func(s string) bool { return s == "" || logs.IsStream(s) }
	if err != nil || p.Time < 0 || !isName(p.After) || !isName(p.Last) || !isName(p.Stream) {
		return p, invalid("The specified nextToken is invalid.")
	}
	return p, nil
}

// search is one search as it goes on.
type search struct {
	*Service

	call       batch.Call
	in         *filterLogEventsRequest
	pattern    pattern
	start, end int64
	limit      int
	place      searchPlace
	deadline   time.Time
	out        *filterLogEventsResponse
	size       int
	lines      int // that were looked at
	searched   int // their bytes
}

// filterLogEvents searches logs that are named, and else those that are kept.
func (s *Service) filterLogEvents(ctx context.Context, call batch.Call, in *filterLogEventsRequest) (*filterLogEventsResponse, error) {
	find := &search{Service: s, call: call, in: in, start: nanos(in.StartTime, 0), end: nanos(in.EndTime, never)}
	if err := find.prepare(); err != nil {
		return nil, err
	}
	select {
	case s.searching <- struct{}{}:
		defer func() { <-s.searching }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	find.deadline = s.clock.Now().Add(maxSearchTime)
	for {
		streams, isAll, err := find.streams(ctx)
		if err != nil {
			return nil, err
		}
		isOver, err := find.merge(ctx, streams)
		switch {
		case err != nil:
			return nil, err
		case !isOver:
			find.out.NextToken, err = find.place.token()
			return find.out, err
		case isAll:
			return find.out, nil
		}
		find.place = searchPlace{After: find.place.Last}
	}
}

func (f *search) prepare() (err error) {
	f.out = &filterLogEventsResponse{Events: []filteredLogEvent{}, SearchedLogStreams: []struct{}{}}
	if err = f.in.check(); err != nil {
		return err
	}
	switch {
	case len(f.in.LogStreamNames) > 0 && f.in.LogStreamNamePrefix != "":
		return invalid("Only one of logStreamNames and logStreamNamePrefix may be given")
	case len(f.in.LogStreamNames) > maxNames:
		return invalid("logStreamNames must have at most %d members", maxNames)
	}
	if f.limit, err = limitOf(f.in.Limit, maxEvents); err != nil {
		return err
	}
	if f.pattern, err = parsePattern(f.in.FilterPattern); err != nil {
		return err
	}
	f.place, err = parseSearchToken(f.in.NextToken)
	return err
}

// streams opens what is searched next, and tells whether that is the rest.
func (f *search) streams(ctx context.Context) (list []*logs.Log, isAll bool, err error) {
	names := slices.Clone(f.in.LogStreamNames)
	slices.Sort(names)
	names = slices.Compact(names)
	isAll = true
	switch {
	case len(names) > 0:
	case logs.IsStream(f.in.LogStreamNamePrefix):
		names = []string{f.in.LogStreamNamePrefix}
	default:
		if names, isAll, err = f.next(ctx); err != nil {
			return nil, false, err
		}
	}
	for _, name := range names {
		log, err := f.open(ctx, f.call, name)
		if known, ok := errors.AsType[*batch.Error](err); ok && known.Code == batch.CodeResourceNotFound && len(f.in.LogStreamNames) == 0 {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, false, err
		}
		list = append(list, log)
	}
	return list, isAll, nil
}

// next names the streams behind the place that the caller may see and that have lines of the time asked for.
func (f *search) next(ctx context.Context) (names []string, isAll bool, err error) {
	var some []logs.Stream
	looked, last := 0, ""
	isAll = true
	for one, err := range f.view.Streams(ctx, f.in.LogStreamNamePrefix, f.place.After) {
		if err != nil {
			return nil, false, err
		}
		isFull := len(some) == maxNames || looked == maxLooked
		if f.place.Last == "" && isFull || f.place.Last != "" && one.Name > f.place.Last {
			isAll = false
			break
		}
		if looked++; looked > 2*maxLooked {
			return nil, false, invalid("The specified nextToken is invalid.")
		}
		last = one.Name
		if one.First.UnixNano() < f.end && (!one.IsEnded || one.Last.UnixNano() >= f.start) {
			some = append(some, one)
		}
	}
	f.place.Last = cmp.Or(f.place.Last, last)
	if len(some) > 2*maxNames {
		return nil, false, invalid("The specified nextToken is invalid.")
	}
	names, err = f.seen(ctx, some)
	return names, isAll, err
}

// seen names those of the streams that the caller may see.
func (f *search) seen(ctx context.Context, some []logs.Stream) ([]string, error) {
	jobs := make([]string, len(some))
	for i := range some {
		jobs[i] = some[i].Job
	}
	visible, err := f.visible(ctx, f.call, jobs)
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range some {
		if visible[i] {
			names = append(names, some[i].Name)
		}
	}
	return names, nil
}

// merge takes the lines of the streams in the order of time. It returns false if it had to stop before their end.
func (f *search) merge(ctx context.Context, streams []*logs.Log) (bool, error) {
	var queue sources
	defer func() {
		for _, one := range queue {
			one.stop()
		}
	}()
	for _, log := range streams {
		one := &source{name: log.Summary().Name}
		one.pull, one.stop = iter.Pull2(log.After(ctx, f.after(one.name)))
		if ok, err := one.next(); err != nil {
			one.stop()
			return false, err
		} else if ok {
			queue = append(queue, one)
		}
	}
	heap.Init(&queue)
	for len(queue) > 0 && queue[0].line.Time < f.end {
		if !f.take(queue[0]) {
			return false, nil
		}
		ok, err := queue[0].next()
		if err != nil {
			return false, err
		}
		if ok {
			heap.Fix(&queue, 0)
		} else {
			heap.Pop(&queue)
		}
	}
	return true, nil
}

// after is the time of the last line of a stream that is not wanted.
func (f *search) after(stream string) int64 {
	at := f.start - 1
	switch {
	case f.place.Stream == "":
	case stream <= f.place.Stream:
		at = max(at, f.place.Time)
	default:
		at = max(at, f.place.Time-1)
	}
	return at
}

// take looks at a line. It returns false if it has to wait for the next request.
func (f *search) take(one *source) bool {
	line := one.line
	if f.lines > 0 && (f.searched > maxSearched || f.lines%256 == 0 && f.clock.Now().After(f.deadline)) {
		return false
	}
	f.lines, f.searched = f.lines+1, f.searched+len(line.Text)+eventSize
	if f.pattern.matches(line.Text) {
		size := len(line.Text) + len(one.name) + eventSize
		if len(f.out.Events) == f.limit || f.size+size > maxPage {
			return false
		}
		f.size += size
		at := line.Time / nanosPerMilli
		f.out.Events = append(f.out.Events, filteredLogEvent{
			LogStreamName: one.name, Timestamp: at, Message: line.Text, IngestionTime: at, EventID: eventID(one.name, line.Time),
		})
	}
	f.place.Time, f.place.Stream = line.Time, one.name
	return true
}

// eventID is a line's own: CloudWatch Logs has 56 digits.
func eventID(stream string, at int64) string {
	task, err := strconv.ParseUint(stream[len(stream)-12:], 16, 64)
	if err != nil {
		task = 0
	}
	return fmt.Sprintf("%028d%028d", at, task)
}

// source is a stream that is being searched.
type source struct {
	name string
	line logs.Line
	pull func() (logs.Line, error, bool)
	stop func()
}

// next goes on by a line; false means that there is none.
func (s *source) next() (bool, error) {
	line, err, ok := s.pull()
	if !ok || err != nil {
		s.stop()
		return false, err
	}
	s.line = line
	return true, nil
}

// sources is a heap of streams by the time of their next line.
type sources []*source

func (s sources) Len() int { return len(s) }
func (s sources) Less(i, j int) bool {
	if s[i].line.Time != s[j].line.Time {
		return s[i].line.Time < s[j].line.Time
	}
	return s[i].name < s[j].name
}
func (s sources) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s *sources) Push(x any)   { *s = append(*s, x.(*source)) }
func (s *sources) Pop() any {
	old := *s
	last := old[len(old)-1]
	*s = old[:len(old)-1]
	return last
}
