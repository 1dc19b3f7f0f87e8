// SPDX-License-Identifier: Apache-2.0

package events

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// StreamConfig tunes a Stream; zero values mean the defaults.
type StreamConfig struct {
	// MaxStreams bounds the clients served at once; more are answered 429. Default 200.
	MaxStreams int
	// Poll is the time between two looks at the outbox. Default 500 ms.
	Poll time.Duration
	// Heartbeat is the time between two comments on a silent stream, which keep proxies from closing it. Default 15 s.
	Heartbeat time.Duration
	// Done ends all streams when it is closed, so that a server can stop.
	Done <-chan struct{}
	// Clock times polls. Default the real one.
	Clock clock.WithTicker
}

// Stream serves GET /x/v1/events: the events of the queues that the query's jobQueue members name, or of all, as
// server-sent events. The stream begins with what happens from now on, or after the event whose id the client gives as
// Last-Event-ID, as browsers do by themselves, or as the query's after. A query's jobId keeps the events of one job and its
// children. With brief=true there are no events but what changed alone, up to a hundred changes at once, see Change: for those
// who look again by themselves.
type Stream struct {
	outbox   Outbox
	composer Composer
	cfg      StreamConfig
	open     atomic.Int64
}

// NewStream makes a Stream.
func NewStream(outbox Outbox, composer Composer, cfg StreamConfig) *Stream {
	cfg.MaxStreams = cmp.Or(cfg.MaxStreams, 200)
	cfg.Poll = cmp.Or(cfg.Poll, 500*time.Millisecond)
	cfg.Heartbeat = cmp.Or(cfg.Heartbeat, 15*time.Second)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	return &Stream{outbox: outbox, composer: composer, cfg: cfg}
}

// writeTimeout bounds the wait for a client that does not read.
const writeTimeout = 10 * time.Second

