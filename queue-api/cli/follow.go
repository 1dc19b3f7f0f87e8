// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/cli/joblog"
	"github.com/muster-batch/muster/queue-api/client"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// logOptions say what is read of a job's logs.
type logOptions struct {
	follow     bool
	attempt    int // see joblog.Streams; 0 when following is the latest and all that come
	container  string
	since      time.Time
	tail       int // lines from the end; negative for all
	timestamps bool
}

// logSink prints lines of logs.
type logSink struct {
	w          io.Writer
	timestamps bool
	before     func() // called before each write; may be nil
}

func (s *logSink) print(prefix string, events []joblog.Event) error {
	if len(events) == 0 {
		return nil
	}
	var b strings.Builder
	for _, e := range events {
		if s.timestamps {
			b.WriteString(time.UnixMilli(e.Timestamp).UTC().Format("2006-01-02T15:04:05.000Z07:00") + " ")
		}
		b.WriteString(prefix + e.Message + "\n")
	}
	if s.before != nil {
		s.before()
	}
	_, err := io.WriteString(s.w, b.String())
	return err
}

// source is a job with logs of its own: no array, but a child; no multi-node job, but a node.
type source struct {
	id, label string
	job       *awsapi.JobDetail
	logs      []*openLog
	attempts  int // whose logs are open
	done      bool
	quiet     time.Time // since when nothing new came after the job's end
	failing   time.Time // since when nothing could be read after the job's end
}

// openLog is a log that is followed.
type openLog struct {
	joblog.Stream

	tail   *joblog.Tail
	isGone bool // there is none, or not yet
	isRead bool // it has ended, and all of it was read
}

// follower prints the logs of jobs as they grow, until the jobs have ended and their logs do.
type follower struct {
	f       *frame
	sink    *logSink
	o       logOptions
	sources []*source
	begun   bool
	missing bool // the server has no logs, and that was said
}

func newFollower(f *frame, sink *logSink, o logOptions) *follower {
	sink.timestamps = o.timestamps
	return &follower{f: f, sink: sink, o: o}
}

// maxFollowed bounds how many children of an array are followed at once.
const maxFollowed = 1000

// begin finds out which logs a job has: its own, or those of its children or nodes.
func (l *follower) begin(job *awsapi.JobDetail) {
	if l.begun {
		if len(l.sources) == 1 && l.sources[0].id == value(job.JobId) {
			l.sources[0].job = job
		}
		return
	}
	l.begun = true
	for _, part := range partsOf(job, maxFollowed) {
		l.sources = append(l.sources, &source{id: part.id, label: part.label})
	}
	if isArray(job) && value(job.ArrayProperties.Size) > maxFollowed {
		l.f.notef("Of %d children the first %d are followed; muster logs -f %s:INDEX follows another\n", value(job.ArrayProperties.Size), maxFollowed, value(job.JobId))
	}
	if len(l.sources) == 1 && l.sources[0].id == value(job.JobId) {
		l.sources[0].job = job
	}
}

// part is a job that has logs of its own.
type part struct{ id, label string }

// partsOf are a job's children or nodes, up to a number, or the job itself.
func partsOf(job *awsapi.JobDetail, limit int) (parts []part) {
	id := value(job.JobId)
	switch {
	case isArray(job):
		for i := range min(value(job.ArrayProperties.Size), limit) {
			parts = append(parts, part{batch.ChildID(id, i), strconv.Itoa(i)})
		}
	case isMultiNode(job):
		for i := range min(value(job.NodeProperties.NumNodes), limit) {
			parts = append(parts, part{batch.NodeID(id, i), fmt.Sprint("node ", i)})
		}
	default:
		parts = []part{{id: id}}
	}
	return parts
}

// isDone reports whether all logs have been read to their ends.
func (l *follower) isDone() bool {
	for _, s := range l.sources {
		if !s.done {
			return false
		}
	}
	return l.begun
}

