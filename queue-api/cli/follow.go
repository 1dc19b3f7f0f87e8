// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/cli/joblog"
	"github.com/muster-batch/muster/queue-api/client"
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
	tails     map[string]*joblog.Tail // by name of stream
	order     []joblog.Stream
	attempts  int // whose streams are in order
	done      bool
	quiet     time.Time // since when nothing new came after the end
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
		l.sources = append(l.sources, &source{id: part.id, label: part.label, tails: map[string]*joblog.Tail{}})
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
	ended := statusOf(s.job).IsTerminal()
	if err := l.open(s); err != nil {
		return err
	}
	isNew, err := l.read(ctx, s)
	if err != nil {
		return err
	}
	switch now := l.f.now(); {
	case !ended:
	case isNew || s.quiet.IsZero() && len(s.order) > 0:
		s.quiet = now
	case now.Sub(s.quiet) >= settle:
		s.done = true
	}
	return nil
}

// settle is for how long nothing new must come once a job has ended: a container runtime may be behind with what it writes down, and a
// last line without an end is shown when the log is kept.
const settle = 5 * time.Second

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
			if s.tails[stream.Name] == nil {
				c, err := l.f.connect(context.Background()) // made before
				if err != nil {
					return err
				}
				s.tails[stream.Name] = joblog.NewTail(c, stream.Name, l.o.since, l.o.tail)
				s.order = append(s.order, stream)
			}
		}
		s.attempts = number
	}
	return nil
}

// read prints what is new in the streams that are open, each to its end.
func (l *follower) read(ctx context.Context, s *source) (isNew bool, err error) {
	for _, stream := range s.order {
		for {
			events, err := s.tails[stream.Name].Next(ctx)
			switch {
			case client.IsUnknownOperation(err):
				l.sayMissing()
				return false, nil
			case client.IsNotFound(err):
				events = nil // not yet, or not any more
			case err != nil:
				return isNew, err
			}
			if len(events) == 0 {
				break
			}
			isNew = true
			if err := l.sink.print(l.prefix(s, stream), events); err != nil {
				return isNew, err
			}
		}
	}
	return isNew, nil
}

// prefix says whose line it is where there are several.
func (l *follower) prefix(s *source, stream joblog.Stream) string {
	label := s.label
	if isSeveral(s.order) {
		label = strings.TrimSpace(label + " " + stream.Container)
	}
	if label == "" {
		return ""
	}
	return "[" + label + "] "
}

// isSeveral reports whether streams are of more than one container.
func isSeveral(streams []joblog.Stream) bool {
	for _, s := range streams {
		if s.Container != streams[0].Container {
			return true
		}
	}
	return false
}

func (l *follower) sayMissing() {
	if !l.missing {
		l.missing = true
		l.f.notef("The server keeps no logs: see --log-dir and --log-url of queue-api\n")
	}
}