func (s *Stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.open.Add(1) > int64(s.cfg.MaxStreams) {
		s.open.Add(-1)
		refuse(w, http.StatusTooManyRequests, batch.CodeTooManyRequests, "Too many event streams at once, please retry")
		return
	}
	defer s.open.Add(-1)
	q := r.URL.Query()
	sub := subscriber{
		Stream: s, jobID: q.Get("jobId"), names: q["jobQueue"], brief: q.Get("brief") == "true", poll: s.cfg.Poll,
		w: w, control: http.NewResponseController(w),
	}
	if sub.brief {
		sub.poll /= 2 // it costs little
	}
	if err := sub.begin(r.Context(), cmp.Or(r.Header.Get("Last-Event-ID"), q.Get("after"))); err != nil {
		if invalid, ok := errors.AsType[*batch.Error](err); ok {
			refuse(w, http.StatusBadRequest, invalid.Code, invalid.Message)
			return
		}
		klog.FromContext(r.Context()).Error(err, "Event stream was not begun")
		refuse(w, http.StatusInternalServerError, batch.CodeServer, "The server could not read its store, please retry")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	_ = sub.control.SetReadDeadline(time.Time{}) // the server's own would end the stream
	if err := sub.run(r.Context()); err != nil && r.Context().Err() == nil {
		klog.FromContext(r.Context()).V(2).Info("Event stream ended", "reason", err.Error())
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Amzn-Errortype", code)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

// subscriber is one client's stream.
type subscriber struct {
	*Stream

	names   []string // of the queues asked for; none means all
	jobID   string
	brief   bool
	poll    time.Duration
	cursors map[int]string // by queue number
	w       http.ResponseWriter
	control *http.ResponseController
}

// begin sets the cursors: where the client left off, else at the end of what there is.
func (s *subscriber) begin(ctx context.Context, lastEventID string) error {
	s.cursors = map[int]string{}
	if lastEventID != "" {
		cursors, err := decodeCursors(lastEventID)
		s.cursors = cursors
		return err
	}
	queues, err := s.queues(ctx)
	if err != nil {
		return err
	}
	for _, name := range s.names {
		if !slices.ContainsFunc(queues, func(q batch.JobQueue) bool { return names(name, q) }) {
			return batch.Invalidf("JobQueue %.256s not found.", name)
		}
	}
	for _, q := range queues {
		if s.cursors[q.Number], err = s.outbox.LastStatusChange(ctx, q.Number); err != nil {
			return err
		}
	}
	return nil
}

func names(nameOrARN string, q batch.JobQueue) bool {
	name, ok := batch.NameFromARN(batch.ARNJobQueue, nameOrARN)
	return ok && name == q.Name
}

func (s *subscriber) queues(ctx context.Context) ([]batch.JobQueue, error) {
	queues, err := s.outbox.Queues(ctx)
	if err != nil || len(s.names) == 0 {
		return queues, err
	}
	return slices.DeleteFunc(queues, func(q batch.JobQueue) bool {
		return !slices.ContainsFunc(s.names, func(name string) bool { return names(name, q) })
	}), nil
}

// run writes events until the client goes or the store fails.
func (s *subscriber) run(ctx context.Context) error {
	ticker := s.cfg.Clock.NewTicker(s.poll)
	defer ticker.Stop()
	if err := s.write(s.greeting()); err != nil {
		return err
	}
	silent := s.cfg.Clock.Now()
	for first := true; ; first = false {
		wrote, err := s.catchUp(ctx)
		if err != nil {
			return err
		}
		if first { // whoever wants to know the past alone can go
			if err := s.write(": " + viewapi.EventsCaughtUp + "\n\n"); err != nil {
				return err
			}
		}
		now := s.cfg.Clock.Now()
		if wrote {
			silent = now
		} else if now.Sub(silent) >= s.cfg.Heartbeat {
			silent = now
			if err := s.write(": still here\n\n"); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.cfg.Done:
			return nil
		case <-ticker.C():
		}
	}
}

// greeting is what a stream begins with. In brief it says where it begins, so that a browser which is cut off before anything
// changes goes on from there, soon.
func (s *subscriber) greeting() string {
	if s.brief {
		return "retry: 1000\nid: " + encodeCursors(s.cursors) + "\n\n"
	}
	return ": stream of job state changes\n\n"
}

// catchUp writes all there is.
func (s *subscriber) catchUp(ctx context.Context) (wrote bool, err error) {
	queues, err := s.queues(ctx)
	if err != nil {
		return false, err
	}
	for _, q := range queues {
		for {
			changes, err := s.outbox.StatusChanges(ctx, q.Number, s.cursors[q.Number], page)
			if err != nil || len(changes) == 0 {
				if err != nil {
					return wrote, err
				}
				break
			}
			if err := s.tell(ctx, q, changes); err != nil {
				return wrote, err
			}
			wrote = true
		}
	}
	return wrote, nil
}

// tell writes one page of a queue's changes.
func (s *subscriber) tell(ctx context.Context, q batch.JobQueue, changes []batch.StatusChange) error {
	mine := slices.DeleteFunc(slices.Clone(changes), func(c batch.StatusChange) bool { return !isTold(c) || !s.wants(c) })
	if s.brief {
		s.cursors[q.Number] = changes[len(changes)-1].Cursor
		return s.tellBriefly(q, mine)
	}
	events, err := s.composer.Compose(ctx, q, mine)
	if err != nil {
		return err
	}
	for i, e := range events {
		data, err := encode(e)
		if err != nil {
			return err
		}
		s.cursors[q.Number] = mine[i].Cursor
		if err := s.write(fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", encodeCursors(s.cursors), e.DetailType, data)); err != nil {
			return err
		}
	}
	s.cursors[q.Number] = changes[len(changes)-1].Cursor
	return nil
}

// Change is one change of a job, as a stream in brief tells it.
type Change struct {
	JobID    string          `json:"jobId"`
	JobQueue string          `json:"jobQueue"` // its name
	Status   batch.JobStatus `json:"status"`
	At       int64           `json:"at"` // Unix milliseconds
}

// tellBriefly writes one page of a queue's changes at once, as an event of the type "changes".
func (s *subscriber) tellBriefly(q batch.JobQueue, changes []batch.StatusChange) error {
	if len(changes) == 0 {
		return nil
	}
	list := make([]Change, len(changes))
	for i, c := range changes {
		list[i] = Change{JobID: c.JobID, JobQueue: q.Name, Status: c.To, At: c.At.UnixMilli()}
	}
	data, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("encode changes: %w", err)
	}
	return s.write(fmt.Sprintf("id: %s\nevent: changes\ndata: %s\n\n", encodeCursors(s.cursors), data))
}

func (s *subscriber) wants(c batch.StatusChange) bool {
	if s.jobID == "" || s.jobID == c.JobID {
		return true
	}
	ref, err := batch.ParseJobID(c.JobID)
	return err == nil && ref.Job == s.jobID
}

func (s *subscriber) write(text string) error {
	_ = s.control.SetWriteDeadline(s.cfg.Clock.Now().Add(writeTimeout)) // not every connection has one
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}

// encodeCursors makes an event's id on the stream: all that is needed to go on after it.
func encodeCursors(cursors map[int]string) string {
	text, _ := json.Marshal(cursors) // a map of strings always can
	return base64.RawURLEncoding.EncodeToString(text)
}

func decodeCursors(id string) (map[int]string, error) {
	text, err := base64.RawURLEncoding.DecodeString(id)
	var cursors map[int]string
	if err != nil || json.Unmarshal(text, &cursors) != nil || cursors == nil {
		return nil, batch.Invalidf("Last-Event-ID: not an id of this stream")
	}
	return cursors, nil
}