// step prints what is new in all logs.
func (l *follower) step(ctx context.Context) error {
	if err := l.refresh(ctx); err != nil {
		return err
	}
	for _, s := range l.sources {
		if s.done || s.job == nil {
			continue
		}
		if err := l.stepOne(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// refresh looks at the jobs again that have not ended.
func (l *follower) refresh(ctx context.Context) error {
	var ids []string
	for _, s := range l.sources {
		if !s.done && (s.job == nil || len(l.sources) > 1 && !statusOf(s.job).IsTerminal()) {
			ids = append(ids, s.id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := l.f.lookUp(ctx, ids)
	if err != nil {
		return err
	}
	for _, s := range l.sources {
		if job, ok := found[s.id]; ok {
			s.job = &job
		}
	}
	return nil
}

// stepOne prints what is new in one job's logs.
func (l *follower) stepOne(ctx context.Context, s *source) error {
	hasEnded := statusOf(s.job).IsTerminal() // before its logs are read: they may have ended since
	if err := l.open(s); err != nil {
		return err
	}
	isNew, err := l.read(ctx, s)
	if errors.Is(err, errNoLogs) {
		l.sayMissing()
		s.done = hasEnded
		return nil
	}
	if err != nil {
		return l.orGiveUp(s, hasEnded, err)
	}
	s.failing = time.Time{}
	if !hasEnded {
		return nil
	}
	isRead, isTold := s.state()
	switch now := l.f.now(); {
	case isRead:
		s.done = true
		l.sayGone(s)
	case isNew || s.quiet.IsZero():
		s.quiet = now
	case !isTold && now.Sub(s.quiet) >= settle:
		s.done = true
	}
	return nil
}

// state tells whether all logs of a job that has ended were read to their ends, and whether the server tells where they end.
func (s *source) state() (isRead, isTold bool) {
	isRead, isTold = true, true
	for _, log := range s.logs {
		isRead = isRead && (log.isRead || log.isGone)
		isTold = isTold && (log.isRead || log.isGone || log.tail.End() != nil)
	}
	return isRead, isTold
}

const (
	// settle is for how long nothing new must come once a job has ended, where the server is of a version that does not tell when
	// all of a log was read.
	settle = 5 * time.Second
	// failsWithin is how long reading what a job wrote may fail once it has ended: whoever waits for the job is not to wait for ever.
	failsWithin = 2 * time.Minute
)

// orGiveUp returns err unless the log of a job that has ended could not be read for too long.
func (l *follower) orGiveUp(s *source, hasEnded bool, err error) error {
	now := l.f.now()
	switch {
	case !hasEnded || !isPassing(err):
		return err
	case s.failing.IsZero():
		s.failing = now
		return err
	case now.Sub(s.failing) < failsWithin:
		return err
	}
	s.done = true
	l.f.notef("The rest of what job %s wrote could not be read: %v\n", s.id, err)
	return nil
}

// open begins with the streams of attempts that are new.
func (l *follower) open(s *source) error {
	all := joblog.Attempts(s.job)
	first := s.attempts + 1
	if s.attempts == 0 {
		if first = all; l.o.attempt > 0 {
			first = l.o.attempt
		} else if l.o.attempt < 0 {
			first = all + l.o.attempt
		}
	}
	for number := max(first, 1); number <= all; number++ {
		if l.o.attempt != 0 && s.attempts > 0 {
			return nil // one attempt was asked for
		}
		streams, err := joblog.Streams(s.job, number, l.o.container)
		if errors.Is(err, joblog.ErrNotStarted) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, stream := range streams {
			if slices.ContainsFunc(s.logs, func(log *openLog) bool { return log.Name == stream.Name }) {
				continue
			}
			c, err := l.f.connect(context.Background()) // made before
			if err != nil {
				return err
			}
			s.logs = append(s.logs, &openLog{Stream: stream, tail: joblog.NewTail(c, stream.Name, l.o.since, l.o.tail)})
		}
		s.attempts = number
	}
	return nil
}

// errNoLogs is of a server that was started without an archive.
var errNoLogs = errors.New("the server keeps no logs: see --log-dir and --log-url of queue-api")

// read prints what is new in the logs that are open, each to its end.
func (l *follower) read(ctx context.Context, s *source) (isNew bool, err error) {
	for _, log := range s.logs {
		for !log.isRead {
			events, err := log.tail.Next(ctx)
			switch {
			case client.IsUnknownOperation(err):
				return false, errNoLogs
			case err != nil && !client.IsNotFound(err):
				return isNew, err
			}
			log.isGone = err != nil // not there yet, or not any more
			isNew = isNew || len(events) > 0
			if err := l.sink.print(l.prefix(s, log.Container), events); err != nil {
				return isNew, err
			}
			if end := log.tail.End(); !log.isGone && end != nil {
				log.isRead = end.State != viewapi.LogOpen
				l.sayEnd(log.Name, end)
				break
			}
			if len(events) == 0 {
				break
			}
		}
	}
	return isNew, nil
}

// prefix says whose line it is where there are several.
func (l *follower) prefix(s *source, container string) string {
	label := s.label
	if slices.ContainsFunc(s.logs, func(log *openLog) bool { return log.Container != container }) {
		label = strings.TrimSpace(label + " " + container)
	}
	if label == "" {
		return ""
	}
	return "[" + label + "] "
}

// sayEnd tells of a log that is not whole.
func (l *follower) sayEnd(stream string, end *viewapi.LogEnd) {
	if end.State != viewapi.LogOpen && end.State != viewapi.LogComplete {
		l.f.notef("Log %s is not whole (%s): %s\n", stream, strings.ToLower(end.State), end.Reason)
	}
}

// sayGone tells of logs that must have been there.
func (l *follower) sayGone(s *source) {
	for _, log := range s.logs {
		if log.isGone && log.HasRun {
			l.f.notef("Nothing is kept of %s\n", log.Name)
		}
	}
}

func (l *follower) sayMissing() {
	if !l.missing {
		l.missing = true
		l.f.notef("The server keeps no logs: see --log-dir and --log-url of queue-api\n")
	}
}
